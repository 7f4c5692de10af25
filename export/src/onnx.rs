//! A network as ONNX operations, those of its number formats left to who asks.

use std::collections::BTreeMap;

use firebrick_core::graph::{Node, Op};
use firebrick_core::weights::Tensor;

use crate::build::{Builder, Operation, batched, float, int, sizes};
use crate::error::ExportError;
use crate::operand::{Network, refused};
use crate::proto::{AttributeProto, ModelProto};

/// How number formats are said in a file.
pub(crate) trait Storing {
    /// Adds what stores an operand of a node, and returns the name of what is stored.
    fn store(
        &mut self,
        builder: &mut Builder,
        operand: &Operand<'_>,
        value: &str,
    ) -> Result<String, ExportError>;

    /// Returns whether a batch normalisation has what remains of it, scale and shift: it is then
    /// written with mean 0, variance 1 and epsilon 0, so that `weight` and `bias` are these.
    fn is_affine(&self, node: &Node) -> bool;
}

/// An operand of a node, with the shape of its value.
pub(crate) struct Operand<'a> {
    pub(crate) node: &'a Node,
    pub(crate) name: &'a str,
    pub(crate) shape: &'a [usize],
    /// What is stored, where it was learned.
    pub(crate) learned: Option<&'a [f32]>,
}

/// Plain float32: there are no formats.
struct Float;

impl Storing for Float {
    fn store(
        &mut self,
        _builder: &mut Builder,
        _operand: &Operand<'_>,
        value: &str,
    ) -> Result<String, ExportError> {
        Ok(value.to_owned())
    }

    fn is_affine(&self, _node: &Node) -> bool {
        false
    }
}

/// Returns a network in float32 as an ONNX model.
///
/// # Errors
/// [`ExportError::Refused`] if an operand has a number format.
pub(crate) fn write(network: &Network<'_>) -> Result<ModelProto, ExportError> {
    for node in network.graph.nodes() {
        if let Some((operand, format)) = node.annotations.formats.first_key_value() {
            let reason = format!("is {format}, and plain ONNX has float32 only");
            let hint = "write QONNX, which has number formats: `--format qonnx`";
            return Err(refused(node, Some(operand), reason, Some(hint)));
        }
    }
    write_stored(network, &mut Float)
}

/// Returns a network as an ONNX model.
pub(crate) fn write_stored(
    network: &Network<'_>,
    storing: &mut impl Storing,
) -> Result<ModelProto, ExportError> {
    let graph = network.graph;
    let names = graph.nodes().iter().map(|node| node.name.as_str());
    let input = &graph.nodes()[0].name;
    let builder = Builder::new("firebrick", input, graph.input_shape(), names);
    let mut writer = Writer {
        network,
        storing,
        builder,
        results: Vec::new(),
        taken: BTreeMap::new(),
    };
    for idx in 0..graph.nodes().len() {
        let result = writer.node(idx)?;
        writer.results.push(result);
    }
    let output = writer.results.pop().unwrap_or_default();
    Ok(writer.builder.finish(&output))
}

struct Writer<'a, S> {
    network: &'a Network<'a>,
    storing: &'a mut S,
    builder: Builder,
    /// What each node's result is called in the file.
    results: Vec<String>,
    /// What results are called as they are taken: by producer and by what tells formats apart.
    taken: BTreeMap<(usize, String), String>,
}

