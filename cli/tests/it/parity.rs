//! Both engines, on real runs: the same losses, checkpoints of each other, the same distribution.

use serde_json::Value;

use super::support::Place;

const ENGINES: [&str; 2] = ["mlp", "burn"];

/// The default jets, as many as there are, and every batch's loss.
const TRAINING: &str = r#"
dataset = "jets-sim"
batch_size = 512
learning_rate = 0.01
max_epochs = 1
log_every_n_steps = 1

[model]
name = "jsc-three-linear"
logits = true
"#;

/// Trains with an engine into a folder of its name and returns what is printed.
fn train(place: &Place, engine: &str, more: &[&str]) -> Value {
    let args = ["train", "--config", "study.toml", "--format", "json"];
    let chosen = ["--engine", engine, "--out", engine];
    let run = place.run(&[&args[..], &chosen, more].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

/// Returns the losses of the first steps that a run has kept.
fn losses(place: &Place, engine: &str, n_steps: usize) -> Vec<f64> {
    let csv = place.read(&format!("{engine}/metrics.csv"));
    let steps = csv.lines().skip(1).map(|line| line.split(','));
    let losses = steps.filter_map(|mut cells| cells.nth(3)?.parse().ok());
    losses.take(n_steps).collect()
}

#[test]
fn the_first_steps_lose_the_same() {
    let place = Place::with_study(TRAINING);
    for engine in ENGINES {
        train(&place, engine, &[]);
    }
    let [ours, theirs] = ENGINES.map(|engine| losses(&place, engine, 20));
    assert_eq!((ours.len(), theirs.len()), (20, 20));
    // The network learns in these steps, so that equal losses mean equal steps.
    assert!(ours[19] < 0.95 * ours[0], "{ours:?}");
    for (step, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        let relative = ((ours - theirs) / theirs).abs();
        assert!(relative < 1e-5, "step {}: {ours} {theirs}", step + 1);
    }
}

#[test]
fn each_reads_the_checkpoints_of_the_other() {
    let place = Place::with_study(TRAINING);
    for engine in ENGINES {
        train(&place, engine, &[]);
        let checkpoint = format!("{engine}/checkpoints/best.safetensors");
        let judged = ENGINES.map(|other| {
            let args = ["test", "--config", "study.toml", "--format", "json"];
            let chosen = ["--engine", other, "--load-name", &checkpoint];
            let run = place.run(&[&args[..], &chosen].concat());
            assert_eq!(run.code, Some(0), "{}", run.stderr);
            serde_json::from_str::<Value>(&run.stdout).unwrap()
        });
        let [ours, theirs] = judged.map(|judged| judged["loss"].as_f64().unwrap());
        assert!(
            (ours - theirs).abs() < 1e-5,
            "trained by {engine}: {ours} {theirs}"
        );
        // Chance is ln 5.
        assert!(ours < 1.2, "{ours}");
    }
}

/// Returns the mean and the squared standard error of the mean.
fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let n_values = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n_values;
    let squares = values.iter().map(|value| (value - mean).powi(2));
    (mean, squares.sum::<f64>() / (n_values - 1.0) / n_values)
}

#[test]
fn five_epochs_come_to_the_same_accuracies() {
    let place = Place::with_study(TRAINING);
    let accuracies = ENGINES.map(|engine| {
        let accuracy = |seed: u64| {
            let seed = seed.to_string();
            let printed = train(&place, engine, &["--seed", &seed, "--max-epochs", "5"]);
            printed["validation_accuracy"].as_f64().unwrap()
        };
        (0..10).map(accuracy).collect::<Vec<f64>>()
    });
    let [(mlp, mlp_variance), (burn, burn_variance)] = accuracies
        .each_ref()
        .map(|values| mean_and_variance(values));
    let error = (mlp_variance + burn_variance).sqrt();
    eprintln!(
        "validation accuracy after 5 epochs, 10 seeds: mlp {mlp:.5} ± {:.5}, burn {burn:.5} ± \
         {:.5}, difference {:.6} ± {error:.5}\nmlp  {:?}\nburn {:?}",
        mlp_variance.sqrt(),
        burn_variance.sqrt(),
        mlp - burn,
        accuracies[0],
        accuracies[1],
    );
    // Seeds matter: ten times the same number would be no distribution.
    assert!(error > 0.0);
    assert!((mlp - burn).abs() <= 2.0 * error);
}
