//! Points that fill the space evenly.

use firebrick_core::random::{Purpose, stream};
use firebrick_core::register_strategy;
use firebrick_core::space::Space;
use firebrick_core::strategy::{Strategy, StrategyError, Study};
use firebrick_core::trial::Trial;
use firebrick_core::value::Params;
use rand::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sobol_burley::{NUM_DIMENSIONS, sample};

use crate::line::Line;
use crate::seen::{Seen, ask_each};

/// How many points one scrambled sequence has.
const SEQUENCE_LEN: u64 = 1 << 16;

/// How far the sequence is read for a point that was not seen: so many places a trial.
const N_PLACES: u64 = 64;

/// Fills the space more evenly than chance does, whatever the trials before gave.
///
/// Each parameter is a dimension of one Sobol sequence, scrambled by the seed. The values of a
/// parameter lie in their order; where ratios matter they do so here. A parameter that exists only
/// under a condition has its dimension too, which is passed over where it does not exist. Points
/// that were seen are passed over: trial n gets the n-th new point of the sequence. On a finite
/// space the study ends when there is none left.
///
/// # Source
/// Sobol, USSR Computational Mathematics and Mathematical Physics 7(4), 1967, with the direction
/// numbers of Joe and Kuo and the scrambling of Owen as in Burley, "Practical Hash-based Owen
/// Scrambling", JCGT 9(4), 2020, by the crate `sobol_burley`. Differs from Optuna 5's `QMCSampler`:
/// always scrambled, conditional spaces are taken, no point comes twice, and the place in the
/// sequence follows from the trials told, so parallel trials never share one. The parameters
/// beyond 256, and the points beyond 65,536, come from sequences of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QmcSettings {}

register_strategy!("qmc", "sobol"; QmcSettings => Qmc::new);

/// The strategy `qmc`; see [`QmcSettings`].
pub struct Qmc {
    sequence: Sequence,
    seed: u64,
    seen: Seen,
    n_told: u64,
    /// Every place of the sequence before this one has a point that was told.
    next: u64,
}

/// The points of a space in the order of the sequence; some come more than once.
struct Sequence {
    space: Space,
    lines: Vec<Line>,
    scramble: u32,
}

impl Sequence {
    /// Returns the coordinate of a point in a dimension, from 0 to 1.
    fn coordinate(&self, place: u64, dimension: u32) -> f64 {
        let (sequence, idx) = (place / SEQUENCE_LEN, place % SEQUENCE_LEN);
        let (block, dimension) = (dimension / NUM_DIMENSIONS, dimension % NUM_DIMENSIONS);
        // Any two seeds make sequences that have nothing to do with each other.
        let seed = (sequence as u32).wrapping_mul(4099).wrapping_add(block);
        let seed = self.scramble.wrapping_add(seed);
        f64::from(sample(idx as u32, dimension, seed))
    }

    fn point(&self, place: u64) -> Params {
        let mut params = Params::new();
        let dimensions = self.space.parameters().iter().zip(&self.lines).zip(0..);
        for ((parameter, line), dimension) in dimensions {
            if self.space.is_active(parameter, &params) {
                let value = line.value(self.coordinate(place, dimension));
                params.insert(&parameter.name, value);
            }
        }
        params
    }
}

impl Qmc {
    /// Makes the strategy for a study.
    ///
    /// # Errors
    /// Never: any space will do.
    pub fn new(study: &Study, _: QmcSettings) -> Result<Self, StrategyError> {
        let parameters = study.space.parameters().iter();
        let sequence = Sequence {
            space: study.space.clone(),
            lines: parameters.map(|p| Line::new(&p.domain)).collect(),
            scramble: stream(study.seed, Purpose::Strategy, 0).next_u32(),
        };
        Ok(Self {
            sequence,
            seed: study.seed,
            seen: Seen::new(&study.space, study.seed),
            n_told: 0,
            next: 0,
        })
    }

    fn propose(&self, number: u64) -> Option<Params> {
        if self.seen.is_exhausted(number) {
            return None;
        }
        let last = number.saturating_add(1).saturating_mul(N_PLACES);
        let points = (self.next..last).map(|place| self.sequence.point(place));
        let mut new = points.filter(|params| !self.seen.contains(params, number));
        new.next().or_else(|| {
            // What is left lies where the sequence hardly comes.
            let mut rng = stream(self.seed, Purpose::Propose, number);
            self.seen.draw(number, &mut rng)
        })
    }
}

