//! A network as JSON, for programs that generate hardware.
//!
//! | Key | What |
//! |---|---|
//! | `schema` | `firebrick-network-1` |
//! | `input_shape`, `output_shape` | sizes without the batch: `[features]` or `[channels, height, width]` |
//! | `input` | what rows are scaled by before the network reads them: `formula`, and `mean` and `std`, a number a feature or channel; `raw` is a number of the data set, of pictures a byte. Absent where they are not scaled |
//! | `is_fixed_point` | whether everything behind the first format is exact in whole numbers |
//! | `nodes` | in topological order, the first is the input, the last the output |
//! | `cost` | what all nodes cost, for one row; see `firebrick_core::costs::Cost` |
//!
//! A node has
//!
//! | Key | What |
//! |---|---|
//! | `name`, `inputs` | its name, and those of the nodes whose results it reads |
//! | `op` | what it computes: `type` and attributes |
//! | `shape` | sizes of its result |
//! | `formats` | by operand (`data_in`, `weight`, `bias`): the fields of its number format |
//! | `data_in` | the whole numbers in which it takes its inputs (`width`, `frac_width`, `signed`, `narrow`, `bipolar`), where they are fixed point |
//! | `tensors` | what it has learned, by operand, as it is stored |
//! | `result` | `frac_width` and `bits` (sign included) of its result before it is stored, where it is fixed point |
//! | `cost` | what it costs, for one row |
//!
//! A tensor has `shape` (outermost first; linear `[out, in]`, convolution `[out, in / groups, height,
//! width]`), and where its format is fixed point `grid` and `integers`, in row-major order, each
//! meaning itself times `2^-frac_width`; elsewhere `numbers`. Those of a batch normalisation are
//! the scale (`weight`) and shift (`bias`) that remain of it. The learned step of an operand is a tensor
//! of one number, `data_in_step` for `data_in`.

use std::collections::BTreeMap;

use firebrick_core::costs::{Cost, Costs};
use firebrick_core::formats::STEP;
use firebrick_core::graph::{NumberFormat, Op};
use firebrick_core::scaling::Scaling;
use firebrick_core::weights;
use serde::Serialize;

use crate::error::ExportError;
use crate::grid::Grid;
use crate::integer::IntegerNetwork;
use crate::operand::{Network, format};

#[derive(Serialize)]
struct File<'a> {
    schema: &'static str,
    input_shape: &'a [usize],
    output_shape: &'a [usize],
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Input<'a>>,
    is_fixed_point: bool,
    nodes: Vec<Node<'a>>,
    cost: Cost,
}

#[derive(Serialize)]
struct Input<'a> {
    #[serde(flatten)]
    scaling: &'a Scaling,
    formula: &'static str,
}

#[derive(Serialize)]
struct Node<'a> {
    name: &'a str,
    op: &'a Op,
    inputs: &'a [String],
    shape: &'a [usize],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    formats: &'a BTreeMap<String, NumberFormat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_in: Option<Grid>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tensors: BTreeMap<&'static str, Tensor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Numbers>,
    cost: Cost,
}

#[derive(Serialize)]
struct Tensor {
    shape: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grid: Option<Grid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    integers: Option<Vec<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    numbers: Option<Vec<f32>>,
}

#[derive(Serialize)]
struct Numbers {
    frac_width: i32,
    bits: u32,
}

impl Tensor {
    fn of_numbers(tensor: &weights::Tensor) -> Self {
        Self {
            shape: tensor.shape.clone(),
            grid: None,
            integers: None,
            numbers: Some(tensor.data.clone()),
        }
    }
}

/// Returns a network as JSON.
pub(crate) fn write(
    network: &Network<'_>,
    integers: Option<&IntegerNetwork>,
    scaling: Option<&Scaling>,
) -> Result<Vec<u8>, ExportError> {
    let graph = network.graph;
    let costs = Costs::of(graph);
    let mut nodes = Vec::new();
    for (idx, node) in graph.nodes().iter().enumerate() {
        let data_in = match (format(node, "data_in"), network.quantizer(node, "data_in")?) {
            (Some(format), Some(quantizer)) => Grid::of_activations(format, &quantizer),
            _ => None,
        };
        let mut tensors = BTreeMap::new();
        for operand in ["weight", "bias"] {
            if let Some(tensor) = tensor(network, idx, operand)? {
                tensors.insert(operand, tensor);
            }
        }
        for (name, _) in weights::tensors(node) {
            if let Some(step) = network.tensor(node, name).filter(|_| name.ends_with(STEP)) {
                tensors.insert(name, Tensor::of_numbers(step));
            }
        }
        let whole = integers.map(|integers| &integers.nodes()[idx]);
        let result = whole.and_then(|node| {
            let (frac_width, bits) = (node.frac_width?, node.bits());
            Some(Numbers { frac_width, bits })
        });
        nodes.push(Node {
            name: &node.name,
            op: &node.op,
            inputs: &node.inputs,
            shape: graph.shape(idx),
            formats: &node.annotations.formats,
            data_in,
            tensors,
            result,
            cost: costs.nodes[idx].cost,
        });
    }
    let file = File {
        schema: "firebrick-network-1",
        input_shape: graph.input_shape(),
        output_shape: graph.output_shape(),
        input: scaling.map(|scaling| Input {
            scaling,
            formula: Scaling::FORMULA,
        }),
        is_fixed_point: integers.is_some(),
        nodes,
        cost: costs.total,
    };
    let mut text = serde_json::to_vec(&file).map_err(|error| ExportError::Unreadable {
        format: "JSON",
        reason: error.to_string(),
    })?;
    text.push(b'\n');
    Ok(text)
}

fn tensor(network: &Network<'_>, idx: usize, operand: &str) -> Result<Option<Tensor>, ExportError> {
    let node = &network.graph.nodes()[idx];
    let Some(stored) = network.stored(node, operand)? else {
        return Ok(None);
    };
    let grid = match (format(node, operand), network.quantizer(node, operand)?) {
        (Some(format), Some(quantizer)) => Grid::of_learned(format, &quantizer, &stored.data),
        _ => None,
    };
    let whole = |grid: Grid| stored.data.iter().map(|x| grid.store(*x)).collect();
    Ok(Some(Tensor {
        integers: grid.map(whole),
        numbers: grid.is_none().then(|| stored.data.clone()),
        shape: stored.shape,
        grid,
    }))
}
