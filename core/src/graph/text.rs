//! The text form of a graph: one node a line.
//!
//! ```text
//! x = input[16]
//! seq_blocks_2 = linear(x, in=16, out=32) @ weight=integer(8, 4)
//! output = output(seq_blocks_2)
//! ```
//!
//! Parsing fills in what the producer's shape says (`in`, `features`) and what PyTorch defaults
//! to (`bias`, `stride`, `padding`, `groups`, `momentum`, `eps`); a pool's stride defaults to its
//! kernel. Printing leaves out what is at its default, so that parsing gives the same graph back.

mod print;

use std::collections::BTreeMap;
use std::str::FromStr;

use thiserror::Error;

use super::shape::infer_node;
use super::{Graph, GraphError, Node, NumberFormat, Op, Scale, Shape};

/// Why a text is not a graph.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParseError {
    /// A line can't be read.
    #[error("line {line}: {reason}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The nodes do not make a well-formed graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

impl FromStr for Graph {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut nodes = Vec::new();
        let mut shapes: BTreeMap<String, Shape> = BTreeMap::new();
        for (idx, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let node = parse_line(line, &shapes).map_err(|reason| ParseError::Line {
                line: idx + 1,
                reason,
            })?;
            let inputs: Vec<(&str, &[usize])> = node
                .inputs
                .iter()
                .filter_map(|name| Some((name.as_str(), shapes.get(name)?.as_slice())))
                .collect();
            // A node whose inputs are unknown is reported by the constructor below.
            if inputs.len() == node.inputs.len() {
                let shape = infer_node(&node, &inputs)?;
                shapes.insert(node.name.clone(), shape);
            }
            nodes.push(node);
        }
        Ok(Self::new(nodes)?)
    }
}

fn parse_line(line: &str, shapes: &BTreeMap<String, Shape>) -> Result<Node, String> {
    let (line, annotations) = match line.split_once(" @ ") {
        Some((line, annotations)) => (line.trim(), annotations),
        None => (line, ""),
    };
    let (name, call) = line.split_once('=').ok_or("expected `name = op(...)`")?;
    let (name, call) = (name.trim(), call.trim());
    let open = call
        .find(['(', '['])
        .ok_or("expected `op(...)` or `input[...]`")?;
    let (op, rest) = call.split_at(open);
    let inside = rest[1..]
        .strip_suffix([')', ']'])
        .ok_or_else(|| format!("`{op}` is not closed by a bracket"))?;
    let mut inputs = Vec::new();
    let mut attributes = Attributes::default();
    for part in inside
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        match part.split_once('=') {
            Some((key, value)) => {
                let (key, value) = (key.trim(), value.trim());
                if attributes
                    .0
                    .insert(key.to_owned(), value.to_owned())
                    .is_some()
                {
                    return Err(format!("`{key}` comes twice"));
                }
            }
            None => inputs.push(part),
        }
    }
    let first_size = inputs
        .first()
        .and_then(|name| shapes.get(*name))
        .map(|shape| shape[0]);
    let (op, inputs) = if op == "input" {
        let sizes: Result<Vec<usize>, _> = inputs.iter().map(|size| size.parse()).collect();
        let shape = sizes.map_err(|_| format!("`{inside}` is not a shape"))?;
        (Op::Input { shape }, Vec::new())
    } else {
        (parse_op(op, &mut attributes, first_size)?, inputs)
    };
    if let Some(key) = attributes.0.keys().next() {
        return Err(format!("`{}` has no attribute `{key}`", op.name()));
    }
    let mut node = Node::new(name, op, &inputs);
    parse_annotations(annotations, &mut node)?;
    Ok(node)
}

