//! `firebrick data`: list, describe and fetch data sets.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use firebrick_core::dataset::{Dataset, Features, Split};
use firebrick_core::pass::Table;
use firebrick_datasets::{Description, Fractions, LoadError, Request, fetch, known};
use serde_json::json;

use crate::args::{DataCommand, Format};
use crate::environment::Environment;
use crate::failure::maybe_hinted;
use crate::output::progress::Progress;
use crate::output::table::{self, number};

/// Lists, describes or fetches data sets.
pub(crate) fn run(
    command: &DataCommand,
    environment: &Environment,
    format: Format,
) -> Result<ExitCode> {
    match command {
        DataCommand::List => match format {
            Format::Json => println!("{:#}", json!(known())),
            Format::Text => print!("{}", table::render(&table())),
        },
        DataCommand::Describe { name, data, label } => {
            describe(name, data.clone(), label.clone(), environment, format)?;
        }
        DataCommand::Fetch { name, into } => {
            let progress = Progress::bytes("fetching", environment.is_live);
            let fetched = fetch::fetch(name, into, &mut |done, total| progress.at(done, total));
            progress.finish();
            let path = fetched.map_err(|error| {
                let hint = error.hint();
                maybe_hinted(error, hint)
            })?;
            println!("{}", path.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the data sets that are known, one a row.
pub(crate) fn table() -> Table {
    let columns = ["name", "rows", "input", "classes", "summary"]
        .map(str::to_owned)
        .to_vec();
    let rows = known().into_iter().map(|known| {
        vec![
            known.name.to_owned(),
            known
                .n_rows
                .map_or_else(|| "of the file".to_owned(), |n_rows| n_rows.to_string()),
            known
                .input_shape
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("x"),
            known.classes.join(" "),
            known.summary.to_owned(),
        ]
    });
    Table {
        columns,
        rows: rows.collect(),
    }
}

fn describe(
    name: &str,
    path: Option<PathBuf>,
    label: Option<String>,
    environment: &Environment,
    format: Format,
) -> Result<()> {
    let explained = |error: LoadError| {
        let hint = error.hint();
        maybe_hinted(error, hint)
    };
    let splits = Fractions::new(0.2, 0.2).map_err(explained)?;
    let request = Request {
        name: name.to_owned(),
        path,
        label,
        seed: 0,
        data_dirs: environment.data_dirs.clone(),
        cache_dir: environment.cache_dir.clone(),
        n_rows: None,
        // As they are, so that the figures below have the units of the features.
        standardize: false,
        splits,
    };
    let description = known().into_iter().find(|known| known.name == name);
    let dataset = firebrick_datasets::load(&request);
    if let (Some(description), Err(error @ LoadError::NotFound { .. })) = (&description, &dataset) {
        // What is known without the file is still worth saying.
        match format {
            Format::Json => println!("{:#}", json!(description)),
            Format::Text => print_description(description),
        }
        eprintln!("note: {error}");
        return Ok(());
    }
    let dataset = dataset.map_err(explained)?;
    let features = features(&dataset);
    match format {
        Format::Json => {
            let described = json!({
                "name": dataset.name,
                "simulated": dataset.simulated,
                "input_shape": dataset.input_shape,
                "classes": dataset.class_names,
                "rows": rows(&dataset),
                "features": table::to_json(&features),
            });
            println!("{described:#}");
        }
        Format::Text => {
            if let Some(description) = &description {
                print_description(description);
            }
            println!("classes: {}", dataset.class_names.join(" "));
            println!("rows: {}\n", rows(&dataset));
            print!("{}", table::render(&features));
        }
    }
    Ok(())
}

fn print_description(description: &Description) {
    println!("{}: {}", description.name, description.summary);
    println!("source: {}", description.source);
    println!("how to get it: {}", description.how_to_get);
}

fn rows(dataset: &Dataset) -> usize {
    dataset.train.len() + dataset.validation.len() + dataset.test.len()
}

/// Returns mean, standard deviation and range of each feature over all rows; of pictures, of each
/// channel, in `0.0..=1.0`.
fn features(dataset: &Dataset) -> Table {
    let columns = ["feature", "mean", "std", "min", "max"]
        .map(str::to_owned)
        .to_vec();
    let splits = [&dataset.train, &dataset.validation, &dataset.test];
    let is_pictures = splits
        .iter()
        .any(|split| matches!(split.features, Features::Pixels { .. }));
    let rows: Vec<Vec<String>> = match is_pictures {
        true => (0..dataset.input_shape[0])
            .map(|channel| {
                let levels = splits
                    .into_iter()
                    .flat_map(|split| levels(dataset, split, channel));
                statistics(&format!("channel {channel}"), &levels.collect::<Vec<_>>())
            })
            .collect(),
        false => {
            let n_features = dataset.input_shape.iter().product::<usize>();
            let named = dataset.feature_names.iter().take(n_features).enumerate();
            let statistics = named.map(|(idx, name)| {
                let column = |split: &'_ Split| -> Vec<f64> {
                    let values = split
                        .features
                        .numbers()
                        .iter()
                        .skip(idx)
                        .step_by(n_features);
                    values.map(|value| f64::from(*value)).collect()
                };
                let values: Vec<f64> = splits.into_iter().flat_map(column).collect();
                statistics(name, &values)
            });
            statistics.collect()
        }
    };
    Table { columns, rows }
}

/// Returns the levels of a channel of pictures, in `0.0..=1.0`.
fn levels(dataset: &Dataset, split: &Split, channel: usize) -> Vec<f64> {
    let Features::Pixels { bytes, .. } = &split.features else {
        return Vec::new();
    };
    let (channels, pixels) = (
        dataset.input_shape[0],
        dataset.input_shape[1..].iter().product::<usize>(),
    );
    let planes = bytes.chunks_exact(pixels).skip(channel).step_by(channels);
    planes
        .flatten()
        .map(|byte| f64::from(*byte) / 255.0)
        .collect()
}

fn statistics(name: &str, values: &[f64]) -> Vec<String> {
    let n_rows = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n_rows;
    let squares = values.iter().map(|value| (value - mean).powi(2));
    let deviation = (squares.sum::<f64>() / n_rows).sqrt();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut row = vec![name.to_owned()];
    row.extend([mean, deviation, low, high].map(number));
    row
}
