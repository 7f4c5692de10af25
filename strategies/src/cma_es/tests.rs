use firebrick_core::space::{Condition, Space};
use firebrick_core::testing::check_strategy_without_repeats;
use firebrick_core::trial::Outcome;
use firebrick_core::value::Value;
use serde_json::json;

use super::*;
use crate::tests::{complete, make, ordinal, parameter, study};

fn float(name: &str, log: bool) -> Parameter {
    let (low, high) = if log { (1e-4, 1.0) } else { (-5.0, 5.0) };
    let step = None;
    let domain = Domain::Float {
        low,
        high,
        step,
        log,
    };
    parameter(name, domain)
}

fn whole(name: &str) -> Parameter {
    let domain = Domain::Int {
        low: -10,
        high: 10,
        step: 1,
        log: false,
    };
    parameter(name, domain)
}

fn space(n_floats: usize, n_whole: usize) -> Space {
    let floats = (0..n_floats).map(|n| float(&format!("f{n}"), false));
    let whole = (0..n_whole).map(|n| whole(&format!("w{n}")));
    Space::new(floats.chain(whole).collect()).expect("well-formed")
}

/// Returns the least cost of a study that asks for a batch at a time.
fn best(
    name: &str,
    space: &Space,
    n_trials: u64,
    batch: u64,
    seed: u64,
    cost: impl Fn(&[f64]) -> f64,
) -> f64 {
    let mut strategy = make(name, &json!({}), &study(space.clone(), 1, seed)).expect("made");
    let mut best = f64::INFINITY;
    for first in (0..n_trials).step_by(batch as usize) {
        let numbers: Vec<u64> = (first..first + batch).collect();
        let mut trials = Vec::new();
        for (number, params) in numbers.iter().zip(strategy.ask(&numbers).expect("asks")) {
            let names = space.parameters().iter().map(|p| &p.name);
            let x: Vec<f64> = names
                .filter_map(|name| params.get(name)?.as_f64())
                .collect();
            best = cost(&x).min(best);
            trials.push(complete(*number, params, vec![cost(&x)]));
        }
        strategy.tell(&trials).expect("tells");
    }
    best
}

fn sphere(x: &[f64]) -> f64 {
    // Not in the middle, where the search begins.
    x.iter().map(|x| (x - 2.0).powi(2)).sum()
}

/// Axes from 1 to 1000 in length.
fn ellipsoid(x: &[f64]) -> f64 {
    let last = (x.len() - 1) as f64;
    let terms = x.iter().enumerate();
    terms
        .map(|(idx, x)| 1e6_f64.powf(idx as f64 / last) * (x - 2.0).powi(2))
        .sum()
}

#[test]
fn keeps_the_contract() {
    check_strategy_without_repeats(|study| make("cma_es", &json!({}), study));
    check_strategy_without_repeats(|study| {
        make(
            "cmaes",
            &json!({ "population_size": 4, "sigma": 1.0 }),
            study,
        )
    });
}

#[test]
fn converges_on_the_sphere() {
    // The error falls by the same factor with every generation; that of random search would be 1.
    for batch in [8, 1] {
        let found = (0..5).map(|seed| best("cma_es", &space(5, 0), 800, batch, seed, sphere));
        let worst = found.fold(0.0, f64::max);
        assert!(worst < 1e-8, "batches of {batch}: {worst:e}");
    }
}

#[test]
fn learns_the_shape_of_an_ellipsoid() {
    // Without the covariance the longest axis would take a million times as long as the shortest.
    let found = (0..5).map(|seed| best("cma_es", &space(5, 0), 2400, 8, seed, ellipsoid));
    let worst = found.fold(0.0, f64::max);
    assert!(worst < 1e-8, "{worst:e}");
}

#[test]
fn the_margin_finds_the_optimum_of_whole_numbers() {
    // Sphere of 5 real and 5 whole numbers, as SphereInt of Hamano et al.
    let found = (0..5).map(|seed| best("cma_es", &space(5, 5), 2500, 10, seed, sphere));
    let worst = found.fold(0.0, f64::max);
    assert!(worst < 1e-6, "{worst:e}");
}

#[test]
fn trials_that_overlap_cost_little() {
    // Batches larger than a generation: some trials come from older distributions.
    let found = (0..5).map(|seed| best("cma_es", &space(5, 0), 1600, 12, seed, sphere));
    let worst = found.fold(0.0, f64::max);
    assert!(worst < 1e-8, "{worst:e}");
}

#[test]
fn finds_a_better_sum_of_ordered_choices_than_random() {
    let space = space(0, 6);
    let mean = |name| {
        let found = (0..5).map(|seed| best(name, &space, 200, 4, seed, sphere));
        found.sum::<f64>() / 5.0
    };
    let (random, cma_es) = (mean("random"), mean("cma_es"));
    assert!(cma_es < 0.2 * random, "random {random}, cma_es {cma_es}");
}

