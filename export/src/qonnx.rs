//! A network with number formats as QONNX: ONNX with nodes that store numbers.
//!
//! # Source
//! Pappalardo et al., "QONNX: Representing Arbitrary-Precision Quantized Neural Networks", 2022,
//! <https://arxiv.org/abs/2206.07527>, and the definitions of its operators,
//! <https://github.com/fastmachinelearning/qonnx/tree/main/docs/qonnx-custom-ops>.

use firebrick_core::formats::Quantizer;
use firebrick_core::graph::Node;

use crate::build::{Builder, Operation, int, text};
use crate::error::ExportError;
use crate::grid::Grid;
use crate::onnx::{Operand, Storing, write_stored};
use crate::operand::{Network, format, refused};

/// Whose the operators are.
pub(crate) const DOMAIN: &str = "qonnx.custom_op.general";

/// Returns a network as a QONNX file.
pub(crate) fn write(network: &Network<'_>) -> Result<Vec<u8>, ExportError> {
    write_stored(network, &mut Quantised { network })
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
        let grid = match operand.learned {
            Some(numbers) => Grid::of_learned(format, &quantizer, numbers),
            None => Grid::of_activations(&quantizer),
        };
        let spec = match (grid, quantizer) {
            (Some(grid), _) => Spec {
                scale: grid.step() as f32,
                width: grid.width,
                signed: grid.signed,
                narrow: grid.narrow,
            },
            (None, Quantizer::LearnedStep(learned)) => Spec {
                scale: learned.step(),
                width: format.width,
                signed: format.signed,
                narrow: false,
            },
            (None, _) => {
                let reason = format!("is {format}, which QONNX has no operation for");
                return Err(refused(node, Some(operand.name), reason, None));
            }
        };
        Ok(spec.quant(builder, operand, value))
    }

    fn is_affine(&self, node: &Node) -> Result<bool, ExportError> {
        for operand in ["weight", "bias"] {
            if format(node, operand).is_none() {
                let reason = "is float32, which hardware has not";
                let hint = "give its `weight` and `bias` formats with the pass `quantize`, or \
                            take it into the layer before it with the pass `fold_batch_norm`";
                return Err(refused(node, Some(operand), reason, Some(hint)));
            }
        }
        Ok(true)
    }
}

/// What `Quant` goes by.
struct Spec {
    scale: f32,
    width: u32,
    signed: bool,
    narrow: bool,
}

impl Spec {
    fn quant(&self, builder: &mut Builder, operand: &Operand<'_>, value: &str) -> String {
        let name = format!("{}_{}_stored", operand.node.name, operand.name);
        let name = builder.free_name(&name);
        let mut number =
            |what: &str, number: f32| builder.constant(&format!("{name}_{what}"), &[], &[number]);
        let scale = number("scale", self.scale);
        let zero = number("zero", 0.0);
        let bits = number("bits", self.width as f32);
        let operation = Operation {
            domain: DOMAIN,
            op_type: "Quant",
            inputs: &[value, &scale, &zero, &bits],
            attributes: vec![
                int("signed", self.signed.into()),
                int("narrow", self.narrow.into()),
                text("rounding_mode", "ROUND"),
            ],
            shape: operand.shape.to_vec(),
        };
        builder.operation(&name, operation)
    }
}
