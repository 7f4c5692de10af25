//! The plugin's side of an item: methods to calls of core's traits.

mod engine;

use std::sync::Mutex;

use abi_stable::std_types::{RResult, RStr};
use firebrick_core::engine::Engine;
use firebrick_core::model::Model;
use firebrick_core::pass::Pass;
use firebrick_core::registry::{Make, Registration};
use firebrick_core::strategy::Strategy;
use firebrick_core::trial::Trial;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::abi::{AbiFault, Call, Item, Reply};
use crate::export::answer;
use crate::fault::Fault;
use crate::guard::guard;
use crate::wire::{self, Applied, Apply, Build, MakeStrategy, ModelFacts, PassFacts};

/// An item of this plugin.
pub(crate) enum Served {
    Model(Box<dyn Model>),
    Pass(Box<dyn Pass>),
    Strategy(Mutex<Box<dyn Strategy>>),
    Engine(Box<dyn Engine>),
}

/// Makes an item as it was registered; the arguments are those of a strategy.
pub(crate) fn make(item: &Registration, args: &[u8]) -> Result<Served, Fault> {
    Ok(match &item.make {
        Make::Model(make) => Served::Model(make()),
        Make::Pass(make) => Served::Pass(make()),
        Make::Engine(make) => Served::Engine(make()),
        Make::Strategy(make) => {
            let MakeStrategy { study, settings } = read(args)?;
            let made = make(&study, &settings).map_err(|error| Fault::item(&error))?;
            Served::Strategy(Mutex::new(made))
        }
    })
}

/// An item no call of which panics, its end included.
pub(crate) struct Guarded(Option<Served>);

impl Guarded {
    pub(crate) fn new(item: Served) -> Self {
        Self(Some(item))
    }
}

impl Item for Guarded {
    fn invoke(&self, method: RStr<'_>, call: Call<'_>) -> RResult<Reply, AbiFault> {
        answer(guard(|| {
            let item = self.0.as_ref().expect("the item is there until the end");
            invoke(item, method.as_str(), &call)
        }))
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let item = self.0.take();
        let end = guard(|| {
            drop(item);
            Ok(())
        });
        if let Err(fault) = end {
            tracing::error!("an item could not be dropped: {fault}");
        }
    }
}

fn invoke(item: &Served, method: &str, call: &Call<'_>) -> Result<Reply, Fault> {
    match item {
        Served::Model(model) => call_model(model.as_ref(), method, call),
        Served::Pass(pass) => call_pass(pass.as_ref(), method, call),
        Served::Strategy(strategy) => {
            let mut strategy = strategy.lock().map_err(|_| {
                Fault::Protocol("the strategy panicked before and can't go on".to_owned())
            })?;
            call_strategy(strategy.as_mut(), method, call)
        }
        Served::Engine(engine) => engine::call_engine(engine.as_ref(), method, call),
    }
}

fn call_model(model: &dyn Model, method: &str, call: &Call<'_>) -> Result<Reply, Fault> {
    match method {
        wire::DESCRIBE => Ok(reply(&ModelFacts {
            base_width: model.base_width(),
        })),
        wire::BUILD => {
            let build: Build<'_> = read(&call.payload)?;
            let graph = model.build(&build.args, &build.input_shape, build.n_classes);
            Ok(reply(&graph.map_err(|error| Fault::item(&error))?))
        }
        _ => Err(unknown(method, "model")),
    }
}

fn call_pass(pass: &dyn Pass, method: &str, call: &Call<'_>) -> Result<Reply, Fault> {
    match method {
        wire::DESCRIBE => Ok(reply(&PassFacts {
            role: pass.role(),
            choices: pass.choices(),
        })),
        wire::APPLY => {
            let apply: Apply<'_> = read(&call.payload)?;
            let applied = pass.apply(&apply.graph, &apply.args);
            let (graph, info) = applied.map_err(|error| Fault::item(&error))?;
            let graph = (graph != *apply.graph).then_some(graph);
            Ok(reply(&Applied { graph, info }))
        }
        _ => Err(unknown(method, "pass")),
    }
}

fn call_strategy(
    strategy: &mut dyn Strategy,
    method: &str,
    call: &Call<'_>,
) -> Result<Reply, Fault> {
    match method {
        wire::ASK => {
            let numbers: Vec<u64> = read(&call.payload)?;
            let params = strategy.ask(&numbers);
            Ok(reply(&params.map_err(|error| Fault::item(&error))?))
        }
        wire::TELL => {
            let trials: Vec<Trial> = read(&call.payload)?;
            let told = strategy.tell(&trials);
            Ok(reply(&told.map_err(|error| Fault::item(&error))?))
        }
        _ => Err(unknown(method, "strategy")),
    }
}

fn read<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Fault> {
    wire::decode(payload).map_err(|error| Fault::Protocol(format!("unreadable call: {error}")))
}

fn reply<T: Serialize + ?Sized>(value: &T) -> Reply {
    Reply {
        payload: wire::encode(value).into(),
        floats: Vec::new().into(),
    }
}

fn unknown(method: &str, kind: &str) -> Fault {
    Fault::Protocol(format!("a {kind} of this plugin has no method `{method}`"))
}
