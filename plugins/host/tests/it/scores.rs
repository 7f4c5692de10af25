//! Zero-cost metrics through the door.

use firebrick_core::dataset::Rows;
use firebrick_core::engine::{Engine, EngineError, Placement, ZeroCost};
use firebrick_core::registry::{Factory, Kind};
use firebrick_core::weights::Weights;
use firebrick_host::load_all;

use crate::built::{Folder, fixture, template};
use crate::items::{entry, graph};

/// Returns an engine of a library, with the folder that it lies in.
fn engine(library: &std::path::Path, name: &str) -> (Folder, Box<dyn Engine>) {
    let folder = Folder::new();
    folder.copy(library, "libengine.so");
    let loaded = load_all(&[folder.path()]);
    let engine = match &entry(&loaded, Kind::Engine, name).factory {
        Factory::Engine(make) => make().unwrap(),
        _ => panic!("it is an engine"),
    };
    (folder, engine)
}

fn score(engine: &dyn Engine, metrics: &[ZeroCost]) -> Result<Vec<f64>, EngineError> {
    let graph = graph();
    let placement = Placement {
        device: "cpu".to_owned(),
        threads: 1,
    };
    let rows = Rows::of_numbers(&[0.5, 1.0, 1.5, 2.0, 0.0, 0.0, 0.0, 1.0], &[2, 1]);
    engine.score(&graph, &Weights::init(&graph, 1), rows, metrics, &placement)
}

#[test]
fn an_engine_gets_weights_and_rows_and_answers_in_the_order_of_the_metrics() {
    let (_folder, engine) = engine(&fixture("rival"), "echo");
    let all = score(&*engine, &ZeroCost::ALL).unwrap();
    assert_eq!(all, [6.0, 3.0, 15.0, f64::NEG_INFINITY]);
    let backwards = [ZeroCost::JacobCov, ZeroCost::Synflow];
    assert_eq!(score(&*engine, &backwards).unwrap(), [15.0, 6.0]);
    assert!(score(&*engine, &[]).unwrap().is_empty());
}

#[test]
fn an_engine_without_zero_cost_metrics_says_so() {
    let (_folder, engine) = engine(&template(), "plain");
    let refusal = score(&*engine, &[]).unwrap_err();
    assert_eq!(refusal.to_string(), "engine has no zero-cost metrics");
}

#[test]
fn a_score_too_many_is_refused() {
    let (_folder, engine) = engine(&fixture("faulty"), "faulty");
    let refusal = score(&*engine, &[ZeroCost::Naswot])
        .unwrap_err()
        .to_string();
    let complaint = "it returned 2 scores for 1 metrics";
    assert!(refusal.ends_with(complaint), "{refusal}");
}
