//! `firebrick export`: a trained network for other tools.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use firebrick_export::{Checked, ExportError, Exported, Format, HLS4ML_CONFIG, export};

use crate::args::ExportArgs;
use crate::checkpoint::{self, Checkpoint};
use crate::failure::{failure, maybe_hinted};
use crate::output::files;

/// Writes the networks of checkpoints in another format, each once that was checked.
pub(crate) fn run(args: &ExportArgs) -> Result<ExitCode> {
    let format = format(&args.format)?;
    if let ([_, _, ..], Some(output)) = (&args.checkpoints[..], &args.output) {
        let what = format!(
            "`--output {}` is one file for {} checkpoints",
            output.display(),
            args.checkpoints.len()
        );
        return Err(failure(
            what,
            "leave it out: each is written beside its own",
        ));
    }
    for checkpoint in &args.checkpoints {
        write(checkpoint, format, args.output.as_deref())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write(checkpoint: &Path, format: Format, output: Option<&Path>) -> Result<()> {
    let name = checkpoint.display().to_string();
    let Checkpoint {
        weights,
        graph,
        drawn,
    } = checkpoint::read(&name)?;
    let Some(graph) = graph else {
        let what = format!("checkpoint `{name}` does not say which network its weights are of");
        let hint = "export a checkpoint that `firebrick train` or `firebrick search` wrote";
        return Err(failure(what, hint));
    };
    let output = output.map_or_else(|| beside(checkpoint, format), Path::to_owned);
    if is_same(checkpoint, &output) {
        let what = format!("`{name}` would be overwritten: it is the checkpoint itself");
        return Err(failure(what, "name another file: `--output network.onnx`"));
    }
    let file_name = can_be_written(&output)?;
    let scaling = drawn.and_then(|drawn| drawn.scaling);
    let exported = export(&graph, &weights, scaling.as_ref(), format, &file_name)
        .map_err(|error: ExportError| {
            let hint = error.hint();
            maybe_hinted(error, hint)
        })
        .with_context(|| format!("can't write `{name}` as {}", format.name()))?;
    let mut written = Vec::new();
    // The configuration names the file, so that the file comes first.
    files::write(&output, &exported.file)?;
    written.push(output.clone());
    // Nothing comes to lie beside a device or a pipe.
    let config = exported.hls4ml_config.as_ref();
    if let Some(config) = config.filter(|_| output.is_file()) {
        let path = config_beside(&output, &file_name);
        files::write(&path, config)?;
        written.push(path);
    }
    for path in written {
        println!("{}", path.display());
    }
    report(&exported);
    Ok(())
}

/// Returns where the configuration of a file goes: under its usual name, unless that is the one of
/// another file.
fn config_beside(output: &Path, file_name: &str) -> PathBuf {
    let usual = output.with_file_name(HLS4ML_CONFIG);
    let is_ours = |text: String| {
        let mut named = text
            .lines()
            .filter_map(|line| line.strip_prefix("OnnxModel:"));
        named.any(|name| name.trim().trim_matches('"') == file_name)
    };
    match std::fs::read_to_string(&usual).map(is_ours) {
        Ok(false) => output.with_extension(HLS4ML_CONFIG),
        Ok(true) | Err(_) => usual,
    }
}

/// Returns whether two paths lead to the same file.
fn is_same(one: &Path, other: &Path) -> bool {
    let [one, other] = [one, other].map(|path| path.canonicalize().ok());
    one.is_some() && one == other
}

fn report(exported: &Exported) {
    if let Some(Checked { n_rows, is_exact }) = exported.checked {
        let rows = if n_rows == 1 { "row" } else { "rows" };
        let how = match is_exact {
            true => " in whole numbers, to the bit",
            false => ", within the rounding of float32",
        };
        eprintln!("checked on {n_rows} {rows}: the file computes what the network does{how}");
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
