//! The covariance matrix adaptation evolution strategy.

mod distribution;
mod eigen;
mod margin;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use firebrick_core::random::{Purpose, Stream, stream};
use firebrick_core::register_strategy;
use firebrick_core::space::{Domain, Parameter};
use firebrick_core::strategy::{Strategy, StrategyError, Study};
use firebrick_core::trial::Trial;
use firebrick_core::value::Params;
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::line::Line;
use crate::merit::{Merit, compare};
use crate::seen::{Seen, ask_each};
use distribution::{Distribution, Sample};
use margin::with_margin;

/// How often a point is drawn before one that is new is looked for in the whole space.
const N_DRAWS: usize = 200;

/// More points a generation than this learn nothing sooner.
const SIZE_MAX: usize = 10_000;

/// More parameters than this take seconds a generation.
const N_DIMENSIONS_MAX: usize = 500;

/// Learns a normal distribution around the best trials, and how the parameters go together.
///
/// For numbers and ordered choices and one objective: good where there are hundreds of trials and
/// parameters that matter together. Every generation of trials moves the distribution towards its
/// better half and gives it that half's shape. Of whole numbers and ordered choices a neighbour
/// always stays in reach. When the distribution has shrunk to a point it starts again elsewhere,
/// with generations of twice the size. Pruned trials come after complete ones, infeasible ones
/// last, the less they are beyond their limits the better, and failed ones are left out. A point
/// that comes again is not proposed: the distribution learns from what is known of it. On a finite
/// space the study ends when no point is left.
///
/// # Source
/// Hansen, "The CMA Evolution Strategy: A Tutorial", arXiv:1604.00772, with negative weights; the
/// margin of Hamano et al., GECCO 2022; restarts of Auger and Hansen, CEC 2005; trials that were
/// not drawn from the present distribution count as in Hansen, "Injecting External Solutions Into
/// CMA-ES", arXiv:1110.4181. Differs, also from Optuna 5's `CmaEsSampler`: ordered choices are
/// taken, trials may overlap, points that come again cost no trial, ties share their weights, and
/// nothing but the trials is kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CmaEsSettings {
    /// How many trials a generation has, 4 to 10,000. Absent, 4 and thrice the logarithm of the
    /// number of parameters.
    #[serde(default)]
    pub population_size: Option<NonZeroUsize>,
    /// The first deviation, as a part of each parameter's range, above 0 and at most 1.
    #[serde(default = "quarter")]
    pub sigma: f64,
}

fn quarter() -> f64 {
    0.25
}

register_strategy!("cma_es", "cmaes", "cma-es"; CmaEsSettings => CmaEs::new);

/// The strategy `cma_es`; see [`CmaEsSettings`].
pub struct CmaEs {
    study: Study,
    settings: CmaEsSettings,
    axes: Vec<Axis>,
    seen: Seen,
    /// The trials that did not fail, and the first of each point.
    told: BTreeMap<u64, Member>,
    numbers: BTreeMap<Params, u64>,
    state: State,
}

/// A parameter with more than one value.
struct Axis {
    name: String,
    line: Line,
}

struct Member {
    params: Params,
    merit: Merit,
}

/// What follows from the trials before one.
#[derive(Clone)]
struct State {
    distribution: Distribution,
    /// How many samples a generation has.
    size: usize,
    /// The generation that is not full.
    generation: Vec<(Sample, Merit)>,
    n_restarts: u32,
    /// The number of the first trial that was not learnt from.
    next: u64,
}

impl CmaEs {
    /// Makes the strategy for a study.
    ///
    /// # Errors
    /// [`StrategyError::Space`] names the first parameter that exists only under a condition or has
    /// more than two choices without an order; [`StrategyError::Objectives`] if there is not one
    /// objective; [`StrategyError::Settings`] if a setting is out of range;
    /// [`StrategyError::Other`] if there are too many parameters.
    pub fn new(study: &Study, settings: CmaEsSettings) -> Result<Self, StrategyError> {
        let found = study.directions.len();
        if found != 1 {
            let reason = "`cma_es` takes one; `sum_scaled_metrics` makes one of them".to_owned();
            return Err(StrategyError::Objectives { found, reason });
        }
        check(settings)?;
        let parameters = study.space.parameters();
        parameters.iter().try_for_each(takes)?;
        let axes: Vec<Axis> = parameters
            .iter()
            .filter(|parameter| parameter.domain.size() != Some(1))
            .map(|Parameter { name, domain, .. }| Axis {
                name: name.clone(),
                line: Line::new(domain),
            })
            .collect();
        if axes.len() > N_DIMENSIONS_MAX {
            let n = axes.len();
            return Err(StrategyError::Other(format!(
                "the space has {n} parameters, expected at most {N_DIMENSIONS_MAX}"
            )));
        }
        Ok(Self {
            state: State::first(axes.len(), settings),
            settings,
            axes,
            seen: Seen::new(&study.space, study.seed),
            told: BTreeMap::new(),
            numbers: BTreeMap::new(),
            study: study.clone(),
        })
    }

