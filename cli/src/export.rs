//! `firebrick export`: a trained network for other tools.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use firebrick_export::{Checked, ExportError, Exported, Format, HLS4ML_CONFIG, export};

use crate::args::ExportArgs;
use crate::checkpoint::{self, Checkpoint};
use crate::failure::{failure, maybe_hinted};
use crate::output::files;

/// Writes the network of a checkpoint in another format, once that was checked.
pub(crate) fn run(args: &ExportArgs) -> Result<ExitCode> {
    let format = format(&args.format)?;
    let name = args.checkpoint.display().to_string();
    let Checkpoint { weights, graph } = checkpoint::read(&name)?;
    let Some(graph) = graph else {
        let what = format!("checkpoint `{name}` does not say which network its weights are of");
        let hint = "export a checkpoint that `firebrick train` or `firebrick search` wrote";
        return Err(failure(what, hint));
    };
    let output = match &args.output {
        Some(output) => output.clone(),
        None => beside(&args.checkpoint, format),
    };
    let file_name = can_be_written(&output)?;
    let exported = export(&graph, &weights, format, &file_name)
        .map_err(|error: ExportError| {
            let hint = error.hint();
            maybe_hinted(error, hint)
        })
        .with_context(|| format!("can't write `{name}` as {}", format.name()))?;
    let mut written = Vec::new();
    // The configuration names the file, so that the file comes first.
    files::write(&output, &exported.file)?;
    written.push(output.clone());
    if let Some(config) = &exported.hls4ml_config {
        let path = output.with_file_name(HLS4ML_CONFIG);
        files::write(&path, config)?;
        written.push(path);
    }
    for path in written {
        println!("{}", path.display());
    }
    report(&exported);
    Ok(ExitCode::SUCCESS)
}

fn report(exported: &Exported) {
    match exported.checked {
        Some(Checked {
            n_rows,
            is_exact: true,
        }) => eprintln!(
            "checked on {n_rows} rows: the file computes what the network does in whole numbers, \
             to the bit"
        ),
        Some(Checked { n_rows, .. }) => eprintln!(
            "checked on {n_rows} rows: the file computes what the network does, within the \
             rounding of float32"
        ),
        None => {}
    }
    for note in &exported.notes {
        eprintln!("note: {note}");
    }
}

fn format(name: &str) -> Result<Format> {
    let format = Format::ALL.into_iter().find(|format| format.name() == name);
    format.ok_or_else(|| {
        let hint = "say `--format qonnx`, `onnx`, `safetensors` or `json` behind `export`";
        failure(format!("networks are not exported as `{name}`"), hint)
    })
}

/// Returns the name beside a checkpoint: `best.safetensors` becomes `best.qonnx.onnx`.
fn beside(checkpoint: &Path, format: Format) -> PathBuf {
    checkpoint.with_extension(format.extension())
}

/// Checks that a file can be put there, and returns its name.
fn can_be_written(output: &Path) -> Result<String> {
    let refuse = |why: &str, hint: &str| {
        let what = format!("can't write `{}`: {why}", output.display());
        Err(failure(what, hint))
    };
    let Some(name) = output.file_name() else {
        return refuse("it names no file", "name a file: `--output network.onnx`");
    };
    if output.is_dir() {
        return refuse("it is a folder", "name a file: `--output network.onnx`");
    }
    let folder = output
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    match folder.is_none_or(Path::is_dir) {
        true => Ok(name.to_string_lossy().into_owned()),
        false => refuse("its folder does not exist", "make the folder first"),
    }
}
