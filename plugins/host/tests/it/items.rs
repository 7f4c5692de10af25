//! Items of real plugins, used through core's traits.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use firebrick_core::Json;
use firebrick_core::dataset::{FeatureRows, Features, Split};
use firebrick_core::engine::{
    Candidate, Engine, EngineError, Epoch, Observer, Placement, TrainJob, TrainOutcome, Verdict,
};
use firebrick_core::graph::Graph;
use firebrick_core::images::Normalize;
use firebrick_core::objective::Direction;
use firebrick_core::recipe::{Optimizer, Recipe};
use firebrick_core::registry::{Entry, Factory, Kind};
use firebrick_core::space::{Domain, Parameter, Space};
use firebrick_core::strategy::{StrategyError, Study};
use firebrick_core::testing::{
    PLAIN_RECIPE, check_engine, check_model, check_pass, check_strategy,
};
use firebrick_core::value::Value;
use firebrick_core::weights::Weights;
use firebrick_host::{Loaded, load_all};
use serde_json::json;

use crate::built::{Folder, cargo, fixture, template, template_crate};

pub(crate) fn entry<'a>(loaded: &'a Loaded, kind: Kind, name: &str) -> &'a Entry {
    loaded.registry.find(kind, name).unwrap()
}

pub(crate) fn graph() -> Graph {
    "x = input[4]\nseq_blocks_0 = linear(x, out=3)\ny = output(seq_blocks_0)"
        .parse()
        .unwrap()
}

pub(crate) fn study(seed: u64) -> Study {
    let choices = vec![Value::Int(1), Value::Int(2), Value::Int(4)];
    let parameter = |name: &str| Parameter {
        name: name.to_owned(),
        domain: Domain::Ordinal {
            choices: choices.clone(),
        },
        condition: None,
    };
    Study {
        space: Space::new(vec![parameter("a/b/c"), parameter("d/e/f")]).unwrap(),
        directions: vec![Direction::Maximize],
        seed,
        n_trials: None,
    }
}

pub(crate) fn recipe(max_epochs: usize) -> Recipe {
    Recipe {
        max_epochs,
        batch_size: 2,
        learning_rate: 0.5,
        optimizer: Optimizer::Sgd,
        ..PLAIN_RECIPE
    }
}

fn loaded(libraries: &[(&str, std::path::PathBuf)]) -> (Folder, Loaded) {
    let folder = Folder::new();
    for (name, library) in libraries {
        folder.copy(library, name);
    }
    let loaded = load_all(&[folder.path()]);
    assert_eq!(loaded.refused, Vec::new());
    (folder, loaded)
}

#[test]
fn the_template_passes_its_own_tests() {
    cargo(&template_crate(), &["test"]);
}

#[test]
fn the_template_keeps_the_contracts_through_the_door() {
    let (_folder, loaded) = loaded(&[("libtemplate.so", template())]);
    let Factory::Strategy(make) = &entry(&loaded, Kind::Strategy, "sweep").factory else {
        panic!("it is a strategy");
    };
    check_strategy(|study| make(study, &Json::Null));
    let Factory::Pass(make) = &entry(&loaded, Kind::Pass, "depth").factory else {
        panic!("it is a pass");
    };
    check_pass(&*make().unwrap(), &graph(), &json!({}), &json!({}));
    let Factory::Model(make) = &entry(&loaded, Kind::Model, "shallow").factory else {
        panic!("it is a model");
    };
    check_model(&*make().unwrap(), &json!({"width": 8}), &[16], 5);
    let Factory::Engine(make) = &entry(&loaded, Kind::Engine, "plain").factory else {
        panic!("it is an engine");
    };
    check_engine(&*make().unwrap());
}

