//! Networks for other tools: files that say exactly what Firebrick computes, or none.
//!
//! What a file's format can't say is refused with the node, the operand and the reason; nothing is
//! approximated. ONNX and QONNX files are read again and computed on pseudo-random rows before they
//! are handed over.

mod build;
mod check;
mod error;
mod grid;
mod hls4ml;
mod integer;
mod json;
mod kernels;
mod onnx;
mod operand;
pub mod proto;
mod qonnx;
mod reference;
mod safetensors;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use firebrick_core::graph::Graph;
use firebrick_core::scaling::Scaling;
use firebrick_core::weights::Weights;

pub use check::Checked;
pub use error::ExportError;
pub use grid::Grid;
pub use hls4ml::CONFIG as HLS4ML_CONFIG;
pub use integer::{IntegerNetwork, IntegerNode, IntegerTensor};

use operand::Network;
use prost::Message;
use proto::{ModelProto, StringStringEntryProto};
use reference::Reference;

/// What can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// ONNX with operations that store numbers in formats, for hardware tools.
    Qonnx,
    /// ONNX in float32.
    Onnx,
    /// The weights as they are stored.
    Safetensors,
    /// Everything, for programs that generate hardware.
    Json,
}

/// A network that was exported.
#[derive(Debug, Clone, PartialEq)]
pub struct Exported {
    /// The file.
    pub file: Vec<u8>,
    /// What belongs beside a QONNX file under the name [`HLS4ML_CONFIG`]; absent where hls4ml does
    /// not compute the same.
    pub hls4ml_config: Option<String>,
    /// What the file was compared with; absent where it computes nothing.
    pub checked: Option<Checked>,
    /// What whoever uses the file should know, a sentence each.
    pub notes: Vec<String>,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Qonnx, Self::Onnx, Self::Safetensors, Self::Json];

    /// Returns the name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Qonnx => "qonnx",
            Self::Onnx => "onnx",
            Self::Safetensors => "safetensors",
            Self::Json => "json",
        }
    }

    /// Returns what the name of a file ends in, which no checkpoint's name does.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Qonnx => "qonnx.onnx",
            Self::Onnx => "onnx",
            Self::Safetensors => "stored.safetensors",
            Self::Json => "json",
        }
    }
}

/// Returns a network as a file, checked; `file_name` is what it will be called, and `scaling` what rows
/// of the data set are scaled by before the network reads them.
///
/// # Errors
/// [`ExportError`] names the node and operand that the format can't say, or the tensor that does not
/// fit or is not finite.
pub fn export(
    graph: &Graph,
    weights: &Weights,
    scaling: Option<&Scaling>,
    format: Format,
    file_name: &str,
) -> Result<Exported, ExportError> {
    let network = Network::new(graph, weights)?;
    let mut exported = match format {
        Format::Qonnx => export_qonnx(&network, weights, scaling, file_name)?,
        Format::Onnx => Exported::of(scaled(onnx::write(&network)?, scaling).encode_to_vec()),
        Format::Safetensors => Exported::of(safetensors::write(&network, scaling)?),
        Format::Json => {
            let integers = IntegerNetwork::of(graph, weights).ok();
            Exported::of(json::write(&network, integers.as_ref(), scaling)?)
        }
    };
    if format == Format::Onnx {
        let checked = check::check("ONNX", &exported.file, &network, None)?;
        exported.checked = Some(checked);
    }
    if scaling.is_some() {
        let place = match format {
            Format::Qonnx | Format::Onnx => {
                "metadata `firebrick.input_mean` and `firebrick.input_std`"
            }
            Format::Safetensors => "notes `input_mean` and `input_std`",
            Format::Json => "`input`",
        };
        exported.notes.push(format!(
            "rows have to be scaled before they are given to the network: `{}` of the numbers that \
             the data set has, of pictures bytes, with mean and std from the file's {place}",
            Scaling::FORMULA
        ));
    }
    Ok(exported)
}

/// Puts what rows are scaled by into the metadata of a model.
fn scaled(mut model: ModelProto, scaling: Option<&Scaling>) -> ModelProto {
    let notes = scaling.into_iter().flat_map(Scaling::notes);
    let entries = notes.map(|(note, value)| StringStringEntryProto {
        key: format!("firebrick.{note}"),
        value,
    });
    model.metadata_props.extend(entries);
    model
}

/// Returns the outputs of a network for some rows, with its number formats and sums in float64.
///
/// It knows every format. Of a network that is fixed point [`IntegerNetwork`] says the same.
///
/// # Shapes
/// - rows: `[n_rows, ...input shape]`
/// - result: `[n_rows, ...output shape]`
///
/// # Errors
/// [`ExportError`] if the weights do not fit, or a format can't be computed.
///
/// # Panics
/// If the rows do not fill the input.
pub fn reference(graph: &Graph, weights: &Weights, rows: &[f32]) -> Result<Vec<f64>, ExportError> {
    let network = Network::new(graph, weights)?;
    let reference = Reference::of(&network)?;
    let size: usize = graph.input_shape().iter().product();
    assert!(rows.len().is_multiple_of(size), "rows fill the input");
    Ok(rows
        .chunks(size)
        .flat_map(|row| reference.forward(row))
        .collect())
}

/// Bits of a whole number that float32 holds, sign included.
const FLOAT32_BITS: u32 = 25;

fn export_qonnx(
    network: &Network<'_>,
    weights: &Weights,
    scaling: Option<&Scaling>,
    file_name: &str,
) -> Result<Exported, ExportError> {
    let model = scaled(qonnx::write(network)?, scaling);
    let mut exported = Exported::of(model.encode_to_vec());
    let mut obstacles = Vec::new();
    let integers = match IntegerNetwork::of(network.graph, weights) {
        Ok(integers) => Some(integers),
        Err(error @ ExportError::Refused { .. }) => {
            obstacles.push(error.to_string().replace(" can't be exported:", ":"));
            None
        }
        Err(error) => return Err(error),
    };
    exported.checked = Some(check::check(
        "QONNX",
        &exported.file,
        network,
        integers.as_ref(),
    )?);
    if let Some(bits) = integers.as_ref().map(IntegerNetwork::bits_max)
        && bits > FLOAT32_BITS
    {
        exported.notes.push(format!(
            "numbers can need {bits} bits: qonnx computes in float32, which holds {FLOAT32_BITS}, \
             so that it may be off in the last"
        ));
    }
    obstacles.extend(hls4ml::obstacles(network.graph, integers.as_ref()));
    if obstacles.is_empty() {
        let project = project_name(file_name);
        exported.hls4ml_config = Some(hls4ml::config(
            file_name,
            &project,
            scaling,
            network.graph,
            model.graph.as_ref().map_or(&[], |graph| &graph.node),
        ));
    } else {
        let what = format!("no `{HLS4ML_CONFIG}`, since hls4ml would not compute the same");
        let obstacles = obstacles.into_iter();
        exported
            .notes
            .extend(obstacles.map(|why| format!("{what}: {why}")));
    }
    Ok(exported)
}

/// Returns the beginning of a file's name as a name that C++ takes for a function.
fn project_name(file_name: &str) -> String {
    let stem = file_name.split('.').next().unwrap_or_default();
    let mut name = stem.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_");
    if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        name.insert_str(0, "network_");
    }
    name
}

impl Exported {
    fn of(file: Vec<u8>) -> Self {
        Self {
            file,
            hls4ml_config: None,
            checked: None,
            notes: Vec::new(),
        }
    }
}
