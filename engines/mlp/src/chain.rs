//! A graph as a list of steps, each of which reads what the one before it made.

use std::collections::BTreeMap;

use firebrick_core::engine::EngineError;
use firebrick_core::formats::{Quantizer, layout_of};
use firebrick_core::graph::{Graph, Node, Op};

use crate::formats::{self, DataFormat};

/// A graph that this engine can run.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    /// What happens, in order; step `n` reads value `n` and makes value `n + 1`.
    pub(crate) steps: Vec<Step>,
    /// Numbers a row of each value: the input, then what each step makes.
    pub(crate) widths: Vec<usize>,
    /// For each value, whether it is the result of a relu, so that what is not positive in it has
    /// no gradient.
    pub(crate) rectified: Vec<bool>,
    /// For each value, whether a step before it learns, so that its gradient is asked for.
    pub(crate) learned: Vec<bool>,
    /// The formats of tensors, by step and name.
    formats: BTreeMap<(usize, String), Quantizer>,
}

/// One step: a node, or the format of what it reads, with the relu that follows if it can take that
/// over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// The position of the node in the graph.
    pub(crate) node: usize,
    pub(crate) kind: Kind,
    /// Whether the negative part of the result is cut off.
    pub(crate) relu: bool,
}

/// What a step computes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Linear {
        bias: bool,
        frozen: bool,
    },
    Norm {
        momentum: f64,
        eps: f64,
        frozen: bool,
    },
    Relu,
    Dropout {
        p: f64,
    },
    /// What the next step reads is stored in this format.
    Quantize(DataFormat),
}

impl Chain {
    /// Reads a graph.
    ///
    /// # Errors
    /// [`EngineError::Unsupported`] names the first node that can't be run.
    pub(crate) fn of(graph: &Graph) -> Result<Self, EngineError> {
        let width = |idx: usize| graph.shape(idx).iter().product::<usize>();
        let mut chain = Self {
            steps: Vec::new(),
            widths: vec![width(0)],
            rectified: vec![false],
            learned: vec![false],
            formats: BTreeMap::new(),
        };
        // What all numbers of the last value are stored in.
        let mut stored: Option<Quantizer> = None;
        for (idx, node) in graph.nodes().iter().enumerate() {
            let kind = kind(node, graph.shape(idx))?;
            let mut formats = formats::of(node)?;
            if let (Some(format), Some(row)) =
                (formats.remove("data_in"), layout_of(graph, idx, "data_in"))
                && !stored.is_some_and(|stored| formats::has_all_of(&format, &stored))
            {
                let read = chain.widths[chain.steps.len()];
                chain.push(idx, Kind::Quantize(DataFormat::new(format, row)), read);
                // In MASE's arithmetic, what is stored again may become smaller.
                stored = Some(format).filter(|_| !node.annotations.formats["data_in"].mase);
            }
            for (tensor, format) in formats {
                let step = chain.steps.len();
                chain.formats.insert((step, tensor.to_owned()), format);
            }
            let Some(kind) = kind else {
                continue;
            };
            stored = stored.filter(|stored| kind == Kind::Relu && formats::has_zero(stored));
            let takes_relu = |step: &&mut Step| {
                let takes = matches!(
                    step.kind,
                    Kind::Linear { .. } | Kind::Norm { .. } | Kind::Quantize(_)
                );
                takes && !step.relu
            };
            match chain.steps.last_mut().filter(takes_relu) {
                Some(step) if kind == Kind::Relu => {
                    step.relu = true;
                    if let Some(last) = chain.rectified.last_mut() {
                        *last = true;
                    }
                }
                _ => chain.push(idx, kind, width(idx)),
            }
        }
        Ok(chain)
    }

    fn push(&mut self, node: usize, kind: Kind, width: usize) {
        let learns = match kind {
            Kind::Linear { frozen, .. } | Kind::Norm { frozen, .. } => !frozen,
            Kind::Relu | Kind::Dropout { .. } | Kind::Quantize(_) => false,
        };
        let learned = learns || self.learned.last() == Some(&true);
        let relu = false;
        self.steps.push(Step { node, kind, relu });
        self.widths.push(width);
        self.rectified.push(kind == Kind::Relu);
        self.learned.push(learned);
    }

    /// Returns the format of a tensor of a step: of a normalisation, that of its scale (`weight`) or
    /// shift (`bias`).
    pub(crate) fn format(&self, step: usize, tensor: &str) -> Option<&Quantizer> {
        self.formats.get(&(step, tensor.to_owned()))
    }

    /// Numbers a row of the input.
    pub(crate) fn input(&self) -> usize {
        self.widths[0]
    }

    /// Numbers a row of the output.
    pub(crate) fn classes(&self) -> usize {
        self.widths[self.steps.len()]
    }