impl<S: Storing> Writer<'_, S> {
    /// Returns the name of a result as a node takes it, stored once for all that take it alike.
    fn take(&mut self, idx: usize, producer: usize) -> Result<String, ExportError> {
        let graph = self.network.graph;
        let node = &graph.nodes()[idx];
        let quantizer = self.network.quantizer(node, "data_in")?;
        let key = (producer, format!("{quantizer:?}"));
        if let Some(taken) = self.taken.get(&key) {
            return Ok(taken.clone());
        }
        let value = match self.is_forked_relu(producer) {
            true => self.relu_again(producer)?,
            false => self.results[producer].clone(),
        };
        let shape = batched(graph.shape(producer));
        let operand = Operand {
            node,
            name: "data_in",
            shape: &shape,
            learned: None,
        };
        let taken = self.storing.store(&mut self.builder, &operand, &value)?;
        self.taken.insert(key, taken.clone());
        Ok(taken)
    }

    /// Returns whether a relu of features was taken already, in another format.
    ///
    /// hls4ml makes one layer of a relu and the `Quant` behind it, so that all other readers of
    /// the relu would read what that one stores. (Of pictures neither form can be read.)
    fn is_forked_relu(&self, producer: usize) -> bool {
        let graph = self.network.graph;
        let mut taken = self.taken.keys();
        graph.nodes()[producer].op == Op::Relu
            && graph.shape(producer).len() == 1
            && taken.any(|(taken, _)| *taken == producer)
    }

    fn relu_again(&mut self, relu: usize) -> Result<String, ExportError> {
        let graph = self.network.graph;
        let producers: Vec<usize> = graph.producers(relu).collect();
        let x = self.take(relu, producers[0])?;
        let name = &graph.nodes()[relu].name;
        let name = self.builder.free_name(&format!("{name}_again"));
        let shape = batched(graph.shape(relu));
        Ok(self.op(&name, "Relu", &[&x], Vec::new(), &shape))
    }

    /// Adds a node, and returns the name of its result.
    fn node(&mut self, idx: usize) -> Result<String, ExportError> {
        let graph = self.network.graph;
        let node = &graph.nodes()[idx];
        if matches!(node.op, Op::Input { .. }) {
            return Ok(node.name.clone());
        }
        let producers: Vec<usize> = graph.producers(idx).collect();
        let taken = producers.iter().map(|producer| self.take(idx, *producer));
        let mut stored: Vec<String> = taken.collect::<Result<_, _>>()?;
        let x: Vec<&str> = stored.iter().map(String::as_str).collect();
        let shape = batched(graph.shape(idx));
        let name = node.name.as_str();
        let (op_type, attributes) = match &node.op {
            Op::Input { .. } | Op::Dropout { .. } => return Ok(stored.swap_remove(0)),
            Op::Linear { bias, .. } => {
                let product = match bias {
                    true => self.builder.free_name(&format!("{name}_product")),
                    false => name.to_owned(),
                };
                let weight = self.learned(node, "weight", transposed)?;
                let product = self.op(&product, "MatMul", &[x[0], &weight], Vec::new(), &shape);
                if !bias {
                    return Ok(product);
                }
                let bias = self.learned(node, "bias", as_it_is)?;
                return Ok(self.op(name, "Add", &[&product, &bias], Vec::new(), &shape));
            }
            Op::Conv2d {
                kernel,
                stride,
                padding,
                groups,
                bias,
                ..
            } => {
                let mut attributes = window(kernel, stride, padding);
                attributes.push(sizes("dilations", &[1, 1]));
                attributes.push(int("group", *groups as i64));
                let weight = self.learned(node, "weight", as_it_is)?;
                if !bias {
                    return Ok(self.op(name, "Conv", &[x[0], &weight], attributes, &shape));
                }
                let bias = self.learned(node, "bias", as_it_is)?;
                return Ok(self.op(name, "Conv", &[x[0], &weight, &bias], attributes, &shape));
            }
            Op::BatchNorm { eps, .. } => return self.batch_norm(node, x[0], *eps, &shape),
            Op::MaxPool {
                kernel,
                stride,
                padding,
            } => {
                let mut attributes = window(kernel, stride, padding);
                attributes.push(int("ceil_mode", 0));
                ("MaxPool", attributes)
            }
            Op::AvgPool {
                kernel,
                stride,
                padding,
            } => {
                let mut attributes = window(kernel, stride, padding);
                attributes.push(int("ceil_mode", 0));
                attributes.push(int("count_include_pad", 1));
                ("AveragePool", attributes)
            }
            Op::GlobalAvgPool => {
                let means = self.builder.free_name(&format!("{name}_means"));
                let shape_of_means = [1, shape[1], 1, 1];
                let means = self.op(&means, "GlobalAveragePool", &x, Vec::new(), &shape_of_means);
                return Ok(self.op(name, "Flatten", &[&means], vec![int("axis", 1)], &shape));
            }
            Op::Relu => ("Relu", Vec::new()),
            Op::Flatten => ("Flatten", vec![int("axis", 1)]),
            Op::Add => return Ok(self.sum(name, &x, &shape)),
            Op::Concat => ("Concat", vec![int("axis", 1)]),
            // The input itself is no output. Otherwise no operation: hls4ml drops it, and with it
            // the name of the output.
            Op::Output if stored[0] == graph.nodes()[0].name => ("Identity", Vec::new()),
            Op::Output => return Ok(stored.swap_remove(0)),
        };
        Ok(self.op(name, op_type, &x, attributes, &shape))
    }

    fn op(
        &mut self,
        name: &str,
        op_type: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
        shape: &[usize],
    ) -> String {
        let operation = Operation {
            domain: "",
            op_type,
            inputs,
            attributes,
            shape: shape.to_vec(),
        };
        self.builder.operation(name, operation)
    }

    /// Adds what a node has learned for an operand, brought into the order of the file.
    fn learned(
        &mut self,
        node: &Node,
        operand: &str,
        ordered: impl FnOnce(Tensor) -> Tensor,
    ) -> Result<String, ExportError> {
        let tensor = self.network.stored(node, operand)?;
        let missing = || refused(node, Some(operand), "is missing", None);
        let tensor = ordered(tensor.ok_or_else(missing)?);
        let wanted = format!("{}_{operand}", node.name);
        let value = self.builder.constant(&wanted, &tensor.shape, &tensor.data);
        let operand = Operand {
            node,
            name: operand,
            shape: &tensor.shape,
            learned: Some(&tensor.data),
        };
        self.storing.store(&mut self.builder, &operand, &value)
    }

    /// Adds the sum of two or more values, two at a time.
    fn sum(&mut self, name: &str, x: &[&str], shape: &[usize]) -> String {
        let (last, others) = x.split_last().expect("a sum has inputs");
        let mut sum = others[0].to_owned();
        for x in &others[1..] {
            let partial = self.builder.free_name(&format!("{name}_partial"));
            sum = self.op(&partial, "Add", &[&sum, x], Vec::new(), shape);
        }
        self.op(name, "Add", &[&sum, last], Vec::new(), shape)
    }

    fn batch_norm(
        &mut self,
        node: &Node,
        x: &str,
        eps: f64,
        shape: &[usize],
    ) -> Result<String, ExportError> {
        let name = node.name.as_str();
        let mut inputs = vec![x.to_owned()];
        let is_affine = self.storing.is_affine(node);
        if is_affine {
            let n_channels = shape[1];
            inputs.push(self.learned(node, "weight", as_it_is)?);
            inputs.push(self.learned(node, "bias", as_it_is)?);
            for (tensor, value) in [("running_mean", 0.0), ("running_var", 1.0)] {
                let data = vec![value; n_channels];
                let wanted = format!("{name}_{tensor}");
                inputs.push(self.builder.constant(&wanted, &[n_channels], &data));
            }
        } else {
            for tensor in ["weight", "bias", "running_mean", "running_var"] {
                let missing = || refused(node, Some(tensor), "is missing", None);
                let data = self.network.tensor(node, tensor).ok_or_else(missing)?;
                let wanted = format!("{name}_{tensor}");
                inputs.push(self.builder.constant(&wanted, &data.shape, &data.data));
            }
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let eps = if is_affine { 0.0 } else { eps as f32 };
        let attributes = vec![float("epsilon", eps)];
        Ok(self.op(name, "BatchNormalization", &inputs, attributes, shape))
    }
}

fn window(kernel: &[usize; 2], stride: &[usize; 2], padding: &[usize; 2]) -> Vec<AttributeProto> {
    let [top, left] = *padding;
    vec![
        sizes("kernel_shape", kernel),
        sizes("strides", stride),
        sizes("pads", &[top, left, top, left]),
    ]
}

fn as_it_is(tensor: Tensor) -> Tensor {
    tensor
}

/// Returns `[out, in]` as `[in, out]`, which `MatMul` takes.
fn transposed(tensor: Tensor) -> Tensor {
    let Tensor { shape, data } = tensor;
    let (n_out, n_in) = (shape[0], shape[1]);
    let position = |at: usize| (at % n_out) * n_in + at / n_out;
    Tensor {
        shape: vec![n_in, n_out],
        data: (0..data.len()).map(|at| data[position(at)]).collect(),
    }
}
