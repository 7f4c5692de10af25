use super::*;
use crate::engine::{Device, Observer, TrainJob, TrainOutcome};
use crate::testing::{Statistics, forward};

/// An engine that computes as the definitions say.
struct Plain;

impl Engine for Plain {
    fn devices(&self) -> Vec<Device> {
        Vec::new()
    }

    fn supports(&self, _graph: &Graph) -> Result<(), EngineError> {
        Ok(())
    }

    fn train(
        &self,
        _job: &TrainJob<'_>,
        _observer: &dyn Observer,
    ) -> Result<Vec<TrainOutcome>, EngineError> {
        Ok(Vec::new())
    }

    fn predict(
        &self,
        graph: &Graph,
        weights: &Weights,
        features: FeatureRows<'_>,
        _placement: &Placement,
    ) -> Result<Vec<f32>, EngineError> {
        assert!(
            graph
                .nodes()
                .iter()
                .all(|node| node.annotations.formats.is_empty())
        );
        let rows: Vec<f64> = features.numbers().iter().map(|x| f64::from(*x)).collect();
        let outputs = forward(graph, weights, &rows, Statistics::Running);
        Ok(outputs.into_iter().map(|y| y as f32).collect())
    }
}

/// Returns the network with its formats chosen from weights that are all `weight` and from rows.
fn chosen(text: &str, weight: f32, rows: &[f32]) -> (Graph, Weights) {
    chosen_to(true, text, weight, rows)
}

fn chosen_to(learns_steps: bool, text: &str, weight: f32, rows: &[f32]) -> (Graph, Weights) {
    let graph: Graph = text.parse().unwrap();
    let mut weights = Weights::init(&graph, 0);
    for (key, tensor) in &mut weights.0 {
        if key.ends_with(".weight") {
            tensor.data.fill(weight);
        } else if key.ends_with(".bias") {
            tensor.data.fill(0.0);
        }
    }
    calibrated(learns_steps, &graph, &weights, rows)
}

fn calibrated(
    learns_steps: bool,
    graph: &Graph,
    weights: &Weights,
    rows: &[f32],
) -> (Graph, Weights) {
    let calibration = Calibration {
        engine: &Plain,
        placement: &Placement {
            device: "cpu".to_owned(),
            threads: 1,
        },
        rows: FeatureRows::Numbers(rows),
        method: RangeMethod::MinMax,
        learns_steps,
    };
    calibration.choose(graph, weights).unwrap()
}

fn frac_widths(graph: &Graph) -> Vec<String> {
    let nodes = graph.nodes().iter().flat_map(|node| {
        let formats = node.annotations.formats.iter();
        formats.map(|(operand, format)| format!("{}.{operand}={format}", node.name))
    });
    nodes.collect()
}

#[test]
fn ranges_are_those_of_the_float32_network() {
    // The first layer makes 2 * (3 + 1) = 8, the relu keeps it, the second 2 * (8 + 8) = 32.
    let text = "x = input[2]
        a = linear(x, out=2) @ data_in=integer(4) weight=integer(4) bias=integer(4)
        r = relu(a)
        b = linear(r, out=1) @ data_in=integer(4, unsigned) weight=integer(8, 3)
        c = linear(b, out=2) @ data_in=integer(8)
        y = output(c)";
    let (graph, _) = chosen(text, 2.0, &[3.0, 1.0, 1.0, 1.0]);
    assert_eq!(
        frac_widths(&graph),
        [
            // 4 bits: -8 to 7 steps.
            "a.bias=integer(4, 3)",
            "a.data_in=integer(4, 1)",
            "a.weight=integer(4, 1)",
            // 0 to 15 steps.
            "b.data_in=integer(4, 0, unsigned)",
            "b.weight=integer(8, 3)",
            "c.data_in=integer(8, 1)",
        ]
    );
    assert!(!has_open(&graph));
}

#[test]
fn all_inputs_of_a_sum_share_one_range() {
    let text = "x = input[1]
        a = linear(x, out=1)
        s = add(x, a) @ data_in=integer(8)
        b = linear(s, out=2)
        y = output(b)";
    let (graph, _) = chosen(text, 30.0, &[1.0]);
    assert_eq!(frac_widths(&graph), ["s.data_in=integer(8, 2)"]);
}

#[test]
fn pictures_are_looked_at_behind_pools_and_norms() {
    let text = "x = input[1, 2, 2]
        n = batch_norm(x) @ weight=integer(8) bias=integer(8)
        p = max_pool(n, kernel=2)
        f = flatten(p)
        a = linear(f, out=2) @ data_in=integer(8)
        y = output(a)";
    let (graph, _) = chosen(text, 2.0, &[1.0, 2.0, 3.0, 5.0]);
    assert_eq!(
        frac_widths(&graph),
        [
            "n.bias=integer(8, 7)",
            "n.weight=integer(8, 5)",
            "a.data_in=integer(8, 3)"
        ]
    );
}

#[test]
fn a_learned_step_starts_where_its_paper_says() {
    let text = "x = input[2]
        a = linear(x, out=2) @ weight=lsq(3) data_in=lsq(3, unsigned)
        y = output(a)";
    let (_, weights) = chosen(text, -0.5, &[1.0, 0.0, 2.0, 1.0]);
    let step = |name: &str| weights.get(name).unwrap().data[0];
    // 2 * mean(|x|) / sqrt(most), most 3 and 7.
    assert!((step("a.weight_step") - 1.0 / 3_f32.sqrt()).abs() < 1e-6);
    assert!((step("a.data_in_step") - 2.0 / 7_f32.sqrt()).abs() < 1e-6);
}

#[test]
fn a_step_that_was_learned_stays() {
    let text = "x = input[2]
        a = linear(x, out=2) @ weight=lsq(3) data_in=lsq(3, unsigned)
        y = output(a)";
    let graph: Graph = text.parse().unwrap();
    let mut weights = Weights::init(&graph, 0);
    weights.0.get_mut("a.weight_step").unwrap().data = vec![0.125];
    let (_, weights) = calibrated(true, &graph, &weights, &[1.0, 0.0, 2.0, 1.0]);
    assert_eq!(weights.get("a.weight_step").unwrap().data, [0.125]);
    assert_ne!(weights.get("a.data_in_step").unwrap().data, [1.0]);
}

#[test]
fn a_step_that_nothing_learns_is_chosen_as_that_of_fixed_point() {
    let text = "x = input[2]
        a = linear(x, out=2) @ weight=lsq(3) data_in=lsq(3, unsigned)
        y = output(a)";
    let (_, weights) = chosen_to(false, text, -0.5, &[1.0, 0.0, 2.0, 1.0]);
    // -4 to 3 steps for -0.5, 0 to 7 for 2.
    assert_eq!(weights.get("a.weight_step").unwrap().data, [0.125]);
    assert_eq!(weights.get("a.data_in_step").unwrap().data, [0.5]);
}

#[test]
fn a_provisional_network_is_one_that_an_engine_can_be_asked_about() {
    let text = "x = input[2]\na = linear(x, out=2) @ weight=integer(8)\ny = output(a)";
    let graph: Graph = text.parse().unwrap();
    assert!(has_open(&graph));
    let found = provisional(&graph);
    assert_eq!(frac_widths(&found), ["a.weight=integer(8, 4)"]);
    assert!(!has_open(&found));
    assert!(frac_widths(&in_float(&graph)).is_empty());
}
