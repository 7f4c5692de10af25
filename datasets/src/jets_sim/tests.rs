use std::fs;

use serde_json::Value;

use super::*;
use crate::testing::test_data;

/// How many jets are compared with the real ones.
const N_COMPARED: usize = 10_000;

fn on_threads(n_threads: usize) -> Jets {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(n_threads)
        .build()
        .unwrap();
    pool.install(|| generate(7, 200))
}

#[test]
fn jets_do_not_depend_on_the_number_of_threads() {
    let one = on_threads(1);
    assert_eq!(one, on_threads(2));
    assert_eq!(one, on_threads(5));
}

#[test]
fn the_first_jets_of_a_larger_sample_are_those_of_a_smaller_one() {
    let (large, small) = (generate(7, 60), generate(7, 20));
    assert!(large.features.starts_with(&small.features));
    assert!(large.labels.starts_with(&small.labels));
}

#[test]
fn another_seed_makes_other_jets() {
    assert_ne!(generate(1, 5).features, generate(2, 5).features);
}

#[test]
fn classes_are_balanced() {
    let jets = generate(1, 1003);
    let counts = [0, 1, 2, 3, 4].map(|class| jets.labels.iter().filter(|l| **l == class).count());
    assert_eq!(counts, [201, 201, 201, 200, 200]);
}

#[test]
fn every_feature_of_every_jet_is_finite() {
    let jets = generate(3, 2000);
    assert_eq!(jets.features.len(), 2000 * FEATURES.len());
    assert!(jets.features.iter().all(|feature| feature.is_finite()));
}

#[test]
fn no_jets_are_no_jets() {
    let jets = generate(1, 0);
    assert!(jets.features.is_empty() && jets.labels.is_empty());
}

#[test]
fn jets_peak_at_the_masses_of_what_made_them() {
    let jets = generate(5, 5000);
    let median_mass = |class: usize| {
        let masses = jets
            .features
            .chunks(16)
            .skip(class)
            .step_by(5)
            .map(|row| row[14]);
        let mut masses: Vec<f32> = masses.collect();
        masses.sort_by(f32::total_cmp);
        masses[masses.len() / 2]
    };
    assert!((77.0..82.0).contains(&median_mass(3)), "{}", median_mass(3));
    assert!((88.0..93.0).contains(&median_mass(4)), "{}", median_mass(4));
    assert!(
        (100.0..175.0).contains(&median_mass(2)),
        "{}",
        median_mass(2)
    );
}

/// What is known of a feature of the real jets.
struct Real {
    mean: f64,
    low: f64,
    high: f64,
}

/// Reads the statistics of the real jets; nothing, said so, if they are missing.
fn real_jets() -> Option<Vec<Real>> {
    let path = test_data("jsc/jsc_openml_train_stats.json")?;
    let stats: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let numbers = |value: &Value| -> Vec<f64> {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|number| number.as_f64().unwrap())
            .collect()
    };
    let names: Vec<&str> = stats["features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    assert_eq!(names, FEATURES);
    let means = numbers(&stats["scaler_mean"]);
    let levels = numbers(&stats["quantile_levels"]);
    let quantiles = stats["quantiles_raw"].as_array().unwrap();
    let real = means.into_iter().zip(quantiles).map(|(mean, quantiles)| {
        let quantiles = numbers(quantiles);
        Real {
            mean,
            low: interpolate(&levels, &quantiles, 0.01),
            high: interpolate(&levels, &quantiles, 0.99),
        }
    });
    Some(real.collect())
}

fn interpolate(levels: &[f64], quantiles: &[f64], level: f64) -> f64 {
    let above = levels.partition_point(|known| *known < level);
    let part = (level - levels[above - 1]) / (levels[above] - levels[above - 1]);
    quantiles[above - 1] + part * (quantiles[above] - quantiles[above - 1])
}

fn simulated_jets() -> Vec<Real> {
    let jets = generate(1, N_COMPARED);
    let column = |index: usize| {
        let values = jets.features.iter().skip(index).step_by(FEATURES.len());
        let mut values: Vec<f64> = values.map(|value| f64::from(*value)).collect();
        values.sort_by(f64::total_cmp);
        let at = |level: f64| values[(level * (N_COMPARED - 1) as f64).round() as usize];
        let mean = values.iter().sum::<f64>() / N_COMPARED as f64;
        Real {
            mean,
            low: at(0.01),
            high: at(0.99),
        }
    };
    (0..FEATURES.len()).map(column).collect()
}

#[test]
fn features_range_as_those_of_real_jets() {
    let Some(real) = real_jets() else { return };
    let simulated = simulated_jets();
    println!("| feature | mean real | simulated | 1 % real | simulated | 99 % real | simulated |");
    println!("|---|---|---|---|---|---|---|");
    for ((name, real), simulated) in FEATURES.iter().zip(&real).zip(&simulated) {
        let row = [
            real.mean,
            simulated.mean,
            real.low,
            simulated.low,
            real.high,
            simulated.high,
        ];
        let row = row.map(|value| {
            if value.abs() < 10.0 {
                format!("{value:.4}")
            } else {
                format!("{value:.1}")
            }
        });
        println!("| {name} | {} |", row.join(" | "));
    }
    for ((name, real), simulated) in FEATURES.iter().zip(&real).zip(&simulated) {
        assert!(
            real.low < simulated.high && simulated.low < real.high,
            "{name}"
        );
        // Far more than the ranges touch: either covers most of the other.
        let shared = real.high.min(simulated.high) - real.low.max(simulated.low);
        let covered = real.high.max(simulated.high) - real.low.min(simulated.low);
        assert!(shared / covered > 0.75, "{name}: {shared} of {covered}");
        if ["mass_mmdt", "multiplicity", "zlogz"].contains(name) {
            let error = (simulated.mean / real.mean - 1.0).abs();
            assert!(error < 0.1, "{name}: {error}");
        }
    }
}
