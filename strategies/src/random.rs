//! Points drawn at random.

use firebrick_core::random::{Purpose, stream};
use firebrick_core::register_strategy;
use firebrick_core::space::Space;
use firebrick_core::strategy::{Strategy, StrategyError, Study};
use firebrick_core::trial::Trial;
use firebrick_core::value::Params;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::seen::Seen;

/// Draws every parameter independently and evenly, whatever the trials before it gave.
///
/// Logarithmic floats are even in the logarithm. A parameter that depends on another one is drawn
/// when it exists, so the points below a choice with many dependent parameters come as often,
/// all together, as those below a choice with none. On a finite space no point comes twice, and
/// the study ends when there is none left.
///
/// # Source
/// Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 13, 2012. Differs:
/// points that were proposed already are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomSettings {
    /// Whether points that were proposed before are left out.
    #[serde(default = "always")]
    pub unseen: bool,
}

fn always() -> bool {
    true
}

register_strategy!("random"; RandomSettings => Random::new);

/// The strategy `random`; see [`RandomSettings`].
pub struct Random {
    space: Space,
    seed: u64,
    /// What was proposed or told; `None` if points may come twice.
    seen: Option<Seen>,
}

impl Random {
    /// Makes the strategy for a study.
    ///
    /// # Errors
    /// Never: any space will do.
    pub fn new(study: &Study, settings: RandomSettings) -> Result<Self, StrategyError> {
        Ok(Self {
            space: study.space.clone(),
            seed: study.seed,
            seen: settings.unseen.then(|| Seen::new(&study.space, study.seed)),
        })
    }
}

impl Strategy for Random {
    fn ask(&mut self, numbers: &[u64]) -> Result<Vec<Params>, StrategyError> {
        let mut proposals = Vec::with_capacity(numbers.len());
        for number in numbers {
            let mut rng = stream(self.seed, Purpose::Propose, *number);
            let Some(seen) = &mut self.seen else {
                proposals.push(self.space.sample(&mut rng));
                continue;
            };
            let Some(params) = seen.draw(*number, &mut rng) else {
                break;
            };
            seen.propose(*number, params.clone());
            proposals.push(params);
        }
        Ok(proposals)
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), StrategyError> {
        let Some(seen) = &mut self.seen else {
            return Ok(());
        };
        for trial in trials {
            seen.tell(trial)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{complete, ordinal, study};

    fn random(unseen: bool) -> Random {
        let space = Space::new(vec![ordinal("a", &[1, 2, 3, 4])]).expect("well-formed");
        Random::new(&study(space, 1, 0), RandomSettings { unseen }).expect("made")
    }

    #[test]
    fn points_may_come_twice_if_wanted() {
        let mut random = random(false);
        assert_eq!(
            random
                .ask(&(0..100).collect::<Vec<u64>>())
                .expect("asks")
                .len(),
            100
        );
    }

    #[test]
    fn a_point_that_was_told_is_not_proposed_again() {
        let mut random = random(true);
        let told: Params = [("a", 3_i64)].into_iter().collect();
        random
            .tell(&[complete(0, told.clone(), vec![0.0])])
            .expect("tells");
        let points = random.ask(&[1, 2, 3, 4]).expect("asks");
        assert_eq!(points.len(), 3);
        assert!(!points.contains(&told));
    }

    #[test]
    fn the_last_point_of_many_is_found() {
        // Drawing alone would need thousands of draws for the last one.
        let choices: Vec<i64> = (0..64).collect();
        let space =
            Space::new(vec![ordinal("a", &choices), ordinal("b", &choices)]).expect("well-formed");
        let size = space.size().expect("finite") as u64;
        let mut random =
            Random::new(&study(space, 1, 0), RandomSettings { unseen: true }).expect("made");
        let numbers: Vec<u64> = (0..size + 5).collect();
        assert_eq!(random.ask(&numbers).expect("asks").len() as u64, size);
    }
}
