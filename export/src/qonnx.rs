//! A network with number formats as QONNX: ONNX with nodes that store numbers.
//!
//! | Format | Operation |
//! |---|---|
//! | `integer` | `Quant`, the scale a power of two |
//! | `ternary`, `binary` | `Quant` of two bits, narrow; `BipolarQuant` for -1 and 1 |
//! | `lsq` | `Quant`, the scale its step |
//! | `fp8_*`, `minifloat_*` | `FloatQuant` |
//! | `log` and all blocks | refused: there is none |
//!
//! # Source
//! Pappalardo et al., "QONNX: Representing Arbitrary-Precision Quantized Neural Networks", 2022,
//! <https://arxiv.org/abs/2206.07527>, and the definitions of its operators,
//! <https://github.com/fastmachinelearning/qonnx/tree/main/docs/qonnx-custom-ops>.

use firebrick_core::formats::Quantizer;
use firebrick_core::graph::{Node, NumberFormat, Op};

use crate::build::{Builder, Operation, int, text};
use crate::error::ExportError;
use crate::grid::Grid;
use crate::onnx::{Operand, Storing, write_stored};
use crate::operand::{Network, float32, format, refused};
use crate::proto::{AttributeProto, ModelProto};

/// Whose the operators are.
const DOMAIN: &str = "qonnx.custom_op.general";

/// Returns a network as a QONNX model.
///
/// # Errors
/// [`ExportError::Float32`] for a learned operand, or a network's input, that has no format;
/// [`ExportError::Refused`] for a format that QONNX has no operation for.
pub(crate) fn write(network: &Network<'_>) -> Result<ModelProto, ExportError> {
    check(network)?;
    write_stored(network, &mut Quantised { network })
}

/// Checks that nothing is computed in float32 but what formats leave exact.
fn check(network: &Network<'_>) -> Result<(), ExportError> {
    let graph = network.graph;
    // Which results are the network's input as it was given.
    let mut is_given = Vec::new();
    for (idx, node) in graph.nodes().iter().enumerate() {
        for operand in ["weight", "bias"] {
            if network.stored(node, operand)?.is_some() && format(node, operand).is_none() {
                return Err(float32(node, operand));
            }
        }
        let reads_given = graph.producers(idx).any(|producer| is_given[producer]);
        let takes_given = reads_given && format(node, "data_in").is_none();
        is_given.push(match node.op {
            Op::Input { .. } => true,
            Op::Flatten | Op::Dropout { .. } => takes_given,
            _ if takes_given => return Err(float32(node, "data_in")),
            _ => false,
        });
    }
    Ok(())
}

/// Says each format as an operation of QONNX.
struct Quantised<'a> {
    network: &'a Network<'a>,
}

impl Storing for Quantised<'_> {
    fn store(
        &mut self,
        builder: &mut Builder,
        operand: &Operand<'_>,
        value: &str,
    ) -> Result<String, ExportError> {
        let node = operand.node;
        let quantizer = self.network.quantizer(node, operand.name)?;
        let (Some(quantizer), Some(format)) = (quantizer, format(node, operand.name)) else {
            return Ok(value.to_owned());
        };
        let Some(stored) = Stored::of(format, &quantizer, operand) else {
            let reason = format!("is {format}, which QONNX has no operation for");
            let hint = "QONNX has `integer`, `lsq`, `ternary`, `binary`, `fp8_e4m3`, `fp8_e5m2`, \
                        `minifloat_ieee` and `minifloat_denorm`; `--format json` has all formats";
            return Err(refused(node, Some(operand.name), reason, Some(hint)));
        };
        Ok(stored.add(builder, operand, value))
    }

    fn is_affine(&self, _node: &Node) -> bool {
        true
    }
}

