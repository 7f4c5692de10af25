//! Evolution in which the oldest dies.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use firebrick_core::random::{Purpose, Stream, stream};
use firebrick_core::register_strategy;
use firebrick_core::strategy::{Strategy, StrategyError, Study};
use firebrick_core::trial::Trial;
use firebrick_core::value::Params;
use rand::RngExt;
use rand::seq::index;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::breeding::mutate_one;
use crate::generations::size_for;
use crate::merit::{Merit, fronts};
use crate::seen::{Seen, ask_each};

/// How often a child is made again because it was seen, before a point is drawn at random.
const N_TRIES: usize = 32;

/// More living trials than this take longer to look through than they are worth.
const SIZE_MAX: usize = 10_000;

/// Changes one value of the best of some trials drawn among the latest ones.
///
/// The first trials are random. From then on a few of the living trials are drawn, the best of them
/// is the parent (with several objectives, one of those that no other dominates), and one of its
/// values is changed: among ordered choices half of the time to one nearby. Only the latest trials
/// live, however good older ones were, so a lucky result does not last. Pruned trials come after
/// complete ones, and infeasible ones last, the less they are beyond their limits the better;
/// failed ones are forgotten. No point comes twice, and the study ends when there is none left. Any
/// number of trials may run at a time.
///
/// # Source
/// Real et al., "Regularized Evolution for Image Classifier Architecture Search", AAAI 2019.
/// Differs: the population follows from the number of trials, which is 20,000 in the paper;
/// several objectives; children that were seen are made again, and after several times changed
/// twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegularizedEvolutionSettings {
    /// How many trials live, at most 10,000. Absent, the square root of twice the number of trials.
    #[serde(default)]
    pub population_size: Option<NonZeroUsize>,
    /// How many of them are drawn for each child. Absent, a quarter of them.
    #[serde(default)]
    pub sample_size: Option<NonZeroUsize>,
}

register_strategy!(
    "regularized_evolution", "regularized-evolution", "evolution";
    RegularizedEvolutionSettings => RegularizedEvolution::new
);

/// The strategy `regularized_evolution`; see [`RegularizedEvolutionSettings`].
pub struct RegularizedEvolution {
    study: Study,
    population_size: usize,
    sample_size: usize,
    seen: Seen,
    /// The trials that did not fail.
    told: BTreeMap<u64, Member>,
}

struct Member {
    params: Params,
    merit: Merit,
}

impl RegularizedEvolution {
    /// Makes the strategy for a study.
    ///
    /// # Errors
    /// [`StrategyError::Other`] if the study has no objective, [`StrategyError::Settings`] if the
    /// population is too large or the sample larger than it.
    pub fn new(
        study: &Study,
        settings: RegularizedEvolutionSettings,
    ) -> Result<Self, StrategyError> {
        let population_size = match settings.population_size {
            None => size_for(study),
            Some(size) => size.get(),
        };
        let sample_size = match settings.sample_size {
            None => population_size.div_ceil(4),
            Some(size) => size.get(),
        };
        for (key, size, most) in [
            ("population_size", population_size, SIZE_MAX),
            ("sample_size", sample_size, population_size),
        ] {
            if size > most {
                return Err(StrategyError::Settings(format!(
                    "`{key}` is {size}, expected at most {most}"
                )));
            }
        }
        if study.directions.is_empty() {
            return Err(StrategyError::Other(
                "there is no objective to learn from".to_owned(),
            ));
        }
        Ok(Self {
            population_size,
            sample_size,
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
        let latest = self.told.range(..number).rev().take(self.population_size);
        let living: Vec<&Member> = latest.map(|(_, member)| member).collect();
        if living.len() < self.population_size {
            return self.seen.draw(number, &mut rng);
        }
        for n_tried in 0..N_TRIES {
            let parent = self.parent(&living, &mut rng);
            let mut child = mutate_one(&self.study.space, &parent.params, &mut rng);
            if n_tried >= N_TRIES / 2 {
                child = mutate_one(&self.study.space, &child, &mut rng);
            }
            if !self.seen.contains(&child, number) {
                return Some(child);
            }
        }
        self.seen.draw(number, &mut rng)
    }

    /// Returns the best of some trials drawn among those living.
    fn parent<'a>(&self, living: &[&'a Member], rng: &mut Stream) -> &'a Member {
        let drawn = index::sample(rng, living.len(), self.sample_size);
        let drawn: Vec<&Member> = drawn.iter().map(|idx| living[idx]).collect();
        let merits: Vec<&Merit> = drawn.iter().map(|member| &member.merit).collect();
        let best = &fronts(&merits)[0];
        drawn[best[rng.random_range(0..best.len())]]
    }
}

