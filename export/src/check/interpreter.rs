//! The operators of ONNX that are written here, in float64.

use std::collections::BTreeMap;

use prost::Message;

use super::quant;
use crate::kernels::{self, Picture, Window};
use crate::proto::{
    AttributeProto, DimensionValue, FLOAT, ModelProto, NodeProto, TensorProto, TypeValue,
    ValueInfoProto,
};

/// An array of numbers in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tensor {
    pub(super) shape: Vec<usize>,
    pub(super) data: Vec<f64>,
}

/// A file that was read.
pub(super) struct Interpreter {
    nodes: Vec<NodeProto>,
    constants: BTreeMap<String, Tensor>,
    input: String,
    input_shape: Vec<usize>,
    output: String,
}

impl Interpreter {
    /// Reads a file, and computes what depends on no input.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let model = ModelProto::decode(bytes).map_err(|error| error.to_string())?;
        let graph = model.graph.ok_or("it has no graph")?;
        let (Some(input), Some(output)) = (graph.input.first(), graph.output.first()) else {
            return Err("it has no input or no output".to_owned());
        };
        let mut constants = BTreeMap::new();
        for tensor in &graph.initializer {
            constants.insert(tensor.name.clone(), decoded(tensor)?);
        }
        let mut read = Self {
            nodes: Vec::new(),
            constants,
            input_shape: shape_of(input)?,
            input: input.name.clone(),
            output: output.name.clone(),
        };
        for node in graph.node {
            let known = |name: &String| read.constants.contains_key(name);
            if node.input.iter().all(known) {
                let (name, value) = evaluate(&node, &read.constants, &BTreeMap::new())?;
                read.constants.insert(name, value);
            } else {
                read.nodes.push(node);
            }
        }
        Ok(read)
    }

    /// Returns the outputs for one row.
    pub(super) fn run(&self, row: &[f32]) -> Result<Vec<f64>, String> {
        let input = Tensor {
            shape: self.input_shape.clone(),
            data: row.iter().map(|x| f64::from(*x)).collect(),
        };
        if input.shape.iter().product::<usize>() != input.data.len() {
            return Err(format!("its input is {:?}", input.shape));
        }
        let mut values = BTreeMap::from([(self.input.clone(), input)]);
        for node in &self.nodes {
            let (name, value) = evaluate(node, &self.constants, &values)?;
            values.insert(name, value);
        }
        let output = values.remove(&self.output);
        output
            .map(|output| output.data)
            .ok_or_else(|| format!("nothing makes its output `{}`", self.output))
    }
}

fn evaluate(
    node: &NodeProto,
    constants: &BTreeMap<String, Tensor>,
    values: &BTreeMap<String, Tensor>,
) -> Result<(String, Tensor), String> {
    let in_node = |reason: String| format!("its node `{}`: {reason}", node.name);
    let mut inputs = Vec::new();
    for name in &node.input {
        let value = values.get(name).or_else(|| constants.get(name));
        let missing = || in_node(format!("nothing makes its input `{name}`"));
        inputs.push(value.ok_or_else(missing)?);
    }
    let operation = Operation { node, inputs };
    let value = operation.compute().map_err(in_node)?;
    let name = node.output.first().cloned().unwrap_or_default();
    Ok((name, value))
}

/// One operation with what it reads.
struct Operation<'a> {
    node: &'a NodeProto,
    inputs: Vec<&'a Tensor>,
}