fn parse_op(
    name: &str,
    attributes: &mut Attributes,
    first_size: Option<usize>,
) -> Result<Op, String> {
    let produced = |key: &str| {
        first_size.ok_or_else(|| format!("`{key}` is missing, and the input is not known"))
    };
    Ok(match name {
        "linear" => Op::Linear {
            in_features: attributes
                .number("in")?
                .map_or_else(|| produced("in"), Ok)?,
            out_features: attributes.number("out")?.ok_or("`out` is missing")?,
            bias: attributes.number("bias")?.unwrap_or(true),
        },
        "conv2d" => Op::Conv2d {
            in_channels: attributes
                .number("in")?
                .map_or_else(|| produced("in"), Ok)?,
            out_channels: attributes.number("out")?.ok_or("`out` is missing")?,
            kernel: attributes.pair("kernel")?.ok_or("`kernel` is missing")?,
            stride: attributes.pair("stride")?.unwrap_or([1, 1]),
            padding: attributes.pair("padding")?.unwrap_or([0, 0]),
            groups: attributes.number("groups")?.unwrap_or(1),
            bias: attributes.number("bias")?.unwrap_or(true),
        },
        "batch_norm" => Op::BatchNorm {
            features: attributes
                .number("features")?
                .map_or_else(|| produced("features"), Ok)?,
            momentum: attributes.number("momentum")?.unwrap_or(0.1),
            eps: attributes.number("eps")?.unwrap_or(1e-5),
        },
        "relu" => Op::Relu,
        "max_pool" | "avg_pool" => {
            let kernel = attributes.pair("kernel")?.ok_or("`kernel` is missing")?;
            let stride = attributes.pair("stride")?.unwrap_or(kernel);
            let padding = attributes.pair("padding")?.unwrap_or([0, 0]);
            if name == "max_pool" {
                Op::MaxPool {
                    kernel,
                    stride,
                    padding,
                }
            } else {
                Op::AvgPool {
                    kernel,
                    stride,
                    padding,
                }
            }
        }
        "global_avg_pool" => Op::GlobalAvgPool,
        "flatten" => Op::Flatten,
        "add" => Op::Add,
        "concat" => Op::Concat,
        "dropout" => Op::Dropout {
            p: attributes.number("p")?.ok_or("`p` is missing")?,
        },
        "output" => Op::Output,
        _ => return Err(format!("unknown type of node `{name}`")),
    })
}

/// The attributes of a line that were not yet read.
#[derive(Default)]
struct Attributes(BTreeMap<String, String>);

impl Attributes {
    fn number<T: FromStr>(&mut self, key: &str) -> Result<Option<T>, String> {
        let Some(text) = self.0.remove(key) else {
            return Ok(None);
        };
        text.parse()
            .map(Some)
            .map_err(|_| format!("`{key}={text}` can't be read"))
    }

    /// Reads `3` or `3x5`.
    fn pair(&mut self, key: &str) -> Result<Option<[usize; 2]>, String> {
        let Some(text) = self.0.remove(key) else {
            return Ok(None);
        };
        let (height, width) = text.split_once('x').unwrap_or((&text, &text));
        match (height.parse(), width.parse()) {
            (Ok(height), Ok(width)) => Ok(Some([height, width])),
            _ => Err(format!(
                "`{key}={text}` can't be read, expected `3` or `3x5`"
            )),
        }
    }
}

fn parse_annotations(text: &str, node: &mut Node) -> Result<(), String> {
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
        if word == "frozen" {
            node.annotations.frozen = true;
            rest = after.trim_start();
            continue;
        }
        let (key, after) = rest
            .split_once('=')
            .ok_or_else(|| format!("annotation `{rest}` can't be read"))?;
        let end = match (after.find('('), after.find(' ')) {
            (Some(open), space) if space.is_none_or(|space| open < space) => {
                after.find(')').map_or(after.len(), |close| close + 1)
            }
            (_, Some(space)) => space,
            (_, None) => after.len(),
        };
        let (value, after) = after.split_at(end);
        let error = || format!("annotation `{key}={value}` can't be read");
        match key {
            "sparsity" => {
                node.annotations.sparsity = Some(value.parse().map_err(|_| error())?);
            }
            "folds" => {
                node.annotations.folds = value.split(',').map(str::to_owned).collect();
            }
            "from" => node.annotations.weights_from = Some(value.to_owned()),
            operand => {
                let format = parse_format(value).ok_or_else(error)?;
                node.annotations.formats.insert(operand.to_owned(), format);
            }
        }
        rest = after.trim_start();
    }
    Ok(())
}

/// Reads `integer(8)`, `integer(8, 4)` or `minifloat_ieee(8, exponent_width=4)`.
fn parse_format(text: &str) -> Option<NumberFormat> {
    let (name, fields) = text.strip_suffix(')')?.split_once('(')?;
    let mut fields = fields.split(',').map(str::trim);
    let mut format = NumberFormat::new(name, fields.next()?.parse().ok()?);
    for (nth, field) in fields.enumerate() {
        match field.split_once('=') {
            None if field == "unsigned" => format.signed = false,
            None if field == "mase" => format.mase = true,
            None if nth == 0 => format.frac_width = Some(field.parse().ok()?),
            Some(("exponent_width", value)) => format.exponent_width = Some(value.parse().ok()?),
            Some(("exponent_bias", value)) => format.exponent_bias = Some(value.parse().ok()?),
            Some(("exponent_bias_width", value)) => {
                format.exponent_bias_width = Some(value.parse().ok()?);
            }
            Some(("block_size", value)) => format.block_size = Some(value.parse().ok()?),
            Some(("scale", value)) => {
                let mut scales = Scale::ALL.into_iter();
                format.scale = Some(scales.find(|scale| scale.name() == value)?);
            }
            _ => return None,
        }
    }
    Some(format)
}
