//! The tree-structured Parzen estimator.

mod axis;
mod columns;
mod kept;
mod kernel;
mod mixture;
mod normal;
mod split;
mod subset;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use firebrick_core::objective::Direction;
use firebrick_core::random::{Purpose, Stream, stream};
use firebrick_core::register_strategy;
use firebrick_core::strategy::{Strategy, StrategyError, Study};
use firebrick_core::trial::Trial;
use firebrick_core::value::Params;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::seen::{Seen, ask_each};
use axis::{Axes, Point};
use columns::{Columns, Selection};
use kept::Kept;
use mixture::{Mixture, Weights};
use split::{Standing, good};

/// How often candidates are drawn until there are enough new ones.
const N_ROUNDS: usize = 4;

/// More candidates than this take seconds and gigabytes for nothing.
const N_EI_CANDIDATES_MAX: usize = 10_000;

/// Learns from finished trials where good ones lie, and proposes what is most like them.
///
/// The best tenth of the trials (with several objectives, the best fronts) and the rest each make a
/// density over the space; of some candidates drawn from the first, the one with the highest ratio
/// of the two densities is proposed. The first trials are random. Ordered choices such as
/// multipliers and bit widths are modelled by their order. Trials that are still running count
/// among the rest, so that a batch spreads out. Pruned trials are learnt from, and those beyond
/// their limits, the less the better; what could not be built and what failed is avoided. A point
/// that was proposed or told does not come again while there are others; the study ends when there
/// are none.
///
/// # Source
/// Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011; several
/// objectives: Ozaki et al., JAIR 73, 2022; the details are those of Optuna 5.0's `TPESampler`.
/// Differs: multivariate for any number of objectives; parameters that exist under the same
/// condition always are a group (`group` there), which learns from the trials that have it;
/// candidates that were seen do not count; how far a trial is beyond its limits counts relative to
/// them, and a trial that can't be built, which says no number, is never good;
/// the chance in a proposal depends on the seed and the trial number only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TpeSettings {
    /// How many trials must have finished, without failing, before the estimator takes over.
    #[serde(default = "ten")]
    pub n_startup_trials: u64,
    /// How many candidates the best is taken from, at most 10,000.
    #[serde(default = "twenty_four")]
    pub n_ei_candidates: NonZeroUsize,
    /// Whether one density spans all parameters that exist together, rather than each parameter
    /// having its own.
    #[serde(default = "always")]
    pub multivariate: bool,
}

fn ten() -> u64 {
    10
}

fn twenty_four() -> NonZeroUsize {
    const { NonZeroUsize::new(24).expect("24 is not 0") }
}

fn always() -> bool {
    true
}

register_strategy!("tpe"; TpeSettings => Tpe::new);

/// The strategy `tpe`; see [`TpeSettings`].
pub struct Tpe {
    study: Study,
    settings: TpeSettings,
    axes: Axes,
    seen: Seen,
    columns: Columns,
    /// What each row of the columns says.
    standings: Vec<Standing>,
    n_informative: u64,
    /// What follows from the told trials alone; made when it is first needed after a change.
    fitted: Option<Fitted>,
    /// What was computed once and holds for the whole study; it changes no proposal.
    kept: RefCell<Kept>,
}

/// The split of the told trials, and the density of the good ones.
struct Fitted {
    is_good: Vec<bool>,
    of_good: Estimator,
}

/// A density over a space: one mixture for each group of axes, or for each axis.
struct Estimator(Vec<Mixture>);