impl Operation<'_> {
    fn compute(&self) -> Result<Tensor, String> {
        let x = self.input(0)?;
        let same = |data: Vec<f64>| Tensor {
            shape: x.shape.clone(),
            data,
        };
        Ok(match self.node.op_type.as_str() {
            "Identity" => x.clone(),
            "Relu" => same(x.data.iter().map(|x| x.max(0.0)).collect()),
            "Flatten" => Tensor {
                shape: vec![x.shape[0], x.shape[1..].iter().product()],
                data: x.data.clone(),
            },
            "Concat" => self.concat()?,
            "Add" => self.add()?,
            "MatMul" => self.mat_mul()?,
            "Conv" => self.conv()?,
            "BatchNormalization" => same(self.batch_norm()?),
            "MaxPool" => self.pooled(self.window()?, kernels::max_pool)?,
            "AveragePool" => {
                if self.attribute("count_include_pad").and_then(|a| a.i) != Some(1) {
                    return Err("it does not count padding".to_owned());
                }
                self.mean(self.window()?)?
            }
            "GlobalAveragePool" => {
                let [_, height, width] = picture_shape(x)?;
                self.mean(Window::whole([height, width]))?
            }
            "Quant" => {
                let [scale, zero, bits] = self.numbers()?;
                let is_on = |name| self.attribute(name).and_then(|a| a.i) == Some(1);
                let range = quant::Range::new(bits, is_on("signed"), is_on("narrow"))?;
                let rounding = self.attribute("rounding_mode").and_then(|a| a.s.as_deref());
                if zero != 0.0 || rounding != Some(b"ROUND") {
                    return Err("it has a zero point, or does not round half to even".to_owned());
                }
                let stored = x.data.iter().map(|x| range.quantize(*x, scale));
                same(stored.collect())
            }
            "BipolarQuant" => {
                let [scale] = self.numbers()?;
                let sign = |x: &f64| if *x >= 0.0 { scale } else { -scale };
                same(x.data.iter().map(sign).collect())
            }
            "FloatQuant" => {
                let [scale, exponent, mantissa, bias, most] = self.numbers()?;
                let format = quant::Float::new(exponent, mantissa, bias, most);
                let stored = x.data.iter().map(|x| format.quantize(x / scale) * scale);
                same(stored.collect())
            }
            other => return Err(format!("the operator `{other}` is not known")),
        })
    }

    fn input(&self, idx: usize) -> Result<&Tensor, String> {
        let missing = || format!("it has no input {idx}");
        self.inputs.get(idx).copied().ok_or_else(missing)
    }

    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        let mut attributes = self.node.attribute.iter();
        attributes.find(|attribute| attribute.name == name)
    }

    /// Returns the inputs after the first, each a single number.
    fn numbers<const N: usize>(&self) -> Result<[f64; N], String> {
        let single = |idx: usize| match self.input(idx)?.data[..] {
            [number] => Ok(number),
            _ => Err(format!("its input {idx} is no single number")),
        };
        let numbers: Vec<f64> = (1..=N).map(single).collect::<Result<_, String>>()?;
        numbers
            .try_into()
            .map_err(|_| "inputs are missing".to_owned())
    }

    fn sizes<const N: usize>(&self, name: &str) -> Result<[usize; N], String> {
        let missing = || format!("it has no `{name}` of {N} sizes");
        let attribute = self.attribute(name).ok_or_else(missing)?;
        let sizes: Option<Vec<usize>> = attribute
            .ints
            .iter()
            .map(|size| usize::try_from(*size).ok())
            .collect();
        sizes
            .and_then(|sizes| sizes.try_into().ok())
            .ok_or_else(missing)
    }

    fn window(&self) -> Result<Window, String> {
        let [top, left, bottom, right] = self.sizes("pads")?;
        if (top, left) != (bottom, right) {
            return Err("its padding differs between sides".to_owned());
        }
        Ok(Window {
            kernel: self.sizes("kernel_shape")?,
            stride: self.sizes("strides")?,
            padding: [top, left],
        })
    }

    fn concat(&self) -> Result<Tensor, String> {
        let mut shape = self.input(0)?.shape.clone();
        shape[1] = self.inputs.iter().map(|input| input.shape[1]).sum();
        let data = self
            .inputs
            .iter()
            .flat_map(|input| input.data.iter().copied());
        Ok(Tensor {
            shape,
            data: data.collect(),
        })
    }

    /// Adds two values of one shape, or a constant of the last dimension.
    fn add(&self) -> Result<Tensor, String> {
        let (x, y) = (self.input(0)?, self.input(1)?);
        if x.shape != y.shape && x.shape.last() != Some(&y.data.len()) {
            return Err(format!("it adds {:?} and {:?}", x.shape, y.shape));
        }
        let sums = x.data.iter().zip(y.data.iter().cycle());
        Ok(Tensor {
            shape: x.shape.clone(),
            data: sums.map(|(x, y)| x + y).collect(),
        })
    }

    fn mat_mul(&self) -> Result<Tensor, String> {
        let (x, weight) = (self.input(0)?, self.input(1)?);
        let [n_in, n_out] = weight.shape[..] else {
            return Err(format!("its weight is {:?}", weight.shape));
        };
        if x.data.len() != n_in {
            return Err(format!(
                "it multiplies {:?} and {:?}",
                x.shape, weight.shape
            ));
        }
        let mut sums = vec![0.0; n_out];
        for (x, weights) in x.data.iter().zip(weight.data.chunks(n_out)) {
            let sums = sums.iter_mut().zip(weights);
            sums.for_each(|(sum, weight)| *sum += x * weight);
        }
        Ok(Tensor {
            shape: vec![1, n_out],
            data: sums,
        })
    }

    fn conv(&self) -> Result<Tensor, String> {
        let (x, weight) = (self.input(0)?, self.input(1)?);
        let window = self.window()?;
        let groups = self.attribute("group").and_then(|a| a.i).unwrap_or(1);
        let groups = usize::try_from(groups).map_err(|error| error.to_string())?;
        let shape = picture_shape(x)?;
        let n_out = weight.shape[0];
        let expected = [n_out, shape[0] / groups, window.kernel[0], window.kernel[1]];
        if weight.shape != expected || self.sizes("dilations")? != [1, 1] {
            return Err(format!("its weight is {:?}", weight.shape));
        }
        let bias = match self.inputs.get(2) {
            Some(bias) => bias.data.clone(),
            None => vec![0.0; n_out],
        };
        let picture = Picture {
            data: &x.data,
            shape,
        };
        let data = kernels::conv2d(picture, &weight.data, &bias, window, groups);
        Ok(pictures(n_out, shape, window, data))
    }

    fn batch_norm(&self) -> Result<Vec<f64>, String> {
        let constant = |idx: usize| self.input(idx).map(|tensor| &tensor.data);
        let (weight, bias) = (constant(1)?, constant(2)?);
        let (mean, variance) = (constant(3)?, constant(4)?);
        let eps = self.attribute("epsilon").and_then(|a| a.f).unwrap_or(1e-5);
        let scale = weight.iter().zip(variance);
        let scale: Vec<f64> = scale
            .map(|(weight, variance)| weight / (variance + f64::from(eps)).sqrt())
            .collect();
        let shift = bias.iter().zip(mean).zip(&scale);
        let shift: Vec<f64> = shift
            .map(|((bias, mean), scale)| bias - mean * scale)
            .collect();
        Ok(kernels::affine(&self.input(0)?.data, &scale, &shift))
    }

    fn mean(&self, window: Window) -> Result<Tensor, String> {
        let mut sums = self.pooled(window, kernels::sum_pool)?;
        let size = window.size() as f64;
        sums.data.iter_mut().for_each(|sum| *sum /= size);
        Ok(sums)
    }

    fn pooled(
        &self,
        window: Window,
        pool: impl Fn(Picture<'_, f64>, Window) -> Vec<f64>,
    ) -> Result<Tensor, String> {
        let x = self.input(0)?;
        let shape = picture_shape(x)?;
        let picture = Picture {
            data: &x.data,
            shape,
        };
        Ok(pictures(shape[0], shape, window, pool(picture, window)))
    }
}

