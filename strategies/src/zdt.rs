//! Published test problems with several objectives, and how well strategies do on them.

use std::f64::consts::PI;

use firebrick_core::Json;
use firebrick_core::front::hypervolume;
use firebrick_core::objective::Direction;
use firebrick_core::space::Space;
use firebrick_core::strategy::Study;

use crate::tests::{complete, make, ordinal, study};

/// The first problem of Zitzler, Deb and Thiele, Evolutionary Computation 8(2), 2000: the front is
/// `1 - sqrt(x)`.
pub(crate) fn zdt1(x: &[f64]) -> Vec<f64> {
    let g = 1.0 + 9.0 * x[1..].iter().sum::<f64>() / (x.len() - 1) as f64;
    vec![x[0], g * (1.0 - (x[0] / g).sqrt())]
}

/// The second problem of Deb, Thiele, Laumanns and Zitzler, CEC 2002, with three objectives: the
/// front is an eighth of a sphere.
pub(crate) fn dtlz2(x: &[f64]) -> Vec<f64> {
    let g: f64 = x[2..].iter().map(|x| (x - 0.5) * (x - 0.5)).sum();
    let (a, b) = (0.5 * PI * x[0], 0.5 * PI * x[1]);
    let radius = 1.0 + g;
    vec![
        radius * a.cos() * b.cos(),
        radius * a.cos() * b.sin(),
        radius * a.sin(),
    ]
}

/// Returns the part of the volume below 1.1 in every objective that a study of a problem with 8
/// parameters of 21 values from 0 to 1 dominates.
pub(crate) fn hypervolume_of(
    strategy: &str,
    settings: &Json,
    problem: fn(&[f64]) -> Vec<f64>,
    n_objectives: usize,
    n_trials: u64,
    seed: u64,
) -> f64 {
    let levels: Vec<i64> = (0..21).collect();
    let names: Vec<String> = (0..8).map(|n| format!("x{n}")).collect();
    let space = Space::new(names.iter().map(|name| ordinal(name, &levels)).collect());
    let study = Study {
        n_trials: Some(n_trials),
        ..study(space.expect("well-formed"), n_objectives, seed)
    };
    let mut strategy = make(strategy, settings, &study).expect("made");
    let mut values = Vec::new();
    for first in (0..n_trials).step_by(4) {
        let numbers: Vec<u64> = (first..first + 4).collect();
        let mut trials = Vec::new();
        for (number, params) in numbers.iter().zip(strategy.ask(&numbers).expect("asks")) {
            let x = names.iter().filter_map(|name| params.get(name)?.as_f64());
            let x: Vec<f64> = x.map(|level| level / 20.0).collect();
            values.push(problem(&x));
            trials.push(complete(*number, params, problem(&x)));
        }
        strategy.tell(&trials).expect("tells");
    }
    let reference = vec![1.1; n_objectives];
    let directions = vec![Direction::Minimize; n_objectives];
    hypervolume(&values, &reference, &directions) / 1.1_f64.powi(n_objectives as i32)
}
