//! The non-dominated sorting genetic algorithm, second version.

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

/// Breeds new points from the best fronts so far, and keeps the parents apart from each other.
///
/// The first generation is random. Of each further one and its parents, the best fronts become the
/// next parents; of the front that is too large, those that are least crowded. A child has each
/// value from one of two parents, each the better one of two, and some values mutated: among
/// ordered choices half of the time to one nearby. Pruned trials come after complete ones, and
/// infeasible ones last, the less they are beyond their limits the better. No point comes twice,
/// and the study ends when there is none left. Any number of trials may run at a time. For two or
/// three objectives; `nsga3` is for more.
///
/// # Source
/// Deb et al., "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", IEEE Transactions
/// on Evolutionary Computation 6(2), 2002. Differs, also from Optuna 5's `NSGAIISampler`: the size
/// of a generation follows from the number of trials, children that were seen are bred again,
/// tournaments count crowding, and mutation knows about order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nsga2Settings {
    /// How many trials a generation has, 2 to 10,000. Absent, the square root of twice the number
    /// of trials.
    #[serde(default)]
    pub population_size: Option<NonZeroUsize>,
}

register_strategy!("nsga2", "nsgaii", "nsga-ii"; Nsga2Settings => Nsga2::new);

/// The strategy `nsga2`; see [`Nsga2Settings`].
pub struct Nsga2(Generations);

impl Nsga2 {
    /// Makes the strategy for a study.
    ///
    /// # Errors
    /// [`StrategyError::Other`] if the study has no objective, [`StrategyError::Settings`] if a
    /// generation is too large or too small.
    pub fn new(study: &Study, settings: Nsga2Settings) -> Result<Self, StrategyError> {
        Generations::new(study, settings.population_size, survive).map(Self)
    }
}

impl Strategy for Nsga2 {
    fn ask(&mut self, numbers: &[u64]) -> Result<Vec<Params>, StrategyError> {
        Ok(self.0.ask(numbers))
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), StrategyError> {
        self.0.tell(trials)
    }
}

/// Returns the best fronts, and of the last one the least crowded trials; each is a tier of its
/// own.
fn survive(merits: &[&Merit], n: usize, _: &mut Stream) -> Vec<(usize, usize)> {
    let mut order = Vec::with_capacity(merits.len());
    for mut front in fronts(merits) {
        let costs: Vec<&[f64]> = front
            .iter()
            .filter_map(|idx| merits[*idx].costs())
            .collect();
        if costs.len() == front.len() {
            let room = room(&costs);
            let mut sorted: Vec<usize> = (0..front.len()).collect();
            sorted.sort_by(|a, b| room[*b].total_cmp(&room[*a]));
            front = sorted.into_iter().map(|idx| front[idx]).collect();
        }
        order.extend(front);
        if order.len() >= n {
            break;
        }
    }
    order.truncate(n);
    order
        .into_iter()
        .enumerate()
        .map(|(tier, idx)| (idx, tier))
        .collect()
}

/// Returns how much room each trial of a front has: the distance between its neighbours, relative
/// to the whole front, summed over the objectives; infinite at the ends.
fn room(costs: &[&[f64]]) -> Vec<f64> {
    let mut room = vec![0.0_f64; costs.len()];
    let n_objectives = costs.first().map_or(0, |costs| costs.len());
    for objective in 0..n_objectives {
        let cost = |idx: usize| costs[idx][objective].clamp(f64::MIN / 4.0, f64::MAX / 4.0);
        let mut order: Vec<usize> = (0..costs.len()).collect();
        order.sort_by(|a, b| cost(*a).total_cmp(&cost(*b)));
        let (Some(first), Some(last)) = (order.first(), order.last()) else {
            continue;
        };
        let width = cost(*last) - cost(*first);
        room[*first] = f64::INFINITY;
        room[*last] = f64::INFINITY;
        if width > 0.0 {
            for window in order.windows(3) {
                room[window[1]] += (cost(window[2]) - cost(window[0])) / width;
            }
        }
    }
    room
}

#[cfg(test)]
mod tests {
    use firebrick_core::testing::check_strategy_without_repeats;
    use serde_json::json;

    use super::*;
    use crate::tests::make;
    use crate::zdt::{hypervolume_of, zdt1};

    #[test]
    fn keeps_the_contract() {
        check_strategy_without_repeats(|study| make("nsga2", &json!({}), study));
        check_strategy_without_repeats(|study| {
            make("nsgaii", &json!({ "population_size": 3 }), study)
        });
    }

    #[test]
    fn room_is_that_of_the_paper() {
        // Widths 4 and 8: (1, 4) lies between (0, 8) and (2, 2), (2, 2) between (1, 4) and (4, 0).
        let front: [&[f64]; 4] = [&[0.0, 8.0], &[1.0, 4.0], &[2.0, 2.0], &[4.0, 0.0]];
        let inf = f64::INFINITY;
        assert_eq!(room(&front), [inf, 0.5 + 0.75, 0.75 + 0.5, inf]);
        let huge: [&[f64]; 3] = [&[-inf, 1e308], &[1e308, -1e308], &[inf, -inf]];
        assert!(room(&huge).iter().all(|room| !room.is_nan()));
    }

    #[test]
    fn the_most_crowded_trials_of_the_last_front_go() {
        let points = [
            [0.0, 8.0],
            [0.1, 7.9],
            [0.2, 7.8],
            [4.0, 0.0],
            [5.0, 9.0],
            [2.0, 3.0],
        ];
        let merits: Vec<Merit> = points.iter().map(|c| Merit::Complete(c.to_vec())).collect();
        let merits: Vec<&Merit> = merits.iter().collect();
        let mut rng =
            firebrick_core::random::stream(0, firebrick_core::random::Purpose::Strategy, 0);
        let survivors = survive(&merits, 3, &mut rng);
        let mut idx: Vec<usize> = survivors.iter().map(|(idx, _)| *idx).collect();
        idx.sort_unstable();
        assert_eq!(idx, [0, 3, 5]);
    }

    #[test]
    fn the_trials_least_beyond_their_limits_fill_what_is_left() {
        let complete = Merit::Complete(vec![1e300, 1e300]);
        let infeasible =
            [f64::INFINITY, 0.5, 0.25].map(|violation| Merit::Infeasible { violation });
        let merits = [&infeasible[0], &infeasible[1], &complete, &infeasible[2]];
        let mut rng =
            firebrick_core::random::stream(0, firebrick_core::random::Purpose::Strategy, 0);
        assert_eq!(survive(&merits, 3, &mut rng), [(2, 0), (3, 1), (1, 2)]);
    }

    #[test]
    fn beats_random_on_zdt1() {
        let mean = |name| {
            let volumes = (0..10).map(|seed| hypervolume_of(name, &json!({}), zdt1, 2, 300, seed));
            volumes.sum::<f64>() / 10.0
        };
        let (random, nsga2) = (mean("random"), mean("nsga2"));
        assert!(nsga2 > random + 0.1, "random {random}, nsga2 {nsga2}");
    }

    #[test]
    fn a_generation_of_one_is_refused() {
        let space = firebrick_core::space::Space::new(vec![]).expect("well-formed");
        let study = crate::tests::study(space, 2, 0);
        let message = make("nsga2", &json!({ "population_size": 1 }), &study).err();
        assert_eq!(
            message.expect("refused").to_string(),
            "`population_size` is 1, expected 2 to 10000"
        );
    }
}
