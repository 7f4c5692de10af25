//! Items of a plugin as what core knows: models, passes, strategies and engines.

mod engine;

use std::borrow::Cow;

use firebrick_core::Json;
use firebrick_core::graph::Graph;
use firebrick_core::model::{Model, ModelError};
use firebrick_core::pass::{Choice, Info, Pass, PassError, Role};
use firebrick_core::registry::{Factory, Kind, MadeStrategy, Manifest};
use firebrick_core::strategy::{Strategy, StrategyError, Study};
use firebrick_core::trial::Trial;
use firebrick_core::value::Params;
use firebrick_sdk::Fault;
use firebrick_sdk::door::{Door, Numbers, Remote};
use firebrick_sdk::wire::{self, Applied, Apply, Build, MakeStrategy, ModelFacts, PassFacts};
use serde::de::DeserializeOwned;

/// Returns how an item of a plugin is made.
pub(crate) fn factory(door: Door, plugin: &str, manifest: &Manifest) -> Factory {
    let maker = Maker {
        door,
        name: manifest.name.clone(),
        label: format!("{} `{}` of plugin `{plugin}`", manifest.kind, manifest.name),
    };
    match manifest.kind {
        Kind::Model => Factory::Model(Box::new(move || Ok(Box::new(maker.model()?)))),
        Kind::Pass => Factory::Pass(Box::new(move || Ok(Box::new(maker.pass()?)))),
        Kind::Engine => Factory::Engine(Box::new(move || {
            let item = maker.make(Kind::Engine)?;
            Ok(Box::new(engine::RemoteEngine(item)))
        })),
        Kind::Strategy => Factory::Strategy(Box::new(move |study, settings| {
            maker.strategy(study, settings)
        })),
    }
}

struct Maker {
    door: Door,
    name: String,
    label: String,
}

impl Maker {
    fn make(&self, kind: Kind) -> Result<Item, String> {
        self.create(kind, &[])
            .map_err(|fault| format!("{}: {fault}", self.label))
    }

    fn create(&self, kind: Kind, args: &[u8]) -> Result<Item, Fault> {
        Ok(Item {
            remote: self.door.create(kind, &self.name, args)?,
            label: self.label.clone(),
        })
    }

    fn model(&self) -> Result<RemoteModel, String> {
        let item = self.make(Kind::Model)?;
        let facts: ModelFacts = item.call(wire::DESCRIBE, &(), |message| message)?;
        let base_width = facts.base_width;
        Ok(RemoteModel { item, base_width })
    }

    fn pass(&self) -> Result<RemotePass, String> {
        let item = self.make(Kind::Pass)?;
        let facts: PassFacts = item.call(wire::DESCRIBE, &(), |message| message)?;
        Ok(RemotePass { item, facts })
    }

    fn strategy(&self, study: &Study, settings: &Json) -> MadeStrategy {
        let args = wire::encode(&MakeStrategy {
            study: Cow::Borrowed(study),
            settings: Cow::Borrowed(settings),
        });
        let item = self.create(Kind::Strategy, &args).map_err(|fault| {
            fault.into_error(|message| StrategyError::Other(format!("{}: {message}", self.label)))
        })?;
        Ok(Box::new(RemoteStrategy(item)))
    }
}

/// An item on the other side, with the words by which errors name it.
struct Item {
    remote: Remote,
    label: String,
}

impl Item {
    /// Calls a method that needs no arrays.
    fn call<T: DeserializeOwned, E: DeserializeOwned>(
        &self,
        method: &str,
        args: &(impl serde::Serialize + ?Sized),
        other: fn(String) -> E,
    ) -> Result<T, E> {
        self.call_with(method, args, &[], other)
    }

    fn call_with<T: DeserializeOwned, E: DeserializeOwned>(
        &self,
        method: &str,
        args: &(impl serde::Serialize + ?Sized),
        arrays: &[Numbers<'_>],
        other: fn(String) -> E,
    ) -> Result<T, E> {
        let payload = wire::encode(args);
        let answer = self
            .remote
            .invoke(method, &payload, arrays, None)
            .map_err(|fault| self.error(fault, other))?;
        self.read(&answer.payload).map_err(other)
    }

    /// Returns the error that a fault stands for.
    fn error<E: DeserializeOwned>(&self, fault: Fault, other: fn(String) -> E) -> E {
        fault.into_error(|message| other(format!("{}: {message}", self.label)))
    }

    fn read<T: DeserializeOwned>(&self, payload: &[u8]) -> Result<T, String> {
        wire::decode(payload)
            .map_err(|error| format!("{}: its answer is not readable: {error}", self.label))
    }
}

struct RemoteModel {
    item: Item,
    base_width: usize,
}

impl Model for RemoteModel {
    fn base_width(&self) -> usize {
        self.base_width
    }

    fn build(
        &self,
        args: &Json,
        input_shape: &[usize],
        n_classes: usize,
    ) -> Result<Graph, ModelError> {
        let build = Build {
            args: Cow::Borrowed(args),
            input_shape: Cow::Borrowed(input_shape),
            n_classes,
        };
        self.item.call(wire::BUILD, &build, ModelError::Other)
    }
}

struct RemotePass {
    item: Item,
    facts: PassFacts,
}

impl Pass for RemotePass {
    fn role(&self) -> Role {
        self.facts.role
    }

    fn choices(&self) -> Vec<Choice> {
        self.facts.choices.clone()
    }

    fn apply(&self, graph: &Graph, args: &Json) -> Result<(Graph, Info), PassError> {
        let apply = Apply {
            graph: Cow::Borrowed(graph),
            args: Cow::Borrowed(args),
        };
        let applied: Applied = self.item.call(wire::APPLY, &apply, PassError::Other)?;
        let changed = applied.graph.unwrap_or_else(|| graph.clone());
        Ok((changed, applied.info))
    }
}

struct RemoteStrategy(Item);

impl Strategy for RemoteStrategy {
    fn ask(&mut self, numbers: &[u64]) -> Result<Vec<Params>, StrategyError> {
        let params: Vec<Params> = self.0.call(wire::ASK, numbers, StrategyError::Other)?;
        if params.len() > numbers.len() {
            return Err(StrategyError::Other(format!(
                "{}: it proposed {} params for {} trials",
                self.0.label,
                params.len(),
                numbers.len()
            )));
        }
        Ok(params)
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), StrategyError> {
        self.0.call(wire::TELL, trials, StrategyError::Other)
    }
}