    fn propose(&self, number: u64) -> Option<Params> {
        if self.seen.is_exhausted(number) {
            return None;
        }
        let mut rng = stream(self.study.seed, Purpose::Propose, number);
        let mut state = self.state.clone();
        let is_new = |params: &Params| !self.seen.contains(params, number);
        match self.walk(&mut state, number, &mut rng, is_new) {
            Some((_, params)) => Some(params),
            None => self.seen.draw(number, &mut rng),
        }
    }

    /// Draws until a point is accepted, learning on the way from points that are known; `None` if
    /// there are too many.
    fn walk(
        &self,
        state: &mut State,
        number: u64,
        rng: &mut Stream,
        accepts: impl Fn(&Params) -> bool,
    ) -> Option<(Vec<f64>, Params)> {
        let mut n_known = 0;
        for _ in 0..N_DRAWS {
            let places = self.draw(&state.distribution, rng);
            let params = self.params(&places);
            if accepts(&params) {
                return Some((places, params));
            }
            let first = self.numbers.get(&params).filter(|first| **first < number);
            if let Some(first) = first {
                n_known += 1;
                let sample = Sample {
                    places,
                    is_foreign: false,
                };
                self.learn(state, sample, self.told[first].merit.clone());
            }
        }
        if n_known > N_DRAWS / 2 {
            // What is in reach is known.
            self.restart(state);
        }
        None
    }

    /// Draws places, those of continuous parameters on their lines.
    fn draw(&self, distribution: &Distribution, rng: &mut Stream) -> Vec<f64> {
        let mut places = distribution.draw(rng);
        for (place, axis) in places.iter_mut().zip(&self.axes) {
            if axis.line.n_values().is_none() {
                *place = place.clamp(0.0, 1.0);
            }
        }
        places
    }

    fn params(&self, places: &[f64]) -> Params {
        let mut params = Params::new();
        for parameter in self.study.space.parameters() {
            params.insert(&parameter.name, parameter.domain.value(0));
        }
        for (axis, place) in self.axes.iter().zip(places) {
            params.insert(&axis.name, axis.line.value(*place));
        }
        params
    }

    /// Learns from the trials told that come next.
    fn catch_up(&mut self) {
        if self.axes.is_empty() {
            return;
        }
        let mut state = self.state.clone();
        for (number, member) in self.told.range(self.state.next..) {
            let sample = self.sample(&mut state, *number, &member.params);
            self.learn(&mut state, sample, member.merit.clone());
            state.next = number + 1;
        }
        self.state = state;
    }

    /// Returns a trial as the distribution learns from it: the places that it was drawn at, if the
    /// present distribution gives its number these params.
    ///
    /// Those places say more than the params, of which discrete ones are rounded.
    fn sample(&self, state: &mut State, number: u64, params: &Params) -> Sample {
        let mut rng = stream(self.study.seed, Purpose::Propose, number);
        let mut walked = state.clone();
        let drawn = self.walk(&mut walked, number, &mut rng, |drawn| drawn == params);
        // What was known on the way to a point that was drawn otherwise says nothing about it.
        if drawn.is_some() || walked.n_restarts > state.n_restarts {
            *state = walked;
        }
        match drawn {
            Some((places, _)) => Sample {
                places,
                is_foreign: false,
            },
            None => {
                let place = |axis: &Axis| {
                    let value = params.get(&axis.name);
                    value.map_or(0.5, |value| axis.line.place(value))
                };
                Sample {
                    places: self.axes.iter().map(place).collect(),
                    is_foreign: true,
                }
            }
        }
    }

    /// Learns from a sample, once its generation is full.
    fn learn(&self, state: &mut State, sample: Sample, merit: Merit) {
        state.generation.push((sample, merit));
        if state.generation.len() < state.size {
            return;
        }
        let (samples, merits): (Vec<Sample>, Vec<Merit>) = state.generation.drain(..).unzip();
        let ranks = ranks(&merits);
        // A generation of equals says nothing.
        if ranks.iter().all(|rank| *rank == 0) {
            return;
        }
        state.distribution.update(&samples, &ranks);
        self.keep_in_reach(state);
        let is_real = |axis: &usize| self.axes[*axis].line.n_values().is_none();
        let mut real = (0..self.axes.len()).filter(is_real).peekable();
        if real.peek().is_some() && state.distribution.is_spent(real) {
            self.restart(state);
        }
    }

