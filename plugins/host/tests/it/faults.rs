//! What goes wrong inside a plugin is an error of the call, with what a hint needs.

use firebrick_core::Json;
use firebrick_core::dataset::FeatureRows;
use firebrick_core::engine::{Engine, EngineError, Missing, Placement, Silent, TrainJob};
use firebrick_core::graph::Graph;
use firebrick_core::pass::{Pass, PassError};
use firebrick_core::registry::{Factory, Kind};
use firebrick_core::strategy::{Strategy, StrategyError};
use firebrick_core::weights::Weights;
use firebrick_host::{Loaded, check_file, load_all};

use crate::built::{Folder, fixture};
use crate::items::{entry, graph, recipe, study};

fn loaded() -> (Folder, Loaded) {
    let folder = Folder::new();
    folder.copy(&fixture("faulty"), "libfaulty.so");
    let loaded = load_all(&[folder.path()]);
    assert_eq!(loaded.refused, Vec::new());
    (folder, loaded)
}

fn pass(loaded: &Loaded, name: &str) -> Result<Box<dyn Pass>, String> {
    match &entry(loaded, Kind::Pass, name).factory {
        Factory::Pass(make) => make(),
        _ => panic!("`{name}` is a pass"),
    }
}

fn engine(loaded: &Loaded) -> Box<dyn Engine> {
    match &entry(loaded, Kind::Engine, "faulty").factory {
        Factory::Engine(make) => make().unwrap(),
        _ => panic!("it is an engine"),
    }
}

fn strategy(loaded: &Loaded, seed: u64) -> Result<Box<dyn Strategy>, StrategyError> {
    match &entry(loaded, Kind::Strategy, "faulty").factory {
        Factory::Strategy(make) => make(&study(seed), &Json::Null),
        _ => panic!("it is a strategy"),
    }
}

/// Cuts the column off, which changes with the formatting of the fixture.
fn where_from(message: &str) -> String {
    let line = message.find(".rs:").expect("it says where") + 4;
    let rest = message[line..].find(": ").expect("it says what");
    format!("{}LINE{}", &message[..line], &message[line + rest..])
}

#[test]
fn a_panic_while_an_item_is_made_is_an_error() {
    let (_folder, loaded) = loaded();
    let error = pass(&loaded, "faulty-when-made").err().unwrap();
    insta::assert_snapshot!(where_from(&error), @"pass `faulty-when-made` of plugin `faulty`: panicked at faulty/src/lib.rs:LINE: boom in create");
    let Factory::Model(make) = &entry(&loaded, Kind::Model, "faulty-when-made").factory else {
        panic!("it is a model");
    };
    insta::assert_snapshot!(where_from(&make().err().unwrap()), @"model `faulty-when-made` of plugin `faulty`: panicked at faulty/src/lib.rs:LINE: boom in base_width");
    let error = strategy(&loaded, 13).err().unwrap().to_string();
    insta::assert_snapshot!(where_from(&error), @"strategy `faulty` of plugin `faulty`: panicked at faulty/src/lib.rs:LINE: boom in make");
}

#[test]
fn a_panic_in_a_call_is_an_error_and_the_next_call_works() {
    let (_folder, loaded) = loaded();
    let Factory::Model(make) = &entry(&loaded, Kind::Model, "faulty").factory else {
        panic!("it is a model");
    };
    let model = make().unwrap();
    for _ in 0..2 {
        let error = model.build(&Json::Null, &[4], 2).unwrap_err().to_string();
        assert!(error.contains("boom in build"), "{error}");
    }
    assert_eq!(model.base_width(), 1);
}

#[test]
fn a_panic_at_the_end_of_an_item_is_survived() {
    let (_folder, loaded) = loaded();
    let pass = pass(&loaded, "faulty-at-the-end").unwrap();
    let error = pass.apply(&graph(), &Json::Null).unwrap_err();
    assert!(error.to_string().contains("boom in apply"), "{error}");
    drop(pass);
}

#[test]
fn a_strategy_that_panicked_says_so_when_asked_again() {
    let (_folder, loaded) = loaded();
    let mut strategy = strategy(&loaded, 1).unwrap();
    let error = strategy.ask(&[0]).unwrap_err().to_string();
    assert!(error.contains("boom in ask"), "{error}");
    let error = strategy.ask(&[0]).unwrap_err().to_string();
    insta::assert_snapshot!(error, @"strategy `faulty` of plugin `faulty`: the strategy panicked before and can't go on");
}

#[test]
fn an_error_of_a_pass_keeps_its_hint() {
    let (_folder, loaded) = loaded();
    let pass = pass(&loaded, "faulty").unwrap();
    let error = pass.apply(&graph(), &Json::Null).unwrap_err();
    assert!(matches!(&error, PassError::UnknownNode { key, .. } if key == "seq_block_0"));
    assert_eq!(error.hint().unwrap(), "did you mean `seq_blocks_0`?");
}

#[test]
fn an_engine_that_misbehaves_is_an_error() {
    let (_folder, loaded) = loaded();
    let engine = engine(&loaded);
    assert_eq!(engine.devices(), Vec::new());
    let absent = engine.absent_devices();
    let [absent] = &absent[..] else {
        panic!("{absent:?}");
    };
    assert_eq!(
        (absent.kind.as_str(), absent.missing),
        ("cuda", Missing::Gpu)
    );
    let placement = Placement {
        device: "cpu".to_owned(),
        threads: 1,
    };
    let graph: Graph = graph();
    let weights = Weights::init(&graph, 1);
    let error = engine.supports(&graph).unwrap_err();
    assert!(matches!(error, EngineError::Unsupported { node, .. } if node == "a"));
    let error = engine.predict(
        &graph,
        &weights,
        FeatureRows::Numbers(&[0.0; 4]),
        &placement,
    );
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("index out of bounds: the len is 4"),
        "{error}"
    );
    let candidates = [firebrick_core::engine::Candidate {
        graph,
        seed: 1,
        weights: None,
    }];
    let rows = firebrick_core::dataset::Split::default();
    let recipe = recipe(1);
    let job = TrainJob {
        candidates: &candidates,
        train: rows.rows(),
        validation: rows.rows(),
        recipe: &recipe,
        placement: &placement,
    };
    let error = engine.train(&job, &Silent).unwrap_err().to_string();
    insta::assert_snapshot!(error, @"engine `faulty` of plugin `faulty`: it returned 0 outcomes for 1 candidates");
}

#[test]
fn a_check_lists_the_items_that_cannot_be_made() {
    let folder = Folder::new();
    let file = folder.copy(&fixture("faulty"), "libfaulty.so");
    let report = check_file(&file).unwrap();
    let broken: Vec<String> = report.broken.iter().map(|text| where_from(text)).collect();
    insta::assert_snapshot!(broken.join("\n"), @r"
    model `faulty-when-made` of plugin `faulty`: panicked at faulty/src/lib.rs:LINE: boom in base_width
    pass `faulty-when-made` of plugin `faulty`: panicked at faulty/src/lib.rs:LINE: boom in create
    ");
}
