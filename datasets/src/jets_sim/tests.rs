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

/// What is compared of a feature.
struct Summary {
    mean: f64,
    low: f64,
    high: f64,
}

/// Mean and quantiles of each feature of the real jets.
struct Real {
    means: Vec<f64>,
    levels: Vec<f64>,
    quantiles: Vec<Vec<f64>>,
}

/// Reads the statistics of the real jets; nothing, said so, if they are missing.
fn real_jets() -> Option<Real> {
    let path = test_data("jsc/jsc_openml_train_stats.json")?;
    let stats: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let list = |name: &str| stats[name].as_array().unwrap();
    let names: Vec<&str> = list("features")
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    assert_eq!(names, FEATURES);
    Some(Real {
        means: numbers(list("scaler_mean")),
        levels: numbers(list("quantile_levels")),
        quantiles: list("quantiles_raw")
            .iter()
            .map(|row| numbers(row.as_array().unwrap()))
            .collect(),
    })
}

fn numbers(values: &[Value]) -> Vec<f64> {
    values.iter().map(|value| value.as_f64().unwrap()).collect()
}

/// Returns the mean and the quantiles of a column of simulated jets.
fn describe(jets: &Jets, column: usize, levels: &[f64]) -> (f64, Vec<f64>) {
    let values = jets.features.iter().skip(column).step_by(FEATURES.len());
    let mut values: Vec<f64> = values.map(|value| f64::from(*value)).collect();
    values.sort_by(f64::total_cmp);
    let last = (values.len() - 1) as f64;
    let quantiles = levels
        .iter()
        .map(|level| values[(level * last).round() as usize])
        .collect();
    (values.iter().sum::<f64>() / values.len() as f64, quantiles)
}

/// Interpolates the 1 % and 99 % quantiles, of simulated jets too, lest the method makes a
/// difference: of the real ones only nine others are known.
fn summarise(mean: f64, levels: &[f64], quantiles: &[f64]) -> Summary {
    let at = |level: f64| {
        let above = levels.partition_point(|known| *known < level);
        let part = (level - levels[above - 1]) / (levels[above] - levels[above - 1]);
        quantiles[above - 1] + part * (quantiles[above] - quantiles[above - 1])
    };
    Summary {
        mean,
        low: at(0.01),
        high: at(0.99),
    }
}

fn cell(value: f64) -> String {
    match value.abs() {
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.01 => format!("{value:.4}"),
        _ => format!("{value:.6}"),
    }
}

#[test]
fn features_range_as_those_of_real_jets() {
    let Some(real) = real_jets() else { return };
    let jets = generate(1, N_COMPARED);
    println!("| feature | mean real | simulated | 1 % real | simulated | 99 % real | simulated |");
    println!("|---|---|---|---|---|---|---|");
    let mut pairs = Vec::new();
    for (column, name) in FEATURES.iter().enumerate() {
        let (mean, quantiles) = describe(&jets, column, &real.levels);
        let simulated = summarise(mean, &real.levels, &quantiles);
        let real = summarise(real.means[column], &real.levels, &real.quantiles[column]);
        let cells = [
            real.mean,
            simulated.mean,
            real.low,
            simulated.low,
            real.high,
            simulated.high,
        ];
        println!("| {name} | {} |", cells.map(cell).join(" | "));
        pairs.push((name, real, simulated));
    }
    for (name, real, simulated) in pairs {
        // More than touching: what both ranges share is most of what either covers.
        let shared = real.high.min(simulated.high) - real.low.max(simulated.low);
        let covered = real.high.max(simulated.high) - real.low.min(simulated.low);
        assert!(shared / covered > 0.75, "{name}: {shared} of {covered}");
        let error = (simulated.mean / real.mean - 1.0).abs();
        assert!(error < 0.1, "{name}: {} for {}", simulated.mean, real.mean);
    }
}
