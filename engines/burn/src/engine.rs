//! The engine `burn`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use firebrick_core::dataset::{FeatureRows, Rows};
use firebrick_core::engine::{
    AbsentDevice, Device, Engine, EngineError, Evaluation, Observer, Placement, TrainJob,
    TrainOutcome, ZeroCost, check_input, check_job, check_rows, check_weights, evaluate_logits,
    panic_message, train_population,
};
use firebrick_core::formats::{self, OperandError, Quantizer};
use firebrick_core::graph::{Graph, Node, Op};
use firebrick_core::register_engine;
use firebrick_core::weights::Weights;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::network::Network;
use crate::parameters::Parameters;
use crate::stack::train::Room;
use crate::{rows, stack, train, zero_cost};

/// Bytes that are counted on where nobody says how much memory a device has: 4 GiB.
const UNKNOWN_BYTES: u64 = 4 << 30;

/// Trains any network with the burn library, on the CPU.
///
/// Takes every type of node: linear layers, convolutions, batch normalisation, pools, sums,
/// concatenations, dropout. Adam, AdamW and SGD step as PyTorch's do.
///
/// Takes all number formats, and trains with them: what a node reads and computes with is stored in
/// its format first, while weights are trained in float32.
///
/// Candidates train side by side, one a thread; the result is the same, bit for bit, however many
/// threads there are; operations of large networks use all cores besides. A batch normalisation
/// that is frozen uses its running statistics and leaves them as they are. A last batch of a
/// single row joins the batch before it. It computes zero-cost metrics.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {}

register_engine!("burn"; Settings => BurnEngine::cpu());

/// An engine over devices of burn.
///
/// On the CPU each candidate trains on its own. On other devices, candidates of one topology train
/// as one computation, a stack, and come to what each comes to alone within float tolerance.
#[derive(Debug)]
pub struct BurnEngine {
    devices: Vec<(Device, burn::tensor::Device)>,
    absent: Vec<AbsentDevice>,
    stack: Option<usize>,
    free_bytes: fn() -> Option<u64>,
    /// What was free before the first tensor: memory that burn holds is not free, but ours.
    bytes: OnceLock<Option<u64>>,
}

impl BurnEngine {
    /// Returns the engine on the CPU.
    pub fn cpu() -> Self {
        let device = Device {
            kind: "cpu".to_owned(),
            name: "burn flex".to_owned(),
        };
        Self::new(vec![(device, burn::tensor::Device::flex())])
    }

    /// Returns the engine on devices of burn, each with how users call it, the preferred first.
    pub fn new(devices: Vec<(Device, burn::tensor::Device)>) -> Self {
        Self {
            devices,
            absent: Vec::new(),
            stack: None,
            free_bytes: || None,
            bytes: OnceLock::new(),
        }
    }

    /// Says what is missing of devices that this machine does not have.
    pub fn lacking(self, absent: Vec<AbsentDevice>) -> Self {
        Self { absent, ..self }
    }

    /// Trains candidates in stacks of at most `most`, on the CPU, too.
    pub fn stacking(self, most: usize) -> Self {
        let stack = Some(most);
        Self { stack, ..self }
    }

    /// Asks how many bytes of a device nobody has taken, once, before it is used. Stacks are as
    /// large as these bytes have room for.
    pub fn with_memory(self, free_bytes: fn() -> Option<u64>) -> Self {
        Self { free_bytes, ..self }
    }

    /// Returns how many candidates may be in a stack; `None` where each trains on its own.
    fn room(&self, placement: &Placement) -> Option<Room> {
        let is_cpu = placement.device == "cpu";
        if is_cpu && self.stack.is_none() {
            return None;
        }
        let bytes = *self.bytes.get_or_init(self.free_bytes);
        Some(Room {
            most: self.stack.unwrap_or(usize::MAX),
            bytes: bytes.or((!is_cpu).then_some(UNKNOWN_BYTES)),
        })
    }

    fn device(&self, placement: &Placement) -> Result<&burn::tensor::Device, EngineError> {
        let mut devices = self.devices.iter();
        match devices.find(|(device, _)| device.kind == placement.device) {
            Some((_, device)) => Ok(device),
            None => Err(EngineError::Device {
                device: placement.device.clone(),
                available: self
                    .devices
                    .iter()
                    .map(|(device, _)| device.kind.clone())
                    .collect(),
            }),
        }
    }
}

impl Engine for BurnEngine {
    fn devices(&self) -> Vec<Device> {
        self.devices
            .iter()
            .map(|(device, _)| device.clone())
            .collect()
    }

