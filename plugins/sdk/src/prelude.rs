//! What a plugin's source usually needs, in one line: `use firebrick_sdk::prelude::*;`.

pub use firebrick_core::Json;
pub use firebrick_core::costs::Costs;
pub use firebrick_core::dataset::{FeatureRows, RowReader, Rows};
pub use firebrick_core::engine::{
    Candidate, Device, Engine, EngineError, Epoch, Evaluation, Observer, Placement, TrainJob,
    TrainOutcome, Trained, Verdict, ZeroCost,
};
pub use firebrick_core::graph::{Graph, GraphBuilder, GraphError, Node, Op};
pub use firebrick_core::model::{Model, ModelError};
pub use firebrick_core::objective::Direction;
pub use firebrick_core::pass::{Choice, Info, Pass, PassError, Role, Table};
pub use firebrick_core::random::{Purpose, Stream, stream};
pub use firebrick_core::recipe::Recipe;
pub use firebrick_core::registry::parse;
pub use firebrick_core::space::{Domain, Parameter, Space};
pub use firebrick_core::strategy::{Strategy, StrategyError, Study};
pub use firebrick_core::trial::{Outcome, Trial};
pub use firebrick_core::value::{Params, Value};
pub use firebrick_core::weights::{Tensor, Weights};
pub use firebrick_core::{register_engine, register_model, register_pass, register_strategy};
pub use schemars::JsonSchema;
pub use serde::{Deserialize, Serialize};

pub use crate::{arguments, export_plugin};