impl Strategy for Qmc {
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
            self.seen.tell(trial)?;
            self.n_told += 1;
        }
        // Trial 0 comes after nothing that is only proposed: what is seen for it was told.
        while self.next < self.n_told * N_PLACES
            && self.seen.contains(&self.sequence.point(self.next), 0)
        {
            self.next += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use firebrick_core::space::Domain;
    use firebrick_core::testing::check_strategy_without_repeats;
    use serde_json::json;

    use super::*;
    use crate::tests::{complete, make, ordinal, parameter, study};

    fn qmc(n_parameters: usize, n_values: i64, seed: u64) -> Qmc {
        let values: Vec<i64> = (0..n_values).collect();
        let names = (0..n_parameters).map(|n| format!("p{n}"));
        let space = Space::new(names.map(|name| ordinal(&name, &values)).collect());
        let study = study(space.expect("well-formed"), 1, seed);
        Qmc::new(&study, QmcSettings {}).expect("made")
    }

    #[test]
    fn keeps_the_contract() {
        check_strategy_without_repeats(|study| make("qmc", &json!({}), study));
    }

    #[test]
    fn the_sequence_is_a_net() {
        // Two dimensions of Sobol's make a (0, m, 2)-net, whatever the scrambling: of 256 points
        // one is in each cell of 16 x 16, 2 x 128, 64 x 4, ...
        for seed in 0..4 {
            let sequence = qmc(2, 4, seed).sequence;
            for columns in (0..=8).map(|bits| 1 << bits) {
                let rows = 256 / columns;
                let cell = |place| {
                    let [x, y] = [0, 1].map(|dimension| sequence.coordinate(place, dimension));
                    (
                        (x * f64::from(columns)) as u32,
                        (y * f64::from(rows)) as u32,
                    )
                };
                let cells: BTreeSet<(u32, u32)> = (0..256).map(cell).collect();
                assert_eq!(cells.len(), 256, "{columns} columns");
            }
        }
    }

    #[test]
    fn the_discrepancy_is_far_below_that_of_chance() {
        let of_sequence = |seed| {
            let sequence = qmc(5, 4, seed).sequence;
            let point = |place| std::array::from_fn(|d| sequence.coordinate(place, d as u32));
            discrepancy(&(0..128).map(point).collect::<Vec<[f64; 5]>>())
        };
        let mean = (0..5).map(of_sequence).sum::<f64>() / 5.0;
        // The mean of the square for n random points: (2^-d - 3^-d) / n.
        let random = ((0.5_f64.powi(5) - 3_f64.powi(-5)) / 128.0).sqrt();
        assert!(mean < 0.5 * random, "{mean}, random {random}");
    }

    /// Returns the star discrepancy in the mean of squares: Warnock, 1972.
    fn discrepancy(points: &[[f64; 5]]) -> f64 {
        let n = points.len() as f64;
        let once = points
            .iter()
            .map(|p| p.iter().map(|x| 0.5 * (1.0 - x * x)).product::<f64>());
        let twice = points.iter().flat_map(|p| {
            points.iter().map(move |q| {
                let pairs = p.iter().zip(q);
                pairs.map(|(x, y)| 1.0 - x.max(*y)).product::<f64>()
            })
        });
        let square = 3_f64.powi(-5) - 2.0 / n * once.sum::<f64>() + twice.sum::<f64>() / (n * n);
        square.sqrt()
    }

    #[test]
    fn a_batch_gets_what_one_trial_after_the_other_gets() {
        let numbers: Vec<u64> = (0..60).collect();
        let batch = qmc(3, 4, 1).ask(&numbers).expect("asks");
        let mut one_by_one = qmc(3, 4, 1);
        for (number, expected) in numbers.iter().zip(&batch) {
            let params = one_by_one.ask(&[*number]).expect("asks").remove(0);
            assert_eq!(&params, expected);
            one_by_one
                .tell(&[complete(*number, params, vec![0.0])])
                .expect("tells");
        }
    }

    #[test]
    fn the_sequence_depends_on_the_seed() {
        let numbers: Vec<u64> = (0..16).collect();
        let points = |seed| qmc(3, 100, seed).ask(&numbers).expect("asks");
        assert_eq!(points(1), points(1));
        assert_ne!(points(1), points(2));
    }

    #[test]
    fn many_parameters_and_many_points_are_no_limit() {
        let sequence = qmc(600, 4, 0).sequence;
        let column = |dimension| -> Vec<f64> {
            (0..64)
                .map(|place| sequence.coordinate(place, dimension))
                .collect()
        };
        assert_ne!(column(3), column(3 + NUM_DIMENSIONS));
        assert_eq!(sequence.point(SEQUENCE_LEN * 3 + 1).len(), 600);
    }

    #[test]
    fn a_continuous_parameter_with_a_logarithm_is_even_in_it() {
        let domain = Domain::Float {
            low: 1e-4,
            high: 1.0,
            step: None,
            log: true,
        };
        let space = Space::new(vec![parameter("rate", domain)]).expect("well-formed");
        let mut qmc = Qmc::new(&study(space, 1, 0), QmcSettings {}).expect("made");
        let points = qmc.ask(&(0..64).collect::<Vec<u64>>()).expect("asks");
        let is_small = |params: &&Params| params.get("rate").and_then(|v| v.as_f64()) < Some(0.01);
        assert_eq!(points.iter().filter(is_small).count(), 32);
    }
}