    /// Keeps the mean on its lines, and the neighbours of discrete parameters in reach.
    fn keep_in_reach(&self, state: &mut State) {
        let State {
            distribution, size, ..
        } = state;
        let alpha = 1.0 / (self.axes.len() * *size) as f64;
        for (idx, axis) in self.axes.iter().enumerate() {
            let Some(n) = axis.line.n_values() else {
                distribution.mean[idx] = distribution.mean[idx].clamp(0.0, 1.0);
                continue;
            };
            let mean = distribution.mean[idx];
            let at = axis.line.index(mean);
            let (low, high) = axis.line.cell(at);
            let cell = ((at > 0).then_some(low), (at + 1 < n).then_some(high));
            let deviation = distribution.deviation(idx);
            let (mean, factor) =
                with_margin(mean, deviation, distribution.factors[idx], cell, alpha);
            distribution.mean[idx] = mean;
            distribution.factors[idx] = factor;
        }
    }

    /// Starts again around a random place, with generations of twice the size.
    fn restart(&self, state: &mut State) {
        let n_restarts = state.n_restarts + 1;
        let mut rng = stream(self.study.seed, Purpose::Strategy, u64::from(n_restarts));
        let mean = self.axes.iter().map(|_| rng.random()).collect();
        let size = (2 * state.size).min(SIZE_MAX);
        *state = State {
            distribution: Distribution::new(mean, self.settings.sigma, size),
            size,
            generation: Vec::new(),
            n_restarts,
            next: state.next,
        };
    }
}

impl State {
    fn first(n_dimensions: usize, settings: CmaEsSettings) -> Self {
        let size = match settings.population_size {
            Some(size) => size.get(),
            None => 4 + (3.0 * (n_dimensions.max(1) as f64).ln()) as usize,
        };
        Self {
            distribution: Distribution::new(vec![0.5; n_dimensions], settings.sigma, size),
            size,
            generation: Vec::new(),
            n_restarts: 0,
            next: 0,
        }
    }
}

impl Strategy for CmaEs {
    fn ask(&mut self, numbers: &[u64]) -> Result<Vec<Params>, StrategyError> {
        Ok(ask_each(
            self,
            numbers,
            |own| &mut own.seen,
            |own, number| own.propose(number),
        ))
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), StrategyError> {
        for trial in trials {
            let merit = Merit::of(trial, &self.study.directions)?;
            let params = self.seen.tell(trial)?;
            let Some(merit) = merit else {
                continue;
            };
            let first = self.numbers.entry(params.clone()).or_insert(trial.number);
            *first = trial.number.min(*first);
            self.told.insert(trial.number, Member { params, merit });
            if trial.number < self.state.next {
                // What came after it was learnt from without it: learn anew from the start.
                self.state = State::first(self.axes.len(), self.settings);
            }
        }
        self.catch_up();
        Ok(())
    }
}

/// Returns how many of a generation are better than each.
fn ranks(merits: &[Merit]) -> Vec<usize> {
    let rank = |merit: &Merit| {
        let better = merits.iter().filter(|other| compare(other, merit).is_lt());
        better.count()
    };
    merits.iter().map(rank).collect()
}

fn check(settings: CmaEsSettings) -> Result<(), StrategyError> {
    let misfit = |message: String| Err(StrategyError::Settings(message));
    match settings.population_size.map(NonZeroUsize::get) {
        Some(size) if !(4..=SIZE_MAX).contains(&size) => {
            return misfit(format!(
                "`population_size` is {size}, expected 4 to {SIZE_MAX}"
            ));
        }
        _ => {}
    }
    let sigma = settings.sigma;
    if !(sigma > 0.0 && sigma <= 1.0) {
        return misfit(format!(
            "`sigma` is {sigma}, expected above 0 and at most 1"
        ));
    }
    Ok(())
}

/// Returns an error if a parameter can't be laid on a line of its own.
fn takes(parameter: &Parameter) -> Result<(), StrategyError> {
    let refuse = |reason: &str| {
        Err(StrategyError::Space {
            parameter: parameter.name.clone(),
            reason: reason.to_owned(),
        })
    };
    if parameter.condition.is_some() {
        return refuse(
            "exists only under a condition, where there is nothing to learn for the others",
        );
    }
    match &parameter.domain {
        Domain::Categorical { choices } if choices.len() > 2 => {
            refuse("has choices without an order")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
