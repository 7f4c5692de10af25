use firebrick_core::space::Space;
use firebrick_core::strategy::Study;
use firebrick_core::value::Params;
use serde_json::json;

use super::*;
use crate::tests::{complete as completed, make, ordinal, study};

fn complete(costs: [f64; 2]) -> Merit {
    Merit::Complete(costs.to_vec())
}

fn infeasible(violation: f64) -> Merit {
    Merit::Infeasible { violation }
}

#[test]
fn fronts_are_those_found_by_hand() {
    // (1, 4), (2, 2) and (4, 1) are the front; (2, 3) is behind (2, 2) and in front of (3, 3).
    let points = [[4.0, 1.0], [2.0, 3.0], [3.0, 3.0], [1.0, 4.0], [2.0, 2.0]];
    let merits: Vec<Merit> = points.into_iter().map(complete).collect();
    let merits: Vec<&Merit> = merits.iter().collect();
    assert_eq!(fronts(&merits), [vec![0, 3, 4], vec![1], vec![2]]);
}

#[test]
fn equal_trials_are_on_one_front() {
    let merits = [complete([1.0, 1.0]), complete([1.0, 1.0])];
    assert_eq!(fronts(&[&merits[0], &merits[1]]), [[0, 1]]);
}

#[test]
fn feasible_trials_dominate_infeasible_ones_and_complete_ones_pruned_ones() {
    let pruned = |step, cost| Merit::Pruned { step, cost };
    let merits = [
        infeasible(9.0),
        pruned(3, 1.0),
        pruned(3, 1.0),
        pruned(4, 2.0),
        pruned(4, 1.0),
        complete([f64::INFINITY, 1e300]),
        infeasible(9.0),
    ];
    let merits: Vec<&Merit> = merits.iter().collect();
    let expected = [vec![5], vec![4], vec![3], vec![1, 2], vec![0, 6]];
    assert_eq!(fronts(&merits), expected);
}

#[test]
fn infeasible_trials_stand_by_their_violation_and_unbuildable_ones_last() {
    let unknown = f64::INFINITY;
    let merits = [unknown, 0.5, 2.0, 0.25, unknown, 0.5].map(infeasible);
    let merits: Vec<&Merit> = merits.iter().collect();
    let expected = [vec![3], vec![1, 5], vec![2], vec![0, 4]];
    assert_eq!(fronts(&merits), expected);
    assert!(dominates(merits[3], merits[1]) && dominates(merits[2], merits[0]));
    assert!(!dominates(merits[1], merits[5]) && !dominates(merits[0], merits[4]));
}

#[test]
fn a_trial_without_a_violation_is_the_worst_of_the_infeasible_ones() {
    let of = |violation| {
        let mut trial = completed(0, Params::new(), Vec::new());
        let reason = "for the test".to_owned();
        trial.outcome = Outcome::Infeasible { reason, violation };
        Merit::of(&trial, &[Direction::Minimize]).expect("one")
    };
    assert_eq!(of(Some(0.5)), Some(infeasible(0.5)));
    assert_eq!(of(None), Some(infeasible(f64::INFINITY)));
    assert_eq!(of(Some(f64::NAN)), Some(infeasible(f64::INFINITY)));
}

/// Returns how many of 150 trials keep a limit that one point in 567 keeps, and how many trials the
/// first of them took, which is 150 at most.
fn feasible_trials(name: &str, tells_violation: bool, seed: u64) -> (u64, u64) {
    const N_TRIALS: u64 = 150;
    const LIMIT: f64 = 5.0;
    let levels: Vec<i64> = (0..8).collect();
    let parameters = (0..6).map(|n| ordinal(&format!("p{n}"), &levels));
    let study = Study {
        n_trials: Some(N_TRIALS),
        ..study(
            Space::new(parameters.collect()).expect("well-formed"),
            1,
            seed,
        )
    };
    let mut strategy = make(name, &json!({}), &study).expect("made");
    let (mut n_feasible, mut first) = (0, N_TRIALS);
    for number in 0..N_TRIALS {
        let params = strategy.ask(&[number]).expect("asks").remove(0);
        let sum: f64 = params.iter().filter_map(|(_, value)| value.as_f64()).sum();
        // What is best of all is far beyond the limit.
        let mut trial = completed(number, params, vec![-sum]);
        if sum <= LIMIT {
            n_feasible += 1;
            first = first.min(number);
        } else {
            trial.outcome = Outcome::Infeasible {
                reason: "too large".to_owned(),
                violation: tells_violation.then_some((sum - LIMIT) / LIMIT),
            };
        }
        strategy.tell(&[trial]).expect("tells");
    }
    (n_feasible, first)
}

#[test]
fn a_study_that_starts_infeasible_finds_the_feasible_part_by_the_violation() {
    for name in ["tpe", "nsga2", "nsga3", "regularized_evolution", "cma_es"] {
        let found = |tells_violation| {
            let of_seed = |seed| feasible_trials(name, tells_violation, seed);
            let all: Vec<(u64, u64)> = (0..20).map(of_seed).collect();
            let n_found = all.iter().filter(|(n, _)| *n > 0).count();
            let n_trials: u64 = all.iter().map(|(_, first)| first).sum();
            (n_found, n_trials)
        };
        let (n_with, trials_with) = found(true);
        let (n_without, trials_without) = found(false);
        assert!(n_with >= 18, "{name}: {n_with} of 20 seeds");
        assert!(
            3 * trials_with < 2 * trials_without,
            "{name}: {trials_with} trials with, {trials_without} without ({n_without} seeds)"
        );
    }
}
