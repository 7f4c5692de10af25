//! `hls4ml_config.yml`: how hls4ml is to read a QONNX file.
//!
//! # Source
//! hls4ml 1.3, <https://fastmachinelearning.org/hls4ml/api/configuration.html>; what it does not
//! take was found by comparing what it compiles with what we compute.

use std::fmt::Write;

use firebrick_core::graph::{Graph, NumberFormat, Op};
use firebrick_core::scaling::Scaling;

use crate::integer::{IntegerNetwork, IntegerNode};
use crate::proto::NodeProto;

/// What the file is called.
pub const CONFIG: &str = "hls4ml_config.yml";

/// Returns the configuration for a QONNX file of a name.
///
/// Numbers without a format of their own, which are the network's input and what batch
/// normalisations multiply with, are of 64 bits, 32 of them behind the binary point: rows have to
/// be multiples of `2^-32`. Every other type follows from the file.
///
/// `layers` are the operations of the file. They are listed with the type of their result left to
/// hls4ml, which finds one that is exact; without that all results are as wide as the input. Files
/// of pictures have to be transformed first, which changes the names: hls4ml lists them itself with
/// `config_from_onnx_model(..., granularity="name")`.
pub(crate) fn config(
    file: &str,
    project: &str,
    scaling: Option<&Scaling>,
    graph: &Graph,
    layers: &[NodeProto],
) -> String {
    let mut text = String::new();
    if let Some(scaling) = scaling {
        let formula = Scaling::FORMULA;
        let _ = writeln!(
            text,
            "# Rows are scaled before they are given to the network: {formula}, with"
        );
        for (note, list) in scaling.notes() {
            let _ = writeln!(text, "# {note} = {list}");
        }
    }
    let is_of_pictures = graph.input_shape().len() == 3;
    if is_of_pictures {
        let _ = writeln!(
            text,
            "# hls4ml reads pictures with their channels last. Before it, apply qonnx's\n\
             # ConvertToChannelsLastAndClean(make_input_channels_last=True) to the file, and give\n\
             # rows as [height, width, channels]. config_from_onnx_model(..., granularity=\"name\")\n\
             # lists the layers of the result, each with the narrowest exact type."
        );
    }
    let _ = write!(
        text,
        "OnnxModel: {}\n\
         OutputDir: {}\n\
         ProjectName: {}\n\
         Backend: Vitis\n\
         Part: xcvu13p-flga2577-2-e\n\
         ClockPeriod: 5\n\
         IOType: io_parallel\n\
         HLSConfig:\n  \
           Model:\n    \
             Precision: fixed<64,32>\n    \
             ReuseFactor: 1\n    \
             Strategy: Latency\n",
        quoted(file),
        quoted(&format!("{project}_hls4ml")),
        quoted(project),
    );
    if is_of_pictures {
        return text;
    }
    text.push_str("  LayerName:\n");
    for layer in layers {
        let _ = match layer.op_type.as_str() {
            "MatMul" => {
                let name = &layer.name;
                writeln!(
                    text,
                    "    {name}: {{Precision: {{result: auto, accum: auto}}}}"
                )
            }
            _ => writeln!(text, "    {}: {{Precision: {{result: auto}}}}", layer.name),
        };
    }
    text
}