#[test]
fn a_plugin_says_what_it_offers() {
    let (_folder, loaded) = loaded(&[("libtemplate.so", template())]);
    let [plugin] = loaded.plugins.as_slice() else {
        panic!("one plugin was loaded");
    };
    assert_eq!(
        (plugin.name.as_str(), plugin.version.as_str()),
        ("firebrick-template", "0.1.0")
    );
    assert_eq!(plugin.interface, "1.0");
    assert!(plugin.rustc.starts_with("rustc 1."), "{}", plugin.rustc);
    let items: Vec<String> = plugin
        .items
        .iter()
        .map(|item| format!("{} {}: {}", item.kind, item.name, item.summary()))
        .collect();
    insta::assert_snapshot!(items.join("\n"), @r"
    model shallow: A network with one hidden layer, for inputs of one dimension.
    pass depth: Counts the layers with weights on the way from input to output, which bounds the latency.
    strategy sweep: Walks the points of a finite space in order.
    engine plain: Trains chains of linear layers, batch normalisation and relu in plain loops on the CPU.
    ");
    let sweep = &entry(&loaded, Kind::Strategy, "sweep").manifest;
    assert_eq!(sweep.schema["additionalProperties"], json!(false));
}

#[test]
fn a_strategy_is_made_with_settings_and_refuses_wrong_ones() {
    let (_folder, loaded) = loaded(&[("librival.so", fixture("rival"))]);
    // By its other name.
    let Factory::Strategy(make) = &entry(&loaded, Kind::Strategy, "stuck").factory else {
        panic!("it is a strategy");
    };
    let mut stuck = make(&study(1), &json!({"skip": 4})).unwrap();
    let point = stuck.ask(&[0, 1]).unwrap();
    assert_eq!(point[0].to_string(), "a/b/c=2, d/e/f=2");
    assert_eq!(point[0], point[1]);
    let error = make(&study(1), &json!({"skp": 4})).err().unwrap();
    assert_eq!(
        error,
        StrategyError::Settings("unknown field `skp`, expected `skip`".to_owned())
    );
}

/// Notes what it hears, and stops candidate 1 after its second epoch.
#[derive(Default)]
struct Notes(Mutex<BTreeMap<usize, Vec<Epoch>>>);

impl Observer for Notes {
    fn epoch(&self, candidate: usize, epoch: &Epoch) -> Verdict {
        let mut notes = self.0.lock().unwrap();
        notes.entry(candidate).or_default().push(epoch.clone());
        match (candidate, epoch.epoch) {
            (1, 2) => Verdict::Stop,
            _ => Verdict::Continue,
        }
    }
}

struct Panics;

impl Observer for Panics {
    fn epoch(&self, _: usize, _: &Epoch) -> Verdict {
        panic!("the observer's own fault")
    }
}

fn echo(loaded: &Loaded) -> Box<dyn Engine> {
    match &entry(loaded, Kind::Engine, "echo").factory {
        Factory::Engine(make) => make().unwrap(),
        _ => panic!("it is an engine"),
    }
}

fn placement() -> Placement {
    Placement {
        device: "cpu".to_owned(),
        threads: 2,
    }
}

fn train(engine: &dyn Engine, observer: &dyn Observer) -> Vec<TrainOutcome> {
    let given = Weights::init(&graph(), 9);
    let candidates = [(1, None), (2, Some(given)), (13, None)].map(|(seed, weights)| Candidate {
        graph: graph(),
        seed,
        weights,
    });
    let rows = |features: [f32; 8], labels: [u32; 2]| Split {
        features: Features::Numbers(features.to_vec()),
        labels: labels.to_vec(),
    };
    let train = rows([1.0; 8], [0, 2]);
    let validation = rows([0.5; 8], [1, 2]);
    let recipe = recipe(3);
    let job = TrainJob {
        candidates: &candidates,
        train: train.rows(),
        validation: validation.rows(),
        recipe: &recipe,
        placement: &placement(),
    };
    engine.train(&job, observer).unwrap()
}

#[test]
fn an_engine_gets_rows_and_weights_and_reports_every_epoch() {
    let (_folder, loaded) = loaded(&[("librival.so", fixture("rival"))]);
    let engine = echo(&loaded);
    let notes = Notes::default();
    let outcomes = train(&*engine, &notes);

    let notes = notes.0.into_inner().unwrap();
    assert_eq!(notes.keys().copied().collect::<Vec<_>>(), [0, 1]);
    let first = &notes[&0][0];
    assert_eq!((first.train_loss, first.validation.loss), (10.0, 7.0));
    assert!(first.validation.macro_accuracy.is_nan());
    let [
        TrainOutcome::Trained(trained),
        TrainOutcome::Stopped(stopped),
        TrainOutcome::Failed { reason },
    ] = outcomes.as_slice()
    else {
        panic!("{outcomes:?}");
    };
    assert_eq!((trained.epochs.len(), stopped.epochs.len()), (3, 2));
    assert_eq!(reason, "seed 13");
    // What was given came back with 1 added, so weights crossed both ways.
    let plus_one = |seed| {
        let mut weights = Weights::init(&graph(), seed);
        let numbers = weights.0.values_mut().flat_map(|tensor| &mut tensor.data);
        numbers.for_each(|number| *number += 1.0);
        weights
    };
    assert_eq!(trained.weights, plus_one(1));
    assert_eq!(stopped.weights, plus_one(9));
}

#[test]
fn an_engine_predicts_on_borrowed_features() {
    let (_folder, loaded) = loaded(&[("librival.so", fixture("rival"))]);
    let engine = echo(&loaded);
    assert_eq!(engine.devices()[0].name, "echo");
    engine.supports(&graph()).unwrap();
    let mut weights = Weights::init(&graph(), 1);
    weights.0.values_mut().next().unwrap().data[0] = 2.0;
    let logits = engine.predict(
        &graph(),
        &weights,
        FeatureRows::Numbers(&[1.0, 3.0]),
        &placement(),
    );
    assert_eq!(logits.unwrap(), [2.0, 6.0]);
    let rows = Split {
        features: Features::Numbers(vec![0.0, 0.0, 5.0, 0.0, 9.0, 0.0]),
        labels: vec![2, 1],
    };
    let judged = engine.evaluate(&graph(), &weights, rows.rows(), &placement());
    assert_eq!(judged.unwrap().accuracy, 1.0);
    let features = FeatureRows::Numbers(&[1.0]);
    let error = engine.predict(&graph(), &Weights::default(), features, &placement());
    assert_eq!(
        error.unwrap_err(),
        EngineError::Weights("there are none".to_owned())
    );
}

#[test]
fn an_engine_gets_pictures_as_bytes_with_what_they_become() {
    let (_folder, loaded) = loaded(&[("librival.so", fixture("rival"))]);
    let engine = echo(&loaded);
    let mut weights = Weights::init(&graph(), 1);
    weights.0.values_mut().next().unwrap().data[0] = 2.0;
    let normalize = Normalize {
        mean: vec![1.0],
        std: vec![0.5],
    };
    let pictures = FeatureRows::Pixels {
        bytes: &[255, 0],
        normalize: &normalize,
    };
    let logits = engine.predict(&graph(), &weights, pictures, &placement());
    assert_eq!(logits.unwrap(), [0.0, -4.0]);
}

#[test]
fn a_panic_of_the_observer_passes_by_the_plugin() {
    let (_folder, loaded) = loaded(&[("librival.so", fixture("rival"))]);
    let engine = echo(&loaded);
    let panic = catch_unwind(AssertUnwindSafe(|| train(&*engine, &Panics)));
    let payload = panic.expect_err("the panic goes on after the call");
    assert_eq!(
        payload.downcast_ref::<&str>(),
        Some(&"the observer's own fault")
    );
    // The plugin is as good as before.
    assert_eq!(train(&*engine, &Notes::default()).len(), 3);
}