impl Strategy for RegularizedEvolution {
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
            if let Some(merit) = merit {
                self.told.insert(trial.number, Member { params, merit });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use firebrick_core::space::Space;
    use firebrick_core::testing::check_strategy_without_repeats;
    use firebrick_core::trial::Outcome;
    use firebrick_core::value::Value;
    use serde_json::json;

    use super::*;
    use crate::tests::{complete, make, ordinal, study};
    use crate::zdt::{hypervolume_of, zdt1};

    fn wide() -> Study {
        let choices: Vec<i64> = (0..50).collect();
        let parameters = ["a", "b", "c", "d"].map(|name| ordinal(name, &choices));
        study(Space::new(parameters.to_vec()).expect("well-formed"), 1, 0)
    }

    #[test]
    fn keeps_the_contract() {
        check_strategy_without_repeats(|study| make("evolution", &json!({}), study));
        check_strategy_without_repeats(|study| {
            let settings = json!({ "population_size": 5, "sample_size": 5 });
            make("regularized_evolution", &settings, study)
        });
    }

    #[test]
    fn a_child_differs_from_the_best_living_trial_in_one_value() {
        let settings = json!({ "population_size": 4, "sample_size": 4 });
        let mut strategy = make("regularized_evolution", &settings, &wide()).expect("made");
        let mut points = Vec::new();
        // The best of all is trial 0, which is dead when trial 5 is asked for.
        for (number, value) in (0..).zip([0.0, 4.0, 2.0, 3.0, 9.0]) {
            let params = strategy.ask(&[number]).expect("asks").remove(0);
            strategy
                .tell(&[complete(number, params.clone(), vec![value])])
                .expect("tells");
            points.push(params);
        }
        let child = strategy.ask(&[5]).expect("asks").remove(0);
        let differs = |(name, value): &(&str, &Value)| points[2].get(name) != Some(*value);
        assert_eq!(child.iter().filter(differs).count(), 1);
    }

    #[test]
    fn a_parent_is_the_living_trial_that_is_least_beyond_its_limits() {
        let settings = json!({ "population_size": 4, "sample_size": 4 });
        let mut strategy = make("regularized_evolution", &settings, &wide()).expect("made");
        let mut points = Vec::new();
        for (number, violation) in (0..).zip([Some(2.0), None, Some(0.25), Some(0.5)]) {
            let params = strategy.ask(&[number]).expect("asks").remove(0);
            points.push(params.clone());
            let mut trial = complete(number, params, Vec::new());
            let reason = "too large".to_owned();
            trial.outcome = Outcome::Infeasible { reason, violation };
            strategy.tell(&[trial]).expect("tells");
        }
        let child = strategy.ask(&[4]).expect("asks").remove(0);
        let differs = |(name, value): &(&str, &Value)| points[2].get(name) != Some(*value);
        assert_eq!(child.iter().filter(differs).count(), 1);
    }

    #[test]
    fn finds_a_small_sum_sooner_than_random() {
        let best = |name: &str, seed: u64| {
            let study = Study {
                n_trials: Some(150),
                seed,
                ..wide()
            };
            let mut strategy = make(name, &json!({}), &study).expect("made");
            let mut best = f64::INFINITY;
            for number in 0..150 {
                let params = strategy.ask(&[number]).expect("asks").remove(0);
                let sum: f64 = params.iter().filter_map(|(_, value)| value.as_f64()).sum();
                best = sum.min(best);
                strategy
                    .tell(&[complete(number, params, vec![sum])])
                    .expect("tells");
            }
            best
        };
        let mean = |name| (0..10).map(|seed| best(name, seed)).sum::<f64>() / 10.0;
        let (random, evolution) = (mean("random"), mean("evolution"));
        assert!(
            evolution < 0.5 * random,
            "random {random}, evolution {evolution}"
        );
    }

    #[test]
    fn beats_random_on_two_objectives() {
        let mean = |name| {
            let volume = |seed| hypervolume_of(name, &json!({}), zdt1, 2, 300, seed);
            (0..10).map(volume).sum::<f64>() / 10.0
        };
        let (random, evolution) = (mean("random"), mean("evolution"));
        assert!(
            evolution > random + 0.1,
            "random {random}, evolution {evolution}"
        );
    }

    #[test]
    fn sizes_that_make_no_sense_are_refused() {
        let message = |settings| {
            make("evolution", &settings, &wide())
                .err()
                .expect("refused")
        };
        assert_eq!(
            message(json!({ "population_size": 4, "sample_size": 5 })).to_string(),
            "`sample_size` is 5, expected at most 4"
        );
        assert_eq!(
            message(json!({ "population_size": 10_001 })).to_string(),
            "`population_size` is 10001, expected at most 10000"
        );
    }
}
