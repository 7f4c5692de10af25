//! A network as data.
//!
//! A [`Graph`] that exists is well-formed: every constructor, deserialisation included, goes
//! through one shape inference. Passes take the nodes, change them and build a new graph.

mod node;
mod op;
mod shape;
mod text;

pub use node::{Annotations, Node, NumberFormat, Scale};
pub use op::Op;
pub use shape::{GraphError, Shape};
pub use text::ParseError;

use serde::{Deserialize, Serialize};

/// A well-formed network: nodes in topological order, one input, one output.
///
/// # Shapes
/// All shapes leave out the batch: `[features]` or `[channels, height, width]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct Graph {
    nodes: Vec<Node>,
    shapes: Vec<Shape>,
}

impl Graph {
    /// Builds a graph from nodes in topological order.
    ///
    /// # Errors
    /// [`GraphError`] names the first node that is not well-formed.
    pub fn new(nodes: Vec<Node>) -> Result<Self, GraphError> {
        let shapes = shape::infer(&nodes)?;
        Ok(Self { nodes, shapes })
    }

    /// Returns the nodes in topological order; the first is the input, the last the output.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Returns the node of a name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.index(name).map(|idx| &self.nodes[idx])
    }

    /// Returns the position of a node.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name == name)
    }

    /// Returns the shape of a node's result.
    pub fn shape(&self, idx: usize) -> &[usize] {
        &self.shapes[idx]
    }

    /// Returns the shapes of a node's inputs.
    pub fn input_shapes(&self, idx: usize) -> Vec<&[usize]> {
        self.producers(idx)
            .map(|producer| self.shape(producer))
            .collect()
    }

    /// Returns the positions of the nodes whose results a node reads, in its order.
    pub fn producers(&self, idx: usize) -> impl Iterator<Item = usize> + '_ {
        let inputs = self.nodes[idx].inputs.iter();
        inputs.map(|name| self.producer(name))
    }

    /// Returns the nodes that read a node's result.
    pub fn consumers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Node> {
        self.nodes
            .iter()
            .filter(move |node| node.inputs.iter().any(|input| input == name))
    }

    /// Returns the shape of the network's input.
    pub fn input_shape(&self) -> &[usize] {
        self.shape(0)
    }

    /// Returns the shape of the network's output.
    pub fn output_shape(&self) -> &[usize] {
        self.shapes.last().expect("a graph has an output")
    }

    fn producer(&self, name: &str) -> usize {
        self.index(name)
            .expect("shape inference found every producer")
    }
}

/// What a graph is in files and across the plugin door.
#[derive(Serialize, Deserialize)]
struct Raw {
    nodes: Vec<Node>,
}

impl TryFrom<Raw> for Graph {
    type Error = GraphError;

    fn try_from(raw: Raw) -> Result<Self, GraphError> {
        Self::new(raw.nodes)
    }
}

impl From<Graph> for Raw {
    fn from(graph: Graph) -> Self {
        Self { nodes: graph.nodes }
    }
}

/// Builds a graph node by node, mostly a chain.
///
/// # Example
/// ```
/// use firebrick_core::graph::{GraphBuilder, Op};
///
/// let mut builder = GraphBuilder::new(&[16]);
/// builder.push("seq_blocks_0", Op::Relu);
/// builder.push("seq_blocks_1", Op::Linear { in_features: 16, out_features: 5, bias: true });
/// let graph = builder.finish()?;
/// assert_eq!(graph.output_shape(), [5]);
/// # Ok::<(), firebrick_core::graph::GraphError>(())
/// ```
#[derive(Debug, Clone)]
pub struct GraphBuilder {
    nodes: Vec<Node>,
}

impl GraphBuilder {
    /// Starts with the input node, named `x`.
    pub fn new(input_shape: &[usize]) -> Self {
        Self {
            nodes: vec![Node::new(
                "x",
                Op::Input {
                    shape: input_shape.to_vec(),
                },
                &[],
            )],
        }
    }

    /// Appends a node that reads the last one, and returns its name.
    pub fn push(&mut self, name: impl Into<String>, op: Op) -> String {
        let last = self.nodes.last().expect("the input is there").name.clone();
        self.join(name, op, &[&last])
    }

    /// Appends a node that reads the nodes named, and returns its name.
    pub fn join(&mut self, name: impl Into<String>, op: Op, inputs: &[&str]) -> String {
        let name = name.into();
        self.nodes.push(Node::new(&name, op, inputs));
        name
    }

    /// Appends the output node and checks the graph.
    ///
    /// # Errors
    /// [`GraphError`] names the first node that is not well-formed.
    pub fn finish(mut self) -> Result<Graph, GraphError> {
        self.push("output", Op::Output);
        Graph::new(self.nodes)
    }
}

#[cfg(test)]
mod tests;
