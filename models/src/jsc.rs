//! The networks for jet substructure classification: 16 features, 5 classes of jet.

use firebrick_core::Json;
use firebrick_core::graph::{Graph, GraphBuilder, Op};
use firebrick_core::model::{Model, ModelError};
use firebrick_core::register_model;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::chain::{features, finish, read};

register_model!("jsc-three-linear", "jsc-d"; ThreeLinearArgs => ThreeLinear);
register_model!("jsc-tiny"; TinyArgs => Tiny);
register_model!("jsc-toy"; ToyArgs => Toy);
register_model!("jsc-s"; SmallArgs => Small);

/// Three linear layers 16 wide: the network whose widths the first study searches.
///
/// Nodes `seq_blocks_0` to `seq_blocks_7`: batch norm, relu, linear 16-16, relu, linear 16-16,
/// relu, linear 16-5, relu. 661 parameters and 592 MACs for 16 features and 5 classes. Channel
/// multipliers count in units of 16.
///
/// The last relu is there because the network of the lab has it. It cuts negative logits to zero:
/// a class whose logit is negative learns nothing from that jet, and ties go to the first class.
/// `logits = true` leaves it out, which is the better network.
///
/// Measured cost of the last relu: on `jets-sim` (simulated), 20 epochs of Adam at a rate of 0.01
/// and batch 512, ten seeds, the accuracy on the test split is 52.2 % on average with it (20.0 to
/// 74.5 %; two of ten networks learned nothing) and 74.4 % without it (73.9 to 75.3 %).
///
/// # Source
/// The second network of lab 4 of Advanced Deep Learning Systems (Imperial College London), built
/// on MASE, <https://github.com/DeepWok/mase>.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ThreeLinearArgs {
    /// Leave out the last relu, `seq_blocks_7`, so that the network returns logits.
    #[serde(default)]
    logits: bool,
}

struct ThreeLinear;

impl Model for ThreeLinear {
    fn base_width(&self) -> usize {
        16
    }

    fn build(
        &self,
        args: &Json,
        input_shape: &[usize],
        n_classes: usize,
    ) -> Result<Graph, ModelError> {
        let ThreeLinearArgs { logits } = read(args)?;
        let n_features = features(input_shape)?;
        let ops = vec![
            Op::batch_norm(n_features),
            Op::Relu,
            Op::linear(n_features, 16),
            Op::Relu,
            Op::linear(16, 16),
            Op::Relu,
            Op::linear(16, n_classes),
        ];
        finish_classes("seq_blocks", input_shape, ops, logits)
    }
}

/// One linear layer: the smallest network for jets.
///
/// Nodes `seq_blocks_0` to `seq_blocks_3`: batch norm, relu, linear 16-5, relu. 117 parameters
/// and 80 MACs for 16 features and 5 classes. It has no width to search.
///
/// # Source
/// `jsc-tiny` of MASE, <https://github.com/DeepWok/mase>, February 2024.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TinyArgs {
    /// Leave out the last relu, `seq_blocks_3`, so that the network returns logits.
    #[serde(default)]
    logits: bool,
}

struct Tiny;

impl Model for Tiny {
    fn base_width(&self) -> usize {
        16
    }

    fn build(
        &self,
        args: &Json,
        input_shape: &[usize],
        n_classes: usize,
    ) -> Result<Graph, ModelError> {
        let TinyArgs { logits } = read(args)?;
        let n_features = features(input_shape)?;
        let ops = vec![
            Op::batch_norm(n_features),
            Op::Relu,
            Op::linear(n_features, n_classes),
        ];
        finish_classes("seq_blocks", input_shape, ops, logits)
    }
}

/// Three linear layers 8 wide, each followed by batch norm.
///
/// Nodes `seq_blocks_0` to `seq_blocks_10`: batch norm, relu, linear 16-8, batch norm, relu,
/// linear 8-8, batch norm, relu, linear 8-5, batch norm, relu. 327 parameters and 232 MACs for 16
/// features and 5 classes. Channel multipliers count in units of 8.
///
/// # Source
/// `jsc-toy` of MASE, <https://github.com/DeepWok/mase>, February 2024.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ToyArgs {
    /// Leave out the last relu, `seq_blocks_10`, so that the network returns logits.
    #[serde(default)]
    logits: bool,
}

struct Toy;

impl Model for Toy {
    fn base_width(&self) -> usize {
        8
    }

    fn build(
        &self,
        args: &Json,
        input_shape: &[usize],
        n_classes: usize,
    ) -> Result<Graph, ModelError> {
        let ToyArgs { logits } = read(args)?;
        let n_features = features(input_shape)?;
        let ops = vec![
            Op::batch_norm(n_features),
            Op::Relu,
            Op::linear(n_features, 8),
            Op::batch_norm(8),
            Op::Relu,
            Op::linear(8, 8),
            Op::batch_norm(8),
            Op::Relu,
            Op::linear(8, n_classes),
            Op::batch_norm(n_classes),
        ];
        finish_classes("seq_blocks", input_shape, ops, logits)
    }
}

/// Five linear layers, 64 and 32 wide: the largest of the jet networks.
///
/// Nodes `module_list_0` to `module_list_13`: batch norm, relu, linear 16-64, batch norm, relu,
/// linear 64-32, relu, linear 32-32, relu, linear 32-32, relu, linear 32-5, batch norm, relu.
/// 5,615 parameters and 5,280 MACs for 16 features and 5 classes. Channel multipliers count in
/// units of 32.
///
/// # Source
/// `jsc-s` of MASE, <https://github.com/DeepWok/mase>, February 2024. Differs: there it can't be
/// built, since it reads the number of features in a way that the dataset does not offer.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SmallArgs {
    /// Leave out the last relu, `module_list_13`, so that the network returns logits.
    #[serde(default)]
    logits: bool,
}

struct Small;

impl Model for Small {
    fn base_width(&self) -> usize {
        32
    }

    fn build(
        &self,
        args: &Json,
        input_shape: &[usize],
        n_classes: usize,
    ) -> Result<Graph, ModelError> {
        let SmallArgs { logits } = read(args)?;
        let n_features = features(input_shape)?;
        let ops = vec![
            Op::batch_norm(n_features),
            Op::Relu,
            Op::linear(n_features, 64),
            Op::batch_norm(64),
            Op::Relu,
            Op::linear(64, 32),
            Op::Relu,
            Op::linear(32, 32),
            Op::Relu,
            Op::linear(32, 32),
            Op::Relu,
            Op::linear(32, n_classes),
            Op::batch_norm(n_classes),
        ];
        finish_classes("module_list", input_shape, ops, logits)
    }
}

/// Builds the chain, with the relu after the last layer unless logits were asked for.
fn finish_classes(
    prefix: &str,
    input_shape: &[usize],
    mut ops: Vec<Op>,
    logits: bool,
) -> Result<Graph, ModelError> {
    if !logits {
        ops.push(Op::Relu);
    }
    finish(GraphBuilder::new(input_shape), prefix, ops)
}