/// Returns why hls4ml does not compute what a network computes, although all of it is fixed point;
/// nothing if it does.
pub(crate) fn obstacles(graph: &Graph, integers: Option<&IntegerNetwork>) -> Vec<String> {
    let mut obstacles = Vec::new();
    for (idx, node) in graph.nodes().iter().enumerate() {
        let whole = integers.map(|integers| &integers.nodes()[idx]);
        let what = match &node.op {
            Op::Output if graph.output_shape().len() == 3 => {
                Some("qonnx 1.0 can't turn a picture that is the output to channels last")
            }
            Op::Output => None,
            Op::AvgPool { .. } | Op::GlobalAvgPool => Some("hls4ml 1.3 does not read means"),
            Op::MaxPool { padding, .. } if *padding != [0, 0] => {
                Some("hls4ml 1.3 computes something else where pools have padding")
            }
            Op::BatchNorm { .. } if whole.is_some_and(changes_nothing) => Some(
                "hls4ml 1.3 takes a batch norm with scales of 1 and shifts of 0 away, and what is \
                 stored behind it with it",
            ),
            Op::Conv2d {
                in_channels,
                out_channels,
                groups,
                ..
            } if *groups > 1 && (groups != in_channels || groups != out_channels) => {
                Some("hls4ml 1.3 reads one group or as many as channels")
            }
            Op::Add if adds_sums(graph, idx) => Some(
                "hls4ml 1.3 can't add results that are not stored: give its `data_in` a format",
            ),
            _ if takes_signs(graph, idx) => {
                Some("hls4ml 1.3 stores -1 and 1 right of sums of products only")
            }
            _ if whole.is_some_and(is_beyond) => Some(
                "its result can have more than 32 bits before or behind the binary point, which \
                 is what the configuration gives to numbers without a format",
            ),
            _ if integers.is_some_and(|integers| rounds_all_away(integers, idx)) => {
                Some("hls4ml's numbers can't be rounded by as many places as they have bits")
            }
            _ if is_forked(graph, idx) => Some("hls4ml 1.3 reads a result in one format only"),
            _ => None,
        };
        if let Some(what) = what {
            obstacles.push(format!("node `{}` ({}): {what}", node.name, node.op.name()));
        }
    }
    obstacles
}

/// Returns whether numbers without a format of their own may not hold a result.
fn is_beyond(node: &IntegerNode) -> bool {
    let frac_width = node.frac_width.unwrap_or(0);
    frac_width > 32 || node.bits() as i32 - frac_width > 32
}

/// Returns whether a batch normalisation has scales of 1 and shifts of 0.
fn changes_nothing(node: &IntegerNode) -> bool {
    let mut learned = node.learned.iter();
    learned.all(|tensor| {
        let shift = u32::try_from(tensor.grid.frac_width);
        let one = shift.ok().and_then(|shift| 1_i64.checked_shl(shift));
        let same = match tensor.operand {
            "weight" => one,
            _ => Some(0),
        };
        tensor.data.iter().all(|value| Some(*value) == same)
    })
}

/// Returns whether a node takes an input of which no bit is left but by rounding up: `ap_types` end
/// the program where C++ is run, as in `predict` of hls4ml.
fn rounds_all_away(integers: &IntegerNetwork, idx: usize) -> bool {
    let node = &integers.nodes()[idx];
    let Some(grid) = node.data_in.filter(|grid| !grid.bipolar) else {
        return false;
    };
    let mut producers = node.producers().iter().map(|idx| &integers.nodes()[*idx]);
    producers.any(|producer| {
        let dropped = producer
            .frac_width
            .map(|frac_width| frac_width - grid.frac_width);
        dropped.is_some_and(|dropped| dropped >= producer.bits() as i32)
    })
}

/// Returns whether a node takes the signs of anything but the input or the result of a layer:
/// behind a batch normalisation hls4ml compares with a threshold that it has rounded.
fn takes_signs(graph: &Graph, idx: usize) -> bool {
    let format = graph.nodes()[idx].annotations.formats.get("data_in");
    let mut producers = graph.producers(idx).map(|idx| &graph.nodes()[idx].op);
    let is_sum = |op: &Op| matches!(op, Op::Input { .. } | Op::Linear { .. } | Op::Conv2d { .. });
    format.is_some_and(|format| format.name == "binary") && !producers.all(is_sum)
}

/// Returns whether two results of layers are added as they come: hls4ml ends with an error where they
/// have one binary point.
fn adds_sums(graph: &Graph, idx: usize) -> bool {
    let producers = graph
        .producers(idx)
        .map(|producer| &graph.nodes()[producer].op);
    let sums = producers.filter(|op| matches!(op, Op::Linear { .. } | Op::Conv2d { .. }));
    let has_format = graph.nodes()[idx]
        .annotations
        .formats
        .contains_key("data_in");
    !has_format && sums.count() >= 2
}

/// Returns whether a result is read in several formats where that can't be written apart.
fn is_forked(graph: &Graph, idx: usize) -> bool {
    let node = &graph.nodes()[idx];
    // A relu of features is written again for each format.
    if node.op == Op::Relu && graph.shape(idx).len() == 1 {
        return false;
    }
    let readers = graph.consumers(&node.name);
    let mut formats = readers.map(|reader| reader.annotations.formats.get("data_in"));
    let first: Option<Option<&NumberFormat>> = formats.next();
    formats.any(|format| Some(format) != first)
}

/// Returns a text as YAML.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