/// Returns what a window made of a picture.
fn pictures(channels: usize, shape: [usize; 3], window: Window, data: Vec<f64>) -> Tensor {
    let [height, width] = window.places([shape[1], shape[2]]);
    Tensor {
        shape: vec![1, channels, height, width],
        data,
    }
}

fn picture_shape(x: &Tensor) -> Result<[usize; 3], String> {
    match x.shape[..] {
        [1, channels, height, width] => Ok([channels, height, width]),
        _ => Err(format!("it reads {:?}, no picture", x.shape)),
    }
}

fn decoded(tensor: &TensorProto) -> Result<Tensor, String> {
    if tensor.data_type != FLOAT {
        return Err(format!("its tensor `{}` is not of float32", tensor.name));
    }
    let numbers = tensor.raw_data.chunks_exact(4);
    let numbers = numbers.map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
    Ok(Tensor {
        shape: tensor.dims.iter().map(|size| *size as usize).collect(),
        data: numbers.collect(),
    })
}

fn shape_of(value: &ValueInfoProto) -> Result<Vec<usize>, String> {
    let known = || -> Option<Vec<usize>> {
        let TypeValue::TensorType(tensor) = value.r#type.as_ref()?.value.as_ref()?;
        let sizes = tensor.shape.as_ref()?.dim.iter();
        sizes
            .map(|size| match size.value {
                Some(DimensionValue::DimValue(size)) => usize::try_from(size).ok(),
                None => None,
            })
            .collect()
    };
    known().ok_or_else(|| format!("its value `{}` has no shape", value.name))
}