impl Tpe {
    /// Makes the strategy for a study.
    ///
    /// # Errors
    /// [`StrategyError::Other`] if the study has no objective, [`StrategyError::Settings`] if there
    /// are too many candidates.
    pub fn new(study: &Study, settings: TpeSettings) -> Result<Self, StrategyError> {
        let n_candidates = settings.n_ei_candidates.get();
        if n_candidates > N_EI_CANDIDATES_MAX {
            return Err(StrategyError::Settings(format!(
                "`n_ei_candidates` is {n_candidates}, expected at most {N_EI_CANDIDATES_MAX}"
            )));
        }
        if study.directions.is_empty() {
            return Err(StrategyError::Other(
                "there is no objective to learn from".to_owned(),
            ));
        }
        let axes = Axes::new(&study.space);
        Ok(Self {
            kept: RefCell::new(Kept::new(&axes)),
            axes,
            columns: Columns::new(study.space.parameters().len()),
            standings: Vec::new(),
            n_informative: 0,
            seen: Seen::new(&study.space, study.seed),
            fitted: None,
            study: study.clone(),
            settings,
        })
    }

    fn propose(&mut self, number: u64) -> Option<Params> {
        if self.seen.is_exhausted(number) {
            return None;
        }
        let mut rng = stream(self.study.seed, Purpose::Propose, number);
        if self.n_informative < self.settings.n_startup_trials {
            return self.seen.draw(number, &mut rng);
        }
        let fitted = match self.fitted.take() {
            Some(fitted) => fitted,
            None => self.fit(),
        };
        let of_others = self.fit_others(&fitted, number);
        let ratio = Ratio {
            good: &fitted.of_good,
            others: &of_others,
            kept: &self.kept,
        };
        let params = self.search(&ratio, number, &mut rng);
        self.fitted = Some(fitted);
        params
    }

    /// Returns the best new candidate.
    fn search(&self, ratio: &Ratio<'_>, number: u64, rng: &mut Stream) -> Option<Params> {
        let mut points = self.candidates(ratio, number, rng);
        if points.is_empty() {
            // The good region is used up: the best of some points that are new, wherever they are.
            let drawn = 0..self.settings.n_ei_candidates.get();
            let drawn = drawn.map_while(|_| self.seen.draw(number, rng));
            points.extend(drawn.map(|params| self.axes.point(&params)));
        }
        ratio.sort(&mut points);
        points.first().map(|point| self.axes.params(point))
    }

    /// Draws candidates that were neither told nor proposed, each once.
    ///
    /// Those that were do not count, so that a late proposal is the best of as many as an early one.
    fn candidates(&self, ratio: &Ratio<'_>, number: u64, rng: &mut Stream) -> Vec<Point> {
        let n_drawn = self.settings.n_ei_candidates.get();
        // Where there are several densities, a point is the best of all on each.
        let n_wanted = if ratio.is_joint() { n_drawn } else { 1 };
        let mut new: Vec<Point> = Vec::with_capacity(n_wanted);
        let mut known = BTreeSet::new();
        for _ in 0..N_ROUNDS {
            for point in ratio.draw(&self.axes, n_drawn, rng) {
                let params = self.axes.params(&point);
                if !self.seen.contains(&params, number) && known.insert(params) {
                    new.push(point);
                }
                if new.len() == n_wanted {
                    return new;
                }
            }
        }
        new
    }

    fn fit(&self) -> Fitted {
        let n_objectives = self.study.directions.len();
        let mut is_good = vec![false; self.standings.len()];
        for row in good(&self.standings, n_objectives) {
            is_good[row] = true;
        }
        let weights = if n_objectives == 1 {
            Weights::FavourNew
        } else {
            Weights::Even
        };
        let selection = Selection::new(&self.axes, &self.columns, |row| is_good[row], &[]);
        let of_good = self.estimator(&selection, weights);
        Fitted { is_good, of_good }
    }

    /// Fits the density of the other trials, those still running among them.
    fn fit_others(&self, fitted: &Fitted, number: u64) -> Estimator {
        let running: Vec<(u64, Point)> = self
            .seen
            .pending(number)
            .map(|(number, params)| (number, self.axes.point(params)))
            .collect();
        let is_other = |row: usize| !fitted.is_good[row];
        let selection = Selection::new(&self.axes, &self.columns, is_other, &running);
        self.estimator(&selection, Weights::FavourNew)
    }

