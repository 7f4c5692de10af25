//! Printing a graph, so that parsing gives it back.

use std::fmt;

use crate::graph::{Graph, Node, NumberFormat, Op};

impl fmt::Display for Graph {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for node in self.nodes() {
            writeln!(formatter, "{node}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = self.op.name();
        if let Op::Input { shape } = &self.op {
            write!(formatter, "{} = {op}{shape:?}", self.name)?;
        } else {
            let mut parts = self.inputs.clone();
            parts.extend(print_attributes(&self.op));
            write!(formatter, "{} = {op}({})", self.name, parts.join(", "))?;
        }
        print_annotations(self, formatter)
    }
}

fn print_attributes(op: &Op) -> Vec<String> {
    let mut parts = Vec::new();
    match op {
        Op::Linear {
            in_features,
            out_features,
            bias,
        } => {
            parts.push(format!("in={in_features}"));
            parts.push(format!("out={out_features}"));
            if !bias {
                parts.push("bias=false".to_owned());
            }
        }
        Op::Conv2d {
            in_channels,
            out_channels,
            kernel,
            stride,
            padding,
            groups,
            bias,
        } => {
            parts.push(format!("in={in_channels}"));
            parts.push(format!("out={out_channels}"));
            parts.push(format!("kernel={}", print_pair(kernel)));
            if *stride != [1, 1] {
                parts.push(format!("stride={}", print_pair(stride)));
            }
            if *padding != [0, 0] {
                parts.push(format!("padding={}", print_pair(padding)));
            }
            if *groups != 1 {
                parts.push(format!("groups={groups}"));
            }
            if !bias {
                parts.push("bias=false".to_owned());
            }
        }
        Op::BatchNorm {
            features,
            momentum,
            eps,
        } => {
            parts.push(format!("features={features}"));
            if *momentum != 0.1 {
                parts.push(format!("momentum={momentum}"));
            }
            if *eps != 1e-5 {
                parts.push(format!("eps={eps}"));
            }
        }
        Op::MaxPool {
            kernel,
            stride,
            padding,
        }
        | Op::AvgPool {
            kernel,
            stride,
            padding,
        } => {
            parts.push(format!("kernel={}", print_pair(kernel)));
            if stride != kernel {
                parts.push(format!("stride={}", print_pair(stride)));
            }
            if *padding != [0, 0] {
                parts.push(format!("padding={}", print_pair(padding)));
            }
        }
        Op::Dropout { p } => parts.push(format!("p={p}")),
        Op::Input { .. }
        | Op::Relu
        | Op::GlobalAvgPool
        | Op::Flatten
        | Op::Add
        | Op::Concat
        | Op::Output => {}
    }
    parts
}

fn print_pair([height, width]: &[usize; 2]) -> String {
    if height == width {
        height.to_string()
    } else {
        format!("{height}x{width}")
    }
}

impl fmt::Display for NumberFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}({}", self.name, self.width)?;
        if let Some(frac_width) = self.frac_width {
            write!(formatter, ", {frac_width}")?;
        }
        let numbers = [
            ("exponent_width", self.exponent_width.map(i64::from)),
            ("exponent_bias", self.exponent_bias.map(i64::from)),
            (
                "exponent_bias_width",
                self.exponent_bias_width.map(i64::from),
            ),
            ("block_size", self.block_size.map(i64::from)),
        ];
        for (field, value) in numbers {
            if let Some(value) = value {
                write!(formatter, ", {field}={value}")?;
            }
        }
        if let Some(scale) = self.scale {
            write!(formatter, ", scale={}", scale.name())?;
        }
        for (word, is_so) in [("unsigned", !self.signed), ("mase", self.mase)] {
            if is_so {
                write!(formatter, ", {word}")?;
            }
        }
        formatter.write_str(")")
    }
}

fn print_annotations(node: &Node, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let annotations = &node.annotations;
    if annotations.is_empty() {
        return Ok(());
    }
    formatter.write_str(" @")?;
    for (operand, format) in &annotations.formats {
        write!(formatter, " {operand}={format}")?;
    }
    if let Some(sparsity) = annotations.sparsity {
        write!(formatter, " sparsity={sparsity}")?;
    }
    if let Some(name) = &annotations.weights_from {
        write!(formatter, " from={name}")?;
    }
    if !annotations.folds.is_empty() {
        write!(formatter, " folds={}", annotations.folds.join(","))?;
    }
    if annotations.frozen {
        formatter.write_str(" frozen")?;
    }
    Ok(())
}