    /// Returns the position of the first node that normalises by the statistics of a batch.
    pub(crate) fn first_norm(&self) -> Option<usize> {
        let norm = |step: &&Step| matches!(step.kind, Kind::Norm { frozen: false, .. });
        self.steps.iter().find(norm).map(|step| step.node)
    }
}

/// Returns what a node computes; nothing where its result is what it reads.
fn kind(node: &Node, shape: &[usize]) -> Result<Option<Kind>, EngineError> {
    let frozen = node.annotations.frozen;
    let kind = match &node.op {
        Op::Output | Op::BatchNorm { .. } if shape.len() != 1 => {
            let expected = match node.op {
                Op::Output => "expected one number a class",
                _ => "this engine normalises features of a row only",
            };
            return Err(unsupported(
                node,
                &format!("has shape {shape:?}, {expected}"),
            ));
        }
        Op::Input { .. } | Op::Flatten | Op::Output => None,
        Op::Linear { bias, .. } => Some(Kind::Linear {
            bias: *bias,
            frozen,
        }),
        Op::BatchNorm { momentum, eps, .. } => Some(Kind::Norm {
            momentum: *momentum,
            eps: *eps,
            frozen,
        }),
        Op::Relu => Some(Kind::Relu),
        Op::Dropout { p } => Some(Kind::Dropout { p: *p }),
        // Nothing else joins results or branches, so a graph without these is a chain.
        Op::Conv2d { .. }
        | Op::MaxPool { .. }
        | Op::AvgPool { .. }
        | Op::GlobalAvgPool
        | Op::Add
        | Op::Concat => {
            return Err(unsupported(
                node,
                "is not for this engine, which runs chains of linear, batch_norm, relu and dropout",
            ));
        }
    };
    Ok(kind)
}

