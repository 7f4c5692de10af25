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
use crate::refusal::refusal;
use crate::seen::Seen;
use distribution::{Distribution, Sample};
use margin::with_margin;

/// How often a point is drawn before one that is new is looked for in the whole space.
const N_DRAWS: usize = 32;

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
/// last, and failed ones are left out. Where a point was seen another one is drawn; on a finite
/// space no point comes twice, and the study ends when there is none left.
///
/// # Source
/// Hansen, "The CMA Evolution Strategy: A Tutorial", arXiv:1604.00772, with negative weights; the
/// margin of Hamano et al., GECCO 2022; restarts of Auger and Hansen, CEC 2005; trials that were
/// not drawn from the present distribution count as in Hansen, "Injecting External Solutions Into
/// CMA-ES", arXiv:1110.4181. Differs, also from Optuna 5's `CmaEsSampler`: ordered choices are
/// taken, trials may overlap, ties share their weights, and nothing but the trials is kept.
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
    /// The trials that did not fail.
    told: BTreeMap<u64, Member>,
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

/// What follows from the generations that are full.
struct State {
    distribution: Distribution,
    /// How many trials a generation has.
    size: usize,
    n_restarts: u32,
    /// The number of the first trial of the generation that is not full.
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
            let reason = "`cma_es` takes one; `sum_scaled_metrics` makes one of them, and for \
                          several there are `nsga2`, `nsga3` and `tpe`";
            let reason = reason.to_owned();
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
            study: study.clone(),
        })
    }

    fn propose(&self, number: u64) -> Option<Params> {
        if self.seen.is_exhausted(number) {
            return None;
        }
        let mut rng = stream(self.study.seed, Purpose::Propose, number);
        for _ in 0..N_DRAWS {
            let params = self.params(&self.draw(&mut rng));
            if !self.seen.contains(&params, number) {
                return Some(params);
            }
        }
        self.seen.draw(number, &mut rng)
    }

    /// Draws places from the present distribution; those of continuous parameters are on their
    /// lines.
    fn draw(&self, rng: &mut Stream) -> Vec<f64> {
        let mut places = self.state.distribution.draw(rng);
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

    /// Returns a trial as the distribution learns from it: the places that it was drawn at, if the
    /// present distribution gives its number these params.
    ///
    /// Those places say more than the params, of which discrete ones are rounded.
    fn sample(&self, number: u64, params: &Params) -> Sample {
        let mut rng = stream(self.study.seed, Purpose::Propose, number);
        let mut draws = (0..N_DRAWS).map(|_| self.draw(&mut rng));
        match draws.find(|places| self.params(places) == *params) {
            Some(places) => Sample {
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

    /// Learns from the generations that are full.
    fn learn(&mut self) {
        loop {
            let generation = self.told.range(self.state.next..).take(self.state.size);
            let generation: Vec<(&u64, &Member)> = generation.collect();
            if generation.len() < self.state.size || self.axes.is_empty() {
                return;
            }
            let next = generation.last().map_or(0, |(number, _)| **number + 1);
            let ranks = ranks(&generation);
            // A generation of equals says nothing.
            if ranks.iter().any(|rank| *rank > 0) {
                let sample =
                    |(number, member): &(&u64, &Member)| self.sample(**number, &member.params);
                let samples: Vec<Sample> = generation.iter().map(sample).collect();
                self.state.distribution.update(&samples, &ranks);
                self.keep_in_reach();
                let is_real = |axis: &usize| self.axes[*axis].line.n_values().is_none();
                let real: Vec<usize> = (0..self.axes.len()).filter(is_real).collect();
                if !real.is_empty() && self.state.distribution.is_spent(real.into_iter()) {
                    self.restart();
                }
            }
            self.state.next = next;
        }
    }

    /// Keeps the mean on its lines, and the neighbours of discrete parameters in reach.
    fn keep_in_reach(&mut self) {
        let State {
            distribution, size, ..
        } = &mut self.state;
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
    fn restart(&mut self) {
        let n_restarts = self.state.n_restarts + 1;
        let mut rng = stream(self.study.seed, Purpose::Strategy, u64::from(n_restarts));
        let mean = self.axes.iter().map(|_| rng.random()).collect();
        let size = (2 * self.state.size).min(SIZE_MAX);
        self.state = State {
            distribution: Distribution::new(mean, self.settings.sigma, size),
            size,
            n_restarts,
            next: self.state.next,
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
            n_restarts: 0,
            next: 0,
        }
    }
}

impl Strategy for CmaEs {
    fn ask(&mut self, numbers: &[u64]) -> Result<Vec<Params>, StrategyError> {
        let mut proposals = Vec::with_capacity(numbers.len());
        for number in numbers {
            let Some(params) = self.propose(*number) else {
                break;
            };
            self.seen.propose(*number, params.clone());
            proposals.push(params);
        }
        Ok(proposals)
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), StrategyError> {
        for trial in trials {
            let merit = Merit::of(trial, &self.study.directions)?;
            let params = self.seen.tell(trial)?;
            let Some(merit) = merit else {
                continue;
            };
            self.told.insert(trial.number, Member { params, merit });
            if trial.number < self.state.next {
                // It belongs to a generation that was full without it: learn anew from the start.
                self.state = State::first(self.axes.len(), self.settings);
            }
        }
        self.learn();
        Ok(())
    }
}

/// Returns how many of a generation are better than each.
fn ranks(generation: &[(&u64, &Member)]) -> Vec<usize> {
    let rank = |(_, member): &(&u64, &Member)| {
        let better = generation
            .iter()
            .filter(|(_, other)| compare(&other.merit, &member.merit).is_lt());
        better.count()
    };
    generation.iter().map(rank).collect()
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
    if parameter.condition.is_some() {
        let reason =
            "exists only under a condition, where there is nothing to learn for the others";
        return Err(refusal(&parameter.name, reason));
    }
    match &parameter.domain {
        Domain::Categorical { choices } if choices.len() > 2 => {
            Err(refusal(&parameter.name, "has choices without an order"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
