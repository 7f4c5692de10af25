//! Number formats: which of them this engine computes with, and how, on batches and tensors.

use std::collections::BTreeMap;

use firebrick_core::engine::EngineError;
use firebrick_core::formats::{Layout, OperandError, Quantizer, Shared, check, learns_step};
use firebrick_core::graph::Node;

use crate::chain::unsupported;
use crate::kernels::{
    Lanes, MaskNumbers, MaskTensor, Path, Quantize, QuantizeBackward, QuantizeNumbers, StoreRows,
    StoreRowsBackward, StoreTensor,
};

/// The format of what a node reads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct DataFormat {
    quantizer: Quantizer,
    /// How one row lies.
    row: Layout,
}

/// Returns the formats of a node by operand.
///
/// # Errors
/// [`EngineError::Unsupported`] for the first operand that can't be stored as it is noted.
pub(crate) fn of(node: &Node) -> Result<BTreeMap<&str, Quantizer>, EngineError> {
    let refuse = |error: OperandError| unsupported(node, &error.to_string());
    check(node).map_err(refuse)?;
    let mut formats = BTreeMap::new();
    for (operand, format) in &node.annotations.formats {
        if learns_step(format) {
            return Err(refuse(OperandError::Unfit {
                operand: operand.clone(),
                name: format.name.clone(),
                reason: "learns its step, which this engine does not",
            }));
        }
        let quantizer = Quantizer::of(format, None).map_err(|source| {
            let operand = operand.clone();
            refuse(OperandError::Format { operand, source })
        })?;
        formats.insert(operand.as_str(), quantizer);
    }
    Ok(formats)
}

/// Returns whether to store in a format what is stored in another changes no number, and stops no
/// gradient.
pub(crate) fn has_all_of(format: &Quantizer, stored: &Quantizer) -> bool {
    match (format, stored) {
        (Quantizer::FixedPoint(format), Quantizer::FixedPoint(stored)) => format.has_all_of(stored),
        // What a block shares may be another exponent the second time.
        _ => format == stored && format.shared() == Shared::Nothing,
    }
}

/// Returns whether a format has 0, so that what a relu makes of its numbers are numbers of it.
pub(crate) fn has_zero(format: &Quantizer) -> bool {
    let mut zero = [0.0];
    format.quantize(&[0.0], Layout::of_tensor(&[1]), &mut zero);
    zero == [0.0]
}

impl DataFormat {
    /// Returns the format for rows of a layout.
    pub(crate) fn new(quantizer: Quantizer, row: Layout) -> Self {
        Self { quantizer, row }
    }

    /// Stores values of a batch, `[block][number of a row][16 rows]`; their negative part is cut off
    /// then, where `relu`.
    pub(crate) fn store(&self, path: Path, x: &[Lanes], y: &mut [Lanes], relu: bool) {
        match self.quantizer {
            Quantizer::FixedPoint(format) => path.run(Quantize { x, format, y, relu }),
            format => path.run(StoreRows {
                x,
                format,
                row: self.row,
                y,
                relu,
            }),
        }
    }

    /// Makes the gradient by what was stored that by `x`, which is 0 where `x` is beyond what the
    /// format can store, and, where it is the result of a relu (`rectified`), not positive.
    pub(crate) fn back(
        &self,
        path: Path,
        x: &[Lanes],
        by_y: &[Lanes],
        by_x: &mut [Lanes],
        rectified: bool,
    ) {
        match self.quantizer {
            Quantizer::FixedPoint(format) => path.run(QuantizeBackward {
                x,
                format,
                by_y,
                by_x,
                rectified,
            }),
            format => path.run(StoreRowsBackward {
                x,
                format,
                row: self.row,
                by_y,
                by_x,
                rectified,
            }),
        }
    }
}

/// Stores numbers: `y` becomes what `x` is stored as.
pub(crate) fn store(path: Path, format: &Quantizer, x: &[f32], layout: Layout, y: &mut [f32]) {
    match *format {
        Quantizer::FixedPoint(format) => path.run(QuantizeNumbers { x, format, y }),
        format => path.run(StoreTensor {
            x,
            format,
            layout,
            y,
        }),
    }
}

/// Makes the gradient by what `x` is stored as that by `x`, as if nothing were rounded.
pub(crate) fn mask(
    path: Path,
    format: &Quantizer,
    x: &[f32],
    layout: Layout,
    gradient: &mut [f32],
) {
    match *format {
        Quantizer::FixedPoint(format) => path.run(MaskNumbers {
            x,
            format,
            gradient,
        }),
        format => path.run(MaskTensor {
            x,
            format,
            layout,
            gradient,
        }),
    }
}