pub(crate) fn unsupported(node: &Node, reason: &str) -> EngineError {
    EngineError::Unsupported {
        node: node.name.clone(),
        op: node.op.name().to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use firebrick_core::formats::{FixedPoint, Layout};

    use super::*;

    fn chain(text: &str) -> Result<Chain, String> {
        let graph: Graph = text.parse().unwrap();
        Chain::of(&graph).map_err(|error| error.to_string())
    }

    #[test]
    fn a_relu_joins_the_layer_before_it() {
        let text = "x = input[4]
            a = relu(x)
            b = linear(a, out=3)
            c = relu(b)
            d = relu(c)
            e = dropout(d, p=0.5)
            f = output(e)";
        let chain = chain(text).unwrap();
        let kinds: Vec<_> = chain
            .steps
            .iter()
            .map(|step| (step.node, step.relu))
            .collect();
        assert_eq!(kinds, [(1, false), (2, true), (4, false), (5, false)]);
        assert_eq!(chain.widths, [4, 4, 3, 3, 3]);
        assert_eq!(chain.rectified, [false, true, true, true, false]);
        assert_eq!(chain.learned, [false, false, true, true, true]);
    }

    #[test]
    fn flattens_pictures_of_which_it_knows_no_more() {
        let text = "x = input[2, 3, 3]
            a = relu(x)
            b = flatten(a)
            c = linear(b, out=3)
            d = output(c)";
        assert_eq!(chain(text).unwrap().widths, [18, 18, 3]);
    }

    #[test]
    fn names_the_first_node_that_it_can_not_run() {
        let refusal = |text: &str| chain(text).unwrap_err();
        assert_eq!(
            refusal(
                "x = input[1, 4, 4]\na = conv2d(x, out=2, kernel=3)\nb = flatten(a)\ny = output(b)"
            ),
            "node `a` (conv2d) is not for this engine, which runs chains of linear, batch_norm, \
             relu and dropout"
        );
        assert_eq!(
            refusal("x = input[4]\na = relu(x)\nb = add(a, x)\ny = output(b)"),
            "node `b` (add) is not for this engine, which runs chains of linear, batch_norm, relu \
             and dropout"
        );
        assert_eq!(
            refusal("x = input[2, 2, 2]\na = batch_norm(x)\nb = flatten(a)\ny = output(b)"),
            "node `a` (batch_norm) has shape [2, 2, 2], this engine normalises features of a row \
             only"
        );
        assert_eq!(
            refusal("x = input[1, 4, 4]\na = relu(x)\ny = output(a)"),
            "node `y` (output) has shape [1, 4, 4], expected one number a class"
        );
    }

    #[test]
    fn what_a_node_reads_is_quantised_in_a_step_of_its_own() {
        let text = "x = input[4]
            a = linear(x, out=3) @ data_in=integer(8, 4) weight=integer(6, 3)
            b = relu(a) @ data_in=integer(5, 2)
            c = linear(b, out=2)
            d = relu(c)
            e = dropout(d, p=0.5) @ data_in=integer(9, 4)
            f = output(e) @ data_in=integer(10, 4)";
        let chain = chain(text).unwrap();
        let steps: Vec<_> = chain
            .steps
            .iter()
            .map(|step| match step.kind {
                Kind::Quantize(format) => (step.node, Some(format), step.relu),
                _ => (step.node, None, step.relu),
            })
            .collect();
        let integer = |width, frac_width, features| {
            let format = FixedPoint::new(width, frac_width).unwrap();
            let row = Layout::of_rows(1, &[features]);
            Some(DataFormat::new(Quantizer::FixedPoint(format), row))
        };
        let (rectified, plain) = (true, false);
        assert_eq!(
            steps,
            [
                (1, integer(8, 4, 4), plain),
                (1, None, plain),
                (2, integer(5, 2, 3), rectified),
                (3, None, rectified),
                (5, integer(9, 4, 2), plain),
                (5, None, plain),
                (6, integer(10, 4, 2), plain)
            ]
        );
        assert_eq!(chain.widths, [4, 4, 3, 3, 2, 2, 2, 2]);
        // What is stored as 0 may still have a gradient.
        let rectified = [false, false, false, true, true, false, false, false];
        assert_eq!(chain.rectified, rectified);
        let learned = [false, false, true, true, true, true, true, true];
        assert_eq!(chain.learned, learned);
    }

    #[test]
    fn what_is_stored_in_a_format_is_not_stored_in_it_again() {
        let stored = |first: &str, second: &str, op: &str| {
            let text = format!(
                "x = input[4]\na = flatten(x) @ data_in={first}\nb = {op}(a)
                c = linear(b, out=2) @ data_in={second}\ny = output(c)"
            );
            let steps = chain(&text).unwrap().steps.into_iter();
            steps
                .filter(|step| matches!(step.kind, Kind::Quantize(_)))
                .count()
        };
        let quantised = |first: &str, second: &str, op: &str| {
            stored(
                &format!("integer({first})"),
                &format!("integer({second})"),
                op,
            )
        };
        assert_eq!(quantised("8, 4", "8, 4", "relu"), 1);
        assert_eq!(quantised("8, 4", "9, 4", "flatten"), 1);
        assert_eq!(quantised("8, 4", "9, 5", "flatten"), 1);
        assert_eq!(quantised("8, 4", "8, 5", "flatten"), 2);
        assert_eq!(quantised("8, 4", "7, 4", "flatten"), 2);
        assert_eq!(quantised("8, 4", "8, 4", "batch_norm"), 2);
        // What a relu made has no sign.
        assert_eq!(quantised("8, 4, unsigned", "9, 4", "flatten"), 1);
        assert_eq!(quantised("8, 4, unsigned", "8, 4", "flatten"), 2);
        assert_eq!(quantised("8, 4", "8, 4, unsigned", "flatten"), 2);
        for (format, after_relu) in [
            ("fp8_e4m3(8)", 1),
            ("log(4)", 1),
            ("ternary(2, scale=one)", 1),
            // It has no zero, which a relu makes.
            ("binary(1)", 2),
            // Its blocks may have another exponent the second time.
            ("mxfp4_e2m1(4)", 2),
            // Powers of two become smaller each time.
            ("minifloat_denorm(6, exponent_width=3, mase)", 2),
        ] {
            assert_eq!(stored(format, format, "relu"), after_relu, "{format}");
        }
    }

    #[test]
    fn names_the_operand_that_it_can_not_quantise() {
        let refusal = |annotation: &str| {
            let text = format!(
                "x = input[4]\na = linear(x, out=2, bias=false) @ {annotation}\ny = output(a)"
            );
            chain(&text).unwrap_err()
        };
        let unknown = "node `a` (linear) can't have `weight` quantised: number format `intger` is \
                       not known, known: integer";
        let refused = refusal("weight=intger(8, 4)");
        assert!(refused.starts_with(unknown), "{refused}");
        assert_eq!(
            refusal("weight=lsq(4)"),
            "node `a` (linear) can't have `weight` quantised: number format `lsq` learns its step, \
             which this engine does not"
        );
        assert_eq!(
            refusal("data_in=integer(8)"),
            "node `a` (linear) can't have `data_in` quantised: number format `integer` needs \
             `frac_width`"
        );
        assert_eq!(
            refusal("weight=integer(1, 4)"),
            "node `a` (linear) can't have `weight` quantised: number format `integer` has \
             `width` 1, expected 2 to 32, of which one bit is the sign"
        );
        assert_eq!(
            refusal("bias=integer(8, 4)"),
            "node `a` (linear) has number format `integer` on `bias`, it has data_in, weight"
        );
        assert_eq!(
            chain("x = input[4] @ data_in=integer(8, 4)\ny = output(x)").unwrap_err(),
            "node `x` (input) has number format `integer` on `data_in`, it has none to quantise"
        );
    }
}
