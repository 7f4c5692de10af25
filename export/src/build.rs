//! ONNX graphs, operation by operation.

use std::collections::BTreeSet;

use crate::proto::{
    AttributeProto, AttributeType, Dimension, DimensionValue, FLOAT, GraphProto, ModelProto,
    NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TensorType, TypeProto, TypeValue,
    ValueInfoProto,
};

/// The version of the messages: that of ONNX 1.12, which every reader of today knows.
const IR_VERSION: i64 = 8;
/// The version of ONNX's own operators: the first whose pools and sums are those of today.
const OPSET_VERSION: i64 = 13;

/// A graph that grows operation by operation.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    graph: GraphProto,
    names: BTreeSet<String>,
    domains: BTreeSet<String>,
}

/// One operation that is to be added.
pub(crate) struct Operation<'a> {
    /// Whose operator it is; empty for ONNX's own.
    pub(crate) domain: &'a str,
    pub(crate) op_type: &'a str,
    pub(crate) inputs: &'a [&'a str],
    pub(crate) attributes: Vec<AttributeProto>,
    /// The shape of what it makes, the batch included.
    pub(crate) shape: Vec<usize>,
}

impl Builder {
    /// Starts a graph whose input has a name and a shape without the batch.
    ///
    /// `names` are kept for the nodes of the network: helpers beside them get others.
    pub(crate) fn new<'a>(
        name: &str,
        input: &str,
        shape: &[usize],
        names: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut builder = Self::default();
        builder.graph.name = name.to_owned();
        builder.graph.input = vec![value(input, &batched(shape))];
        builder.names = names.into_iter().map(str::to_owned).collect();
        builder
    }

    /// Adds an operation, which makes a value of a name, and returns the name.
    pub(crate) fn operation(&mut self, name: &str, operation: Operation<'_>) -> String {
        if !operation.domain.is_empty() {
            self.domains.insert(operation.domain.to_owned());
        }
        self.graph.value_info.push(value(name, &operation.shape));
        let inputs = operation.inputs.iter();
        self.graph.node.push(NodeProto {
            input: inputs.map(|input| (*input).to_owned()).collect(),
            output: vec![name.to_owned()],
            name: name.to_owned(),
            op_type: operation.op_type.to_owned(),
            attribute: operation.attributes,
            domain: operation.domain.to_owned(),
        });
        name.to_owned()
    }

    /// Adds a constant under a name that is still free, and returns the name.
    pub(crate) fn constant(&mut self, wanted: &str, shape: &[usize], data: &[f32]) -> String {
        let name = self.free_name(wanted);
        // hls4ml looks for the shapes of constants there, too.
        self.graph.value_info.push(value(&name, shape));
        let bytes = data.iter().flat_map(|number| number.to_le_bytes());
        self.graph.initializer.push(TensorProto {
            dims: shape.iter().map(|size| *size as i64).collect(),
            data_type: FLOAT,
            name: name.clone(),
            raw_data: bytes.collect(),
        });
        name
    }

    /// Returns a name that nothing has, and takes it.
    pub(crate) fn free_name(&mut self, wanted: &str) -> String {
        let numbered = (1..).map(|number| format!("{wanted}_{number}"));
        let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
        let name = names.find(|name| !self.names.contains(name));
        let name = name.expect("there are more names than values");
        self.names.insert(name.clone());
        name
    }

    /// Ends the graph with a value that was made as its output, and returns the model.
    pub(crate) fn finish(mut self, output: &str) -> ModelProto {
        // The type of the output stands there, not among those in between.
        let values = std::mem::take(&mut self.graph.value_info).into_iter();
        let (outputs, others) = values.partition(|value| value.name == output);
        self.graph.output = outputs;
        self.graph.value_info = others;
        let own = OperatorSetIdProto {
            domain: String::new(),
            version: OPSET_VERSION,
        };
        let others = self
            .domains
            .into_iter()
            .map(|domain| OperatorSetIdProto { domain, version: 1 });
        ModelProto {
            ir_version: IR_VERSION,
            producer_name: "firebrick".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Some(self.graph),
            opset_import: std::iter::once(own).chain(others).collect(),
            metadata_props: Vec::new(),
        }
    }
}

/// Returns a shape with a batch of one row in front.
pub(crate) fn batched(shape: &[usize]) -> Vec<usize> {
    std::iter::once(1).chain(shape.iter().copied()).collect()
}

/// Returns an attribute that is a whole number.
pub(crate) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        i: Some(value),
        ..attribute(name, AttributeType::Int)
    }
}

/// Returns an attribute that is a list of sizes.
pub(crate) fn sizes(name: &str, values: &[usize]) -> AttributeProto {
    AttributeProto {
        ints: values.iter().map(|value| *value as i64).collect(),
        ..attribute(name, AttributeType::Ints)
    }
}

/// Returns an attribute that is a number.
pub(crate) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        f: Some(value),
        ..attribute(name, AttributeType::Float)
    }
}

/// Returns an attribute that is a text.
pub(crate) fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        s: Some(value.as_bytes().to_vec()),
        ..attribute(name, AttributeType::String)
    }
}

fn attribute(name: &str, r#type: AttributeType) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: r#type.into(),
        ..AttributeProto::default()
    }
}

fn value(name: &str, shape: &[usize]) -> ValueInfoProto {
    let dim = shape.iter().map(|size| Dimension {
        value: Some(DimensionValue::DimValue(*size as i64)),
    });
    let tensor = TensorType {
        elem_type: FLOAT,
        shape: Some(TensorShapeProto { dim: dim.collect() }),
    };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            value: Some(TypeValue::TensorType(tensor)),
        }),
    }
}