/// An operation that stores numbers.
#[derive(Debug, PartialEq)]
struct Stored {
    op_type: &'static str,
    /// Names and values of what it reads behind the numbers.
    numbers: Vec<(&'static str, f32)>,
    attributes: Vec<AttributeProto>,
}

impl Stored {
    /// Returns the operation for a format, `None` if there is none that does exactly the same.
    fn of(format: &NumberFormat, quantizer: &Quantizer, operand: &Operand<'_>) -> Option<Self> {
        let learned = operand.learned;
        // hls4ml computes something else with a bias from it, and qonnx counts no bits of biases.
        let is_constant = operand.name == "bias" || matches!(operand.node.op, Op::BatchNorm { .. });
        let is_added = learned.is_some() && is_constant;
        let grid = match learned {
            Some(numbers) => Grid::of_learned(format, quantizer, numbers),
            None => Grid::of_activations(format, quantizer),
        };
        match (grid, quantizer, learned) {
            (Some(grid), ..) if grid.bipolar && grid.frac_width == 0 && !is_added => Some(Self {
                op_type: "BipolarQuant",
                numbers: vec![("scale", 1.0)],
                attributes: Vec::new(),
            }),
            // With another scale BipolarQuant counts as float32 where bits are counted.
            (Some(grid), ..) => Some(Self::quant(
                grid.step() as f32,
                grid.width + u32::from(grid.bipolar),
                grid.signed,
                grid.narrow,
            )),
            (None, Quantizer::LearnedStep(learned), _) => Some(Self::quant(
                learned.step(),
                format.width,
                format.signed,
                false,
            )),
            (None, Quantizer::Ternary(_), Some(numbers)) => {
                Some(Self::quant(level(numbers), 2, true, true))
            }
            (None, Quantizer::Binary(_), Some(numbers)) if format.signed => {
                Some(Self::quant(level(numbers), 2, true, true))
            }
            (None, Quantizer::Binary(_), Some(numbers)) => {
                Some(Self::quant(level(numbers), 1, false, false))
            }
            (None, Quantizer::Minifloat(minifloat), _) => Self::float(format, minifloat.most()),
            _ => None,
        }
    }

    fn quant(scale: f32, width: u32, is_signed: bool, is_narrow: bool) -> Self {
        Self {
            op_type: "Quant",
            numbers: vec![("scale", scale), ("zero", 0.0), ("bits", width as f32)],
            attributes: vec![
                int("signed", is_signed.into()),
                int("narrow", is_narrow.into()),
                text("rounding_mode", "ROUND"),
            ],
        }
    }

    /// Returns `FloatQuant` for a minifloat; `None` where its mantissa does not carry.
    fn float(format: &NumberFormat, most: f32) -> Option<Self> {
        let bias = |exponent_width: u32| {
            let usual = (1 << (exponent_width - 1)) - 1;
            format.exponent_bias.unwrap_or(usual)
        };
        let (exponent, bias) = match (format.name.as_str(), format.exponent_width) {
            _ if format.mase => return None,
            ("fp8_e4m3", _) => (4, 7),
            ("fp8_e5m2", _) => (5, 15),
            ("minifloat_ieee", Some(width)) => (width, bias(width)),
            // The first bit of the mantissa counts as one of the exponent: see `minifloat_denorm`,
            // whose smallest binade begins at `2^(-bias - 1)`.
            ("minifloat_denorm", Some(width)) => (width + 1, bias(width) + 2),
            _ => return None,
        };
        let mantissa = format.width - 1 - exponent;
        Some(Self {
            op_type: "FloatQuant",
            numbers: vec![
                ("scale", 1.0),
                ("exponent_bits", exponent as f32),
                ("mantissa_bits", mantissa as f32),
                ("exponent_bias", bias as f32),
                ("most", most),
            ],
            attributes: vec![
                int("has_inf", 0),
                int("has_nan", 0),
                int("has_subnormal", 1),
                int("saturation", 1),
                text("rounding_mode", "ROUND"),
            ],
        })
    }

    fn add(self, builder: &mut Builder, operand: &Operand<'_>, value: &str) -> String {
        let name = format!("{}_{}_stored", operand.node.name, operand.name);
        let name = builder.free_name(&name);
        let mut inputs = vec![value.to_owned()];
        for (what, number) in &self.numbers {
            inputs.push(builder.constant(&format!("{name}_{what}"), &[], &[*number]));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let operation = Operation {
            domain: DOMAIN,
            op_type: self.op_type,
            inputs: &inputs,
            attributes: self.attributes,
            shape: operand.shape.to_vec(),
        };
        builder.operation(&name, operation)
    }
}

/// Returns what the levels of `ternary` and `binary` were multiplied with.
fn level(stored: &[f32]) -> f32 {
    let level = stored.iter().fold(0.0, |most: f32, x| most.max(x.abs()));
    if level > 0.0 { level } else { 1.0 }
}