#[test]
fn starts_again_when_it_has_shrunk_to_a_point() {
    let study = study(space(2, 0), 1, 0);
    let settings = CmaEsSettings {
        population_size: None,
        sigma: 0.25,
    };
    let mut strategy = CmaEs::new(&study, settings).expect("made");
    for number in 0..1500 {
        let params = strategy.ask(&[number]).expect("asks").remove(0);
        let x: Vec<f64> = params
            .iter()
            .filter_map(|(_, value)| value.as_f64())
            .collect();
        strategy
            .tell(&[complete(number, params, vec![sphere(&x)])])
            .expect("tells");
    }
    assert!(strategy.state.n_restarts >= 1);
    assert_eq!(strategy.state.size, 6 << strategy.state.n_restarts);
}

#[test]
fn a_late_trial_counts_as_if_it_had_been_there() {
    let study = study(space(2, 1), 1, 0);
    let make = || make("cma_es", &json!({ "population_size": 4 }), &study).expect("made");
    let mut in_order = make();
    let mut trials = Vec::new();
    for number in 0..12 {
        let params = in_order.ask(&[number]).expect("asks").remove(0);
        trials.push(complete(number, params, vec![(number * 7 % 5) as f64]));
        in_order.tell(&trials[number as usize..]).expect("tells");
    }
    let mut late = make();
    late.tell(&trials[3..]).expect("tells");
    late.tell(&trials[..3]).expect("tells");
    assert_eq!(late.ask(&[12]), in_order.ask(&[12]));
}

#[test]
fn a_generation_of_unbuildable_trials_moves_nothing() {
    let study = study(space(3, 0), 1, 0);
    let settings = CmaEsSettings {
        population_size: NonZeroUsize::new(4),
        sigma: 0.25,
    };
    let mut strategy = CmaEs::new(&study, settings).expect("made");
    for number in 0..8 {
        let params = strategy.ask(&[number]).expect("asks").remove(0);
        let reason = "too large".to_owned();
        let mut trial = complete(number, params, Vec::new());
        trial.outcome = Outcome::Infeasible {
            reason,
            violation: None,
        };
        strategy.tell(&[trial]).expect("tells");
    }
    assert_eq!(strategy.state.next, 8);
    assert_eq!(strategy.state.distribution.mean, [0.5; 3]);
}

#[test]
fn infeasible_trials_rank_behind_all_others_the_least_beyond_their_limits_first() {
    let infeasible = |violation| Merit::Infeasible { violation };
    let merits = [
        infeasible(f64::INFINITY),
        infeasible(0.5),
        Merit::Complete(vec![1e300]),
        infeasible(0.25),
        infeasible(0.5),
        Merit::Pruned {
            step: 1,
            cost: f64::INFINITY,
        },
    ];
    assert_eq!(ranks(&merits), [5, 3, 0, 2, 3, 1]);
}

#[test]
fn what_it_cannot_handle_is_refused_by_name() {
    let message = |parameters: Vec<Parameter>, n_objectives| {
        let space = Space::new(parameters).expect("well-formed");
        let made = make("cma_es", &json!({}), &study(space, n_objectives, 0));
        made.err().expect("refused").to_string()
    };
    let condition = Condition {
        parameter: "a".to_owned(),
        values: vec![Value::Int(1)],
    };
    let conditional = Parameter {
        condition: Some(condition),
        ..float("b", true)
    };
    let found = message(vec![ordinal("a", &[1, 2]), conditional], 1);
    assert!(
        found.starts_with("parameter `b` exists only under a condition"),
        "{found}"
    );
    let choices = ["a", "b", "c"].map(Value::from).to_vec();
    let found = message(vec![parameter("c", Domain::Categorical { choices })], 1);
    assert!(
        found.starts_with("parameter `c` has choices without an order"),
        "{found}"
    );
    let found = message(vec![float("a", false)], 2);
    assert!(
        found.starts_with("the study has 2 objectives, `cma_es` takes one"),
        "{found}"
    );
}

#[test]
fn settings_out_of_range_are_refused() {
    let message = |settings| {
        let made = make("cma_es", &settings, &study(space(2, 0), 1, 0));
        made.err().expect("refused").to_string()
    };
    assert_eq!(
        message(json!({ "population_size": 3 })),
        "`population_size` is 3, expected 4 to 10000"
    );
    assert_eq!(
        message(json!({ "sigma": 0.0 })),
        "`sigma` is 0, expected above 0 and at most 1"
    );
}
