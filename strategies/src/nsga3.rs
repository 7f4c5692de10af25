//! The non-dominated sorting genetic algorithm with reference points.

mod niche;

use std::num::NonZeroUsize;

use firebrick_core::random::Stream;
use firebrick_core::register_strategy;
use firebrick_core::strategy::{Strategy, StrategyError, Study};
use firebrick_core::trial::Trial;
use firebrick_core::value::Params;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::generations::Generations;
use crate::merit::{Merit, fronts};
use niche::{associate, niches, reference_points};

/// Breeds new points from the best fronts so far, and keeps parents in every direction from the
/// best values of all objectives.
///
/// Works as `nsga2` does, but of the front that is too large it keeps those that are closest to
/// directions which nothing else is close to. That stays meaningful with many objectives, where
/// nearly all trials are on the first front. There are as many directions as fit a generation.
///
/// # Source
/// Deb and Jain, "An Evolutionary Many-Objective Optimization Algorithm Using
/// Reference-Point-Based Nondominated Sorting Approach, Part I", IEEE Transactions on Evolutionary
/// Computation 18(4), 2014; the directions are those of Das and Dennis, SIAM Journal on
/// Optimization 8(3), 1998. Differs, also from Optuna 5's `NSGAIIISampler`: the size of a
/// generation follows from the number of trials and the number of directions from that, children
/// that were seen are bred again, mutation knows about order, and objectives are brought to one
/// size before the extreme points are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nsga3Settings {
    /// How many trials a generation has, 2 to 10,000. Absent, the square root of twice the number
    /// of trials.
    #[serde(default)]
    pub population_size: Option<NonZeroUsize>,
}

register_strategy!("nsga3", "nsgaiii", "nsga-iii"; Nsga3Settings => Nsga3::new);

/// The strategy `nsga3`; see [`Nsga3Settings`].
pub struct Nsga3(Generations);

impl Nsga3 {
    /// Makes the strategy for a study.
    ///
    /// # Errors
    /// [`StrategyError::Other`] if the study has no objective, [`StrategyError::Settings`] if a
    /// generation is too large or too small.
    pub fn new(study: &Study, settings: Nsga3Settings) -> Result<Self, StrategyError> {
        Generations::new(study, settings.population_size, survive).map(Self)
    }
}

impl Strategy for Nsga3 {
    fn ask(&mut self, numbers: &[u64]) -> Result<Vec<Params>, StrategyError> {
        Ok(self.0.ask(numbers))
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), StrategyError> {
        self.0.tell(trials)
    }
}

/// Returns the best fronts, each a tier, and of the last one the trials in the emptiest niches.
fn survive(merits: &[&Merit], n: usize, rng: &mut Stream) -> Vec<(usize, usize)> {
    let mut chosen: Vec<(usize, usize)> = Vec::with_capacity(n);
    for (tier, front) in fronts(merits).into_iter().enumerate() {
        let room = n - chosen.len();
        if front.len() <= room {
            chosen.extend(front.into_iter().map(|idx| (idx, tier)));
            continue;
        }
        let costs_of = |idx: &usize| merits[*idx].costs();
        let last: Vec<&[f64]> = front.iter().filter_map(costs_of).collect();
        if last.len() < front.len() {
            // Not complete trials: there is nothing that tells them apart.
            chosen.extend(front.into_iter().take(room).map(|idx| (idx, tier)));
            break;
        }
        let before = chosen.iter().filter_map(|(idx, _)| costs_of(idx));
        let costs: Vec<&[f64]> = before.chain(last).collect();
        let points = reference_points(costs[0].len(), n);
        let near = associate(&costs, &points);
        let of_last = niches(&near, chosen.len(), room, points.len(), rng);
        let first = chosen.len();
        chosen.extend(of_last.into_iter().map(|idx| (front[idx - first], tier)));
        break;
    }
    chosen
}

#[cfg(test)]
mod tests {
    use firebrick_core::random::{Purpose, stream};
    use firebrick_core::testing::check_strategy_without_repeats;
    use serde_json::json;

    use super::*;
    use crate::tests::make;
    use crate::zdt::{dtlz2, hypervolume_of, zdt1};

    #[test]
    fn keeps_the_contract() {
        check_strategy_without_repeats(|study| make("nsga3", &json!({}), study));
        check_strategy_without_repeats(|study| {
            make("nsgaiii", &json!({ "population_size": 3 }), study)
        });
    }

    #[test]
    fn every_direction_keeps_a_trial() {
        // Nine crowded trials in the middle of the front and one at each end.
        let mut points = vec![[0.0, 1.0], [1.0, 0.0]];
        points.extend((0..9).map(|n| [0.48 + 0.005 * f64::from(n), 0.52 - 0.005 * f64::from(n)]));
        let merits: Vec<Merit> = points.iter().map(|c| Merit::Complete(c.to_vec())).collect();
        let merits: Vec<&Merit> = merits.iter().collect();
        let survivors = survive(&merits, 3, &mut stream(0, Purpose::Strategy, 0));
        let mut idx: Vec<usize> = survivors.iter().map(|(idx, _)| *idx).collect();
        idx.sort_unstable();
        // The middle one is (0.5, 0.5).
        assert_eq!(idx, [0, 1, 6]);
    }

    #[test]
    fn infeasible_trials_fill_what_is_left() {
        let complete = Merit::Complete(vec![1.0, 2.0]);
        let [far, near] = [2.0, 1.0].map(|violation| Merit::Infeasible { violation });
        let mut rng = stream(0, Purpose::Strategy, 0);
        let survivors = survive(&[&far, &far, &complete], 2, &mut rng);
        assert_eq!(survivors, [(2, 0), (0, 1)]);
        // Of those beyond a limit the nearest to it, which wins its tournaments, too.
        let survivors = survive(&[&far, &near, &complete], 3, &mut rng);
        assert_eq!(survivors, [(2, 0), (1, 1), (0, 2)]);
    }

    #[test]
    fn beats_random_on_two_and_three_objectives() {
        let mean = |name, problem, n_objectives| {
            let volume = |seed| hypervolume_of(name, &json!({}), problem, n_objectives, 300, seed);
            (0..10).map(volume).sum::<f64>() / 10.0
        };
        let (random, nsga3) = (mean("random", zdt1, 2), mean("nsga3", zdt1, 2));
        assert!(nsga3 > random + 0.1, "ZDT1: random {random}, nsga3 {nsga3}");
        let (random, nsga3) = (mean("random", dtlz2, 3), mean("nsga3", dtlz2, 3));
        assert!(
            nsga3 > random + 0.05,
            "DTLZ2: random {random}, nsga3 {nsga3}"
        );
    }
}