    fn absent_devices(&self) -> Vec<AbsentDevice> {
        self.absent.clone()
    }

    fn supports(&self, graph: &Graph) -> Result<(), EngineError> {
        for (idx, node) in graph.nodes().iter().enumerate() {
            runs(node, graph.shape(idx))?;
            if node
                .annotations
                .sparsity
                .is_some_and(|sparsity| sparsity > 0.0)
            {
                return Err(unsupported(
                    node,
                    "is sparse, training would fill its zeros",
                ));
            }
        }
        Ok(())
    }

    fn train(
        &self,
        job: &TrainJob<'_>,
        observer: &dyn Observer,
    ) -> Result<Vec<TrainOutcome>, EngineError> {
        let device = self.device(job.placement)?;
        check_job(self, job)?;
        if let Some(room) = self.room(job.placement) {
            return Ok(stack::train::train(job, device, room, observer));
        }
        Ok(train_population(job, |position| {
            train::train(position, job, device, observer)
        }))
    }

    fn predict(
        &self,
        graph: &Graph,
        weights: &Weights,
        features: FeatureRows<'_>,
        placement: &Placement,
    ) -> Result<Vec<f32>, EngineError> {
        let device = self.device(placement)?;
        for (idx, node) in graph.nodes().iter().enumerate() {
            runs(node, graph.shape(idx))?;
        }
        check_weights(graph, weights)?;
        check_input(graph, features)?;
        let compute = || {
            let parameters = Parameters::new(graph, weights, device);
            let network = Network::new(graph, &parameters);
            rows::predict(graph, &network, &parameters, features, device)
        };
        catch_unwind(AssertUnwindSafe(compute))
            .map_err(|panic| EngineError::Other(panic_message(&*panic)))
    }

    /// Judges rows where they are judged in training, so that both come to the same.
    fn evaluate(
        &self,
        graph: &Graph,
        weights: &Weights,
        rows: Rows<'_>,
        placement: &Placement,
    ) -> Result<Evaluation, EngineError> {
        if self.room(placement).is_none() || rows.is_empty() {
            let logits = self.predict(graph, weights, rows.features, placement)?;
            return evaluate_logits(graph, &logits, rows);
        }
        let device = self.device(placement)?;
        for (idx, node) in graph.nodes().iter().enumerate() {
            runs(node, graph.shape(idx))?;
        }
        check_weights(graph, weights)?;
        check_rows(graph, rows, "given")?;
        check_input(graph, rows.features)?;
        let compute = || stack::judge::evaluate(graph, weights, rows, device);
        catch_unwind(AssertUnwindSafe(compute))
            .unwrap_or_else(|panic| Err(panic_message(&*panic)))
            .map_err(EngineError::Other)
    }

    fn score(
        &self,
        graph: &Graph,
        weights: &Weights,
        rows: Rows<'_>,
        metrics: &[ZeroCost],
        placement: &Placement,
    ) -> Result<Vec<f64>, EngineError> {
        let device = self.device(placement)?;
        for (idx, node) in graph.nodes().iter().enumerate() {
            runs(node, graph.shape(idx))?;
        }
        if metrics.is_empty() {
            return Ok(Vec::new());
        }
        check_weights(graph, weights)?;
        check_rows(graph, rows, "given")?;
        check_input(graph, rows.features)?;
        let compute = || zero_cost::score(graph, weights, rows, metrics, device);
        catch_unwind(AssertUnwindSafe(compute))
            .unwrap_or_else(|panic| Err(EngineError::Other(panic_message(&*panic))))
    }
}

/// Checks that a node can be computed as it is noted.
fn runs(node: &Node, shape: &[usize]) -> Result<(), EngineError> {
    let refuse = |error: OperandError| unsupported(node, &error.to_string());
    formats::check(node).map_err(refuse)?;
    for (operand, format) in &node.annotations.formats {
        // What is chosen from the numbers has to have been chosen by now.
        let step = formats::learns_step(format).then_some(1.0);
        Quantizer::of(format, step).map_err(|source| {
            let operand = operand.clone();
            refuse(OperandError::Format { operand, source })
        })?;
    }
    if node.op == Op::Output && shape.len() != 1 {
        let reason = format!("has shape {shape:?}, expected one number a class");
        return Err(unsupported(node, &reason));
    }
    Ok(())
}

fn unsupported(node: &Node, reason: &str) -> EngineError {
    EngineError::Unsupported {
        node: node.name.clone(),
        op: node.op.name().to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod contract;
#[cfg(test)]
mod tests;
