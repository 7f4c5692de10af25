//! From a table to a data set: duplicates dropped, rows sampled, split and scaled.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};

use firebrick_core::dataset::{Dataset, Features, Split};
use firebrick_core::scaling::Scaling;

use crate::Request;
use crate::error::LoadError;
use crate::scale::Scaler;
use crate::split::{sample, stratified};
use crate::table::{Table, TableRows};

/// Makes a data set of a table.
///
/// Rows that the file keeps for validation or the test stay there; then the fraction for the test
/// has no effect, and that for validation is one of the training rows.
///
/// # Errors
/// [`LoadError`] if there are too few rows for what is asked.
pub(crate) fn prepare(
    table: Table,
    request: &Request,
    n_rows: Option<usize>,
    simulated: bool,
) -> Result<Dataset, LoadError> {
    let Table {
        input_shape,
        feature_names,
        class_names,
        mut rows,
        mut validation,
        mut test,
    } = table;
    let row_len = input_shape.iter().product();

    drop_duplicates(&mut rows, &mut validation, &mut test, row_len);

    if let Some(n_rows) = n_rows {
        if !(1..=rows.len()).contains(&n_rows) {
            return Err(LoadError::RowCount {
                name: request.name.clone(),
                asked: n_rows,
                least: 1,
                most: rows.len(),
            });
        }
        let sampled = sample(&rows.labels, class_names.len(), n_rows, request.seed);
        rows = take(&rows, &sampled, row_len);
    }

    let share = |split: &Option<TableRows>, share: f64| if split.is_some() { 0.0 } else { share };
    let parts = stratified(
        &rows.labels,
        class_names.len(),
        share(&validation, request.splits.validation()),
        share(&test, request.splits.test()),
        request.seed,
    );
    let n_rows = rows.len();
    let mut train = take(&rows, &parts.train, row_len);
    let mut validation = validation.unwrap_or_else(|| take(&rows, &parts.validation, row_len));
    let mut test = test.unwrap_or_else(|| take(&rows, &parts.test, row_len));
    drop(rows);
    for (split, name) in [
        (&train, "training"),
        (&validation, "validation"),
        (&test, "test"),
    ] {
        if split.is_empty() {
            return Err(LoadError::TooFewRows {
                name: request.name.clone(),
                rows: n_rows,
                split: name,
            });
        }
    }
    let mut scaling = None;
    if request.standardize {
        let scaler = Scaler::fit(&train.features, &input_shape);
        scaler.apply(&mut train.features, &input_shape);
        scaler.apply(&mut validation.features, &input_shape);
        scaler.apply(&mut test.features, &input_shape);
        scaling = Some(Scaling::from(scaler));
    }
    let split = |rows: TableRows| Split {
        features: Features::Numbers(rows.features),
        labels: rows.labels,
    };
    Ok(Dataset {
        name: request.name.clone(),
        simulated,
        input_shape,
        feature_names,
        class_names,
        scaling,
        train: split(train),
        validation: split(validation),
        test: split(test),
    })
}

/// Drops every row that equals an earlier one, as MASE does.
///
/// Two rows are equal if every feature and the label are. Test rows come first, then those for
/// validation, so that a row that is also in the test is not trained on.
fn drop_duplicates(
    rows: &mut TableRows,
    validation: &mut Option<TableRows>,
    test: &mut Option<TableRows>,
    row_len: usize,
) {
    let splits = [test.as_ref(), validation.as_ref(), Some(&*rows)];
    let mut seen = HashSet::new();
    let kept = splits.map(|split| {
        let Some(split) = split else {
            return Vec::new();
        };
        let rows = split.features.chunks_exact(row_len).zip(&split.labels);
        let is_first = rows.map(|(features, label)| {
            seen.insert(Row {
                features,
                label: *label,
            })
        });
        (0..split.len())
            .zip(is_first)
            .filter_map(|(row, is_first)| is_first.then_some(row))
            .collect()
    });
    let splits = [test.as_mut(), validation.as_mut(), Some(rows)];
    for (split, kept) in splits.into_iter().zip(kept) {
        if let Some(split) = split
            && kept.len() < split.len()
        {
            *split = take(split, &kept, row_len);
        }
    }
}

/// A row as a key. Every feature is finite; 0 equals -0, so both must hash alike.
#[derive(PartialEq)]
struct Row<'a> {
    features: &'a [f32],
    label: u32,
}

impl Eq for Row<'_> {}

impl Hash for Row<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for feature in self.features {
            (feature + 0.0).to_bits().hash(state);
        }
        self.label.hash(state);
    }
}

/// Copies the rows with these indexes.
fn take(split: &TableRows, rows: &[usize], row_len: usize) -> TableRows {
    let mut taken = TableRows {
        features: Vec::with_capacity(rows.len() * row_len),
        labels: Vec::with_capacity(rows.len()),
    };
    for row in rows {
        let first = row * row_len;
        taken
            .features
            .extend_from_slice(&split.features[first..first + row_len]);
        taken.labels.push(split.labels[*row]);
    }
    taken
}
