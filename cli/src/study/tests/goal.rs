//! What is wanted: metrics each by itself, or their sum.

use firebrick_core::objective::Direction;

use super::*;

/// Reads metrics of a sum to be maximised.
fn sum_of(metrics: &str) -> Loaded {
    search(&format!(
        "[search.strategy]\nsetup = {{ sum_scaled_metrics = true, direction = \"maximize\" }}\n\
         {metrics}"
    ))
}

/// Returns what is wanted, and what is said of it.
fn said(loaded: &Loaded) -> String {
    let goal = &loaded.study.search.as_ref().unwrap().goal;
    format!("{goal}\n{}", notices(loaded))
}

#[test]
fn a_metric_that_goes_the_other_way_is_subtracted_with_a_note() {
    insta::assert_snapshot!(said(&sum_of(
        "metrics.accuracy = { scale = 1.0, direction = \"maximize\" }\n\
         metrics.average_bitwidth = { scale = 0.2, direction = \"minimize\" }",
    )), @r"
    maximize the sum of accuracy, -0.2 average_bitwidth
    `search.strategy.metrics.average_bitwidth.direction` in `studies/x.toml`, line 4: the sum is to be maximized, so `average_bitwidth` counts with the scale -0.2; MASE would add it
    ");
}

#[test]
fn a_sum_is_that_of_the_scaled_metrics_as_in_mase() {
    let loaded = sum_of(
        "metrics.accuracy.direction = \"maximize\"\n\
         metrics.loss.scale = -0.5\n\
         metrics.params = { scale = 0.25, direction = \"minimize\" }",
    );
    let goal = loaded.study.search.unwrap().goal;
    assert_eq!(goal.directions(), [Direction::Maximize]);
    let metrics = [("accuracy", 0.75), ("loss", 2.0), ("params", 8.0)];
    let metrics = metrics.map(|(name, value)| (name.to_owned(), value)).into();
    assert_eq!(goal.values(&metrics), Ok(vec![0.75 - 1.0 - 2.0]));
    let scaled = goal.scaled_metrics(&metrics);
    assert_eq!(scaled.values().sum::<f64>(), 0.75 - 1.0 - 2.0);
}

#[test]
fn a_metric_that_counts_the_wrong_way_round_is_said() {
    // In MASE a sum passes over directions, so that this rewards bits.
    insta::assert_snapshot!(said(&sum_of("metrics.accuracy = {}\nmetrics.average_bitwidth.scale = 0.2")), @r"
    maximize the sum of accuracy, 0.2 average_bitwidth
    `search.strategy.metrics.average_bitwidth` in `studies/x.toml`, line 4: with the scale 0.2, more of it counts as better, since the sum is to be maximized; `scale = -0.2` turns it round
    ");
    insta::assert_snapshot!(said(&sum_of("metrics.accuracy.scale = -1.0")), @r"
    maximize the sum of -1.0 accuracy
    `search.strategy.metrics.accuracy` in `studies/x.toml`, line 3: with the scale -1.0, less of it counts as better, since the sum is to be maximized; `scale = 1.0` turns it round
    ");
    let alone = |metrics: &str| said(&search(&format!("[search.strategy]\n{metrics}")));
    insta::assert_snapshot!(alone("metrics.loss.scale = -2.0\nmetrics.params = {}"), @r"
    loss (minimize), params (minimize)
    `search.strategy.metrics.loss` in `studies/x.toml`, line 2: with the scale -2.0, more of it counts as better, since what is to be minimized is the metric times its scale; `scale = 2.0` turns it round
    ");
    insta::assert_snapshot!(
        alone("metrics.accuracy = { scale = -1.0, direction = \"maximize\" }"), @r"
        accuracy (maximize)
        `search.strategy.metrics.accuracy` in `studies/x.toml`, line 2: with the scale -1.0, less of it counts as better, since what is to be maximized is the metric times its scale; `scale = 1.0` turns it round
        "
    );
}

#[test]
fn what_is_meant_or_not_known_is_not_said() {
    for metrics in [
        "metrics.accuracy = {}\nmetrics.params.scale = -0.1",
        "metrics.accuracy.scale = 2.0\nmetrics.params = { scale = -0.1, direction = \"maximize\" }",
        "metrics.params.direction = \"maximize\"",
        "metrics.my_metric = {}",
    ] {
        assert_eq!(notices(&sum_of(metrics)), "", "{metrics}");
    }
    for metrics in [
        "metrics.accuracy = { scale = -1.0, direction = \"minimize\" }",
        "metrics.params.direction = \"maximize\"",
        "metrics.loss = {}",
    ] {
        let loaded = search(&format!("[search.strategy]\n{metrics}"));
        assert_eq!(notices(&loaded), "", "{metrics}");
    }
}

#[test]
fn a_sum_is_written_as_it_was_resolved() {
    let study = sum_of(
        "metrics.accuracy = {}\nmetrics.params = { scale = 0.25, direction = \"minimize\" }",
    );
    let again = search(&study.study.to_toml());
    assert_eq!(again.study, study.study);
    assert_eq!(notices(&again), "");
}