    fn estimator(&self, trials: &Selection<'_>, weights: Weights) -> Estimator {
        let parts = if self.settings.multivariate {
            self.axes.groups()
        } else {
            (0..self.axes.len()).map(|axis| vec![axis]).collect()
        };
        let fit = |axes: &Vec<usize>| match axes.first() {
            Some(first) => Mixture::fit(&self.axes, axes, &trials.having(*first), weights),
            None => Mixture::fit(&self.axes, axes, trials, weights),
        };
        Estimator(parts.iter().map(fit).collect())
    }

    fn insert(&mut self, number: u64, point: &Point, standing: Standing) {
        let row = match self.columns.find(number) {
            Ok(row) => {
                self.columns.remove(row);
                let old = self.standings.remove(row);
                self.n_informative -= u64::from(old.is_informative());
                row
            }
            Err(row) => row,
        };
        self.n_informative += u64::from(standing.is_informative());
        self.columns.insert(&self.axes, row, number, point);
        self.standings.insert(row, standing);
        self.fitted = None;
    }
}

impl Strategy for Tpe {
    fn ask(&mut self, numbers: &[u64]) -> Result<Vec<Params>, StrategyError> {
        Ok(ask_each(
            self,
            numbers,
            |own| &mut own.seen,
            |own, number| own.propose(number),
        ))
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), StrategyError> {
        let directions: Vec<Direction> = self.study.directions.clone();
        for trial in trials {
            let n_values = trial.values().map_or(directions.len(), <[f64]>::len);
            if n_values != directions.len() {
                let (number, n) = (trial.number, directions.len());
                return Err(StrategyError::Other(format!(
                    "trial {number} has {n_values} values for {n} objectives"
                )));
            }
            let params = self.seen.tell(trial)?;
            let point = self.axes.point(&params);
            self.insert(trial.number, &point, Standing::of(trial, &directions));
        }
        Ok(())
    }
}

/// The two densities whose ratio says how promising a point is.
struct Ratio<'a> {
    good: &'a Estimator,
    others: &'a Estimator,
    kept: &'a RefCell<Kept>,
}

impl Ratio<'_> {
    /// Returns whether there is one density over all axes, as without conditions.
    fn is_joint(&self) -> bool {
        self.good.0.len() == 1
    }

    /// Returns `n` points drawn from the density of the good trials; where there are several, one
    /// point: part by part the best of `n`, those before it being set.
    fn draw(&self, axes: &Axes, n: usize, rng: &mut Stream) -> Vec<Point> {
        let mut points = vec![vec![None; axes.len()]];
        for (part, density) in self.good.0.iter().enumerate() {
            let start = points.swap_remove(0);
            if !density.is_active(axes, &start) {
                points = vec![start];
                continue;
            }
            points = vec![start; n];
            for point in &mut points {
                density.draw(point, rng);
            }
            if !self.is_joint() {
                self.sort_by_part(part, &mut points);
                points.truncate(1);
            }
        }
        points
    }

    /// Sorts points by how promising they are, the most promising first.
    fn sort(&self, points: &mut Vec<Point>) {
        let mut scores = vec![0.0; points.len()];
        for part in 0..self.good.0.len() {
            for (score, of_part) in scores.iter_mut().zip(self.scores(part, points)) {
                *score += of_part;
            }
        }
        sort_by_scores(points, &scores);
    }

    fn sort_by_part(&self, part: usize, points: &mut Vec<Point>) {
        let scores = self.scores(part, points);
        sort_by_scores(points, &scores);
    }

    fn scores(&self, part: usize, points: &[Point]) -> Vec<f64> {
        let mut kept = self.kept.borrow_mut();
        let good = self.good.0[part].log_densities(points, &mut kept);
        let others = self.others.0[part].log_densities(points, &mut kept);
        good.iter()
            .zip(others)
            .map(|(good, others)| good - others)
            .collect()
    }
}

fn sort_by_scores(points: &mut Vec<Point>, scores: &[f64]) {
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    *points = order
        .into_iter()
        .map(|idx| std::mem::take(&mut points[idx]))
        .collect();
}

#[cfg(test)]
mod tests;
