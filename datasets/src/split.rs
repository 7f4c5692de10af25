//! Stratified splits: every class has its share of every split.

use firebrick_core::random::{Purpose, stream};
use rand::seq::SliceRandom;

use crate::error::LoadError;

/// What part of the rows is kept from training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fractions {
    validation: f64,
    test: f64,
}

impl Fractions {
    /// Returns the fractions of the rows that are kept for validation and for the test.
    ///
    /// MASE keeps 20 % for the test, and takes all of the training rows for validation too, which
    /// makes every score that is selected by it too good; here validation is carved from them.
    ///
    /// # Errors
    /// [`LoadError::Fractions`] unless both are above 0 and their sum is below 1.
    pub fn new(validation: f64, test: f64) -> Result<Self, LoadError> {
        if validation > 0.0 && test > 0.0 && validation + test < 1.0 {
            return Ok(Self { validation, test });
        }
        Err(LoadError::Fractions { validation, test })
    }

    /// Returns the fraction of the rows that candidates are judged on.
    pub fn validation(self) -> f64 {
        self.validation
    }

    /// Returns the fraction of the rows that is used once, at the end.
    pub fn test(self) -> f64 {
        self.test
    }
}

/// The rows of each split, by index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    /// Rows to train on.
    pub(crate) train: Vec<usize>,
    /// Rows to judge candidates on.
    pub(crate) validation: Vec<usize>,
    /// Rows to use once.
    pub(crate) test: Vec<usize>,
}

/// Splits rows into training, validation and test.
///
/// Each class is apportioned by largest remainder, so that no split has a row more or less of it
/// than its exact share. Where that leaves a split without a class of at least as many rows as
/// there are splits, the largest split gives it one. The rows of each split are in random order,
/// which depends on the seed and the labels only.
///
/// `validation` and `test` are fractions of the rows; a test fraction of 0 makes no test split.
pub(crate) fn stratified(
    labels: &[u32],
    n_classes: usize,
    validation: f64,
    test: f64,
    seed: u64,
) -> Parts {
    let shares = [1.0 - validation - test, validation, test];
    let mut quotas: Vec<[usize; 3]> = class_counts(labels, n_classes)
        .into_iter()
        .map(|count| quotas(count, shares))
        .collect();
    let mut parts = Parts::default();
    for row in order(labels.len(), seed, 0) {
        let quota = &mut quotas[labels[row] as usize];
        let part = quota.iter().position(|left| *left > 0).unwrap_or(0);
        quota[part] = quota[part].saturating_sub(1);
        match part {
            0 => parts.train.push(row),
            1 => parts.validation.push(row),
            _ => parts.test.push(row),
        }
    }
    parts
}

/// Takes `n_rows` of the rows, of each class its share and at least one where that is possible.
///
/// The rows keep their order. All of them are taken if there are no more than `n_rows`.
pub(crate) fn sample(labels: &[u32], n_classes: usize, n_rows: usize, seed: u64) -> Vec<usize> {
    let counts = class_counts(labels, n_classes);
    if n_rows >= labels.len() {
        return (0..labels.len()).collect();
    }
    let share = n_rows as f64 / labels.len() as f64;
    let exact: Vec<f64> = counts.iter().map(|count| *count as f64 * share).collect();
    let mut quotas = largest_remainder(&exact, n_rows);
    if n_rows >= n_classes {
        let has_rows: Vec<bool> = counts.iter().map(|count| *count > 0).collect();
        give_one_each(&mut quotas, &has_rows);
    }
    let mut taken = Vec::with_capacity(n_rows);
    for row in order(labels.len(), seed, 1) {
        let quota = &mut quotas[labels[row] as usize];
        if *quota > 0 {
            *quota -= 1;
            taken.push(row);
        }
    }
    taken.sort_unstable();
    taken
}

fn class_counts(labels: &[u32], n_classes: usize) -> Vec<usize> {
    let mut counts = vec![0; n_classes];
    for label in labels {
        counts[*label as usize] += 1;
    }
    counts
}

/// Returns a random order of the rows.
fn order(n_rows: usize, seed: u64, counter: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n_rows).collect();
    order.shuffle(&mut stream(seed, Purpose::Dataset, counter));
    order
}

/// Returns how many rows of a class each split has.
fn quotas(count: usize, shares: [f64; 3]) -> [usize; 3] {
    let mut quotas = [0; 3];
    let exact = shares.map(|share| count as f64 * share);
    quotas.copy_from_slice(&largest_remainder(&exact, count));
    let wanted = shares.map(|share| share > 0.0);
    if count >= wanted.iter().filter(|wanted| **wanted).count() {
        give_one_each(&mut quotas, &wanted);
    }
    quotas
}

/// Rounds parts so that they have this sum: down, then up those that lost most, the first of equals.
fn largest_remainder(exact: &[f64], total: usize) -> Vec<usize> {
    let mut rounded: Vec<usize> = exact.iter().map(|part| *part as usize).collect();
    let mut by_loss: Vec<usize> = (0..exact.len()).collect();
    by_loss.sort_by(|a, b| exact[*b].fract().total_cmp(&exact[*a].fract()));
    let missing = total.saturating_sub(rounded.iter().sum());
    for part in by_loss.into_iter().take(missing) {
        rounded[part] += 1;
    }
    rounded
}

/// Moves one from the largest part to each part that is wanted and has none.
fn give_one_each(parts: &mut [usize], wanted: &[bool]) {
    for part in 0..parts.len() {
        let largest = (0..parts.len()).max_by_key(|other| parts[*other]);
        if let Some(largest) = largest
            && wanted[part]
            && parts[part] == 0
            && parts[largest] > 1
        {
            parts[largest] -= 1;
            parts[part] += 1;
        }
    }
}

#[cfg(test)]
mod tests;
