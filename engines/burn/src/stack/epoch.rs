//! An epoch of all candidates of a stack, of which the host hears at its end.

use std::ops::Range;

use burn::tensor::{Int, Tensor};
use firebrick_core::engine::{Epoch, Evaluation, Step, TrainJob};
use firebrick_core::random::{Purpose, Stream, stream};
use firebrick_core::recipe::Recipe;

use super::data::{DeviceRows, upload_orders};
use super::judge::{Ends, Judged, evaluation, fetch, sum_of};
use super::loss::{RowLosses, cross_entropy, n_sums, sums};
use crate::network::Network;
use crate::ops::Values;
use crate::optimizer::Optimizer;
use crate::parameters::Parameters;
use crate::train::logs;

/// Sums of steps that are put side by side before more are made.
const STEPS_AT_ONCE: usize = 64;

/// Both splits on the device.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) train: DeviceRows,
    pub(crate) validation: DeviceRows,
    /// Validation rows of each class.
    pub(crate) validation_by_class: Vec<u64>,
}

/// What learns.
#[derive(Debug)]
pub(crate) struct Learner {
    pub(crate) parameters: Parameters,
    pub(crate) optimizer: Optimizer,
    /// Steps made, over all epochs.
    pub(crate) n_steps: u64,
}

/// What an epoch came to, on the host.
#[derive(Debug)]
pub(crate) struct Sums {
    epoch: usize,
    /// Steps made before it.
    n_steps: u64,
    learning_rate: f64,
    n_candidates: usize,
    /// The losses of each candidate, then how many of its rows are right: `[sums, 2 * candidates]`,
    /// step after step.
    steps: Vec<f32>,
    losses: Vec<f32>,
    right: Vec<f32>,
}

impl Learner {
    /// Makes the steps of an epoch, counted from 0; returns the sums of their rows and the learning
    /// rate of the last.
    pub(crate) fn steps(
        &mut self,
        network: &Network<'_>,
        job: &TrainJob<'_>,
        rows: &DeviceRows,
        ends: &Ends,
        (epoch, seeds, orders): (usize, &[u64], &[Vec<u32>]),
    ) -> (Tensor<2>, f64) {
        let recipe = job.recipe;
        let batches = recipe.batches(rows.len());
        let n_steps = batches.len();
        let uploaded = upload_orders(orders, &self.parameters.trained.device());
        let mut learning_rate = recipe.learning_rate;
        let (mut done, mut latest) = (Vec::new(), Vec::new());
        for (idx, batch) in batches.into_iter().enumerate() {
            learning_rate = recipe.learning_rate_at(epoch, idx, n_steps);
            let changes = rows.changes(&recipe.augment, epoch, seeds, orders, batch.clone());
            let [start, size] = [batch.start, batch.len()].map(|rows| rows * ends.n_candidates);
            let read = uploaded.clone().narrow(0, start, size);
            let x = rows.batch(read.clone(), changes, ends.n_candidates, ends.channels);
            let labels = rows.labels_of(read);
            let smoothing = recipe.label_smoothing;
            let judge = |logits, labels| cross_entropy(logits, labels, &ends.classes, smoothing);
            latest.push(self.step(network, x, labels, judge, (seeds, learning_rate)));
            if latest.len() == STEPS_AT_ONCE {
                done.push(Tensor::cat(std::mem::take(&mut latest), 0));
            }
        }
        done.extend(latest);
        (Tensor::cat(done, 0), learning_rate)
    }

    /// Makes a step; returns the sums of its rows.
    fn step(
        &mut self,
        network: &Network<'_>,
        x: Values,
        labels: Tensor<1, Int>,
        judge: impl Fn(Values, Tensor<2, Int>) -> (RowLosses, Values),
        (seeds, learning_rate): (&[u64], f64),
    ) -> Tensor<2> {
        let dropout = |seed: &u64| stream(*seed, Purpose::Dropout, self.n_steps);
        let mut dropout: Vec<Stream> = seeds.iter().map(dropout).collect();
        let labels = labels.reshape([x.dims()[0], seeds.len()]);
        let (logits, tape) = network.forward(&mut self.parameters, x, &mut dropout);
        let (rows, gradient) = judge(logits, labels);
        if self.parameters.n_trained() > 0 {
            let gradients = network.backward(&self.parameters, tape, gradient);
            let trained = self.parameters.trained.clone();
            let flat = gradients.flat();
            self.parameters.trained = self.optimizer.step(trained, flat, learning_rate);
        }
        self.n_steps += 1;
        sums(Tensor::cat(vec![rows.losses, rows.right], 1))
    }
}

impl Sums {
    /// Waits for the device, and copies what an epoch came to, once for all candidates.
    pub(crate) fn fetch(
        epoch: usize,
        n_steps: u64,
        (steps, learning_rate): (Tensor<2>, f64),
        judged: Judged,
    ) -> Self {
        let n_candidates = judged.losses.dims()[1];
        let [steps, losses, right] = fetch([steps, judged.losses, judged.right]);
        Self {
            epoch,
            n_steps,
            learning_rate,
            n_candidates,
            steps,
            losses,
            right,
        }
    }

    /// Returns the epoch of a candidate.
    ///
    /// # Errors
    /// Where a loss is no number.
    pub(crate) fn epoch_of(
        &self,
        candidate: usize,
        recipe: &Recipe,
        n_rows: usize,
        validation_by_class: &[u64],
    ) -> Result<Epoch, String> {
        let (mut loss, mut right, mut steps) = (0.0, 0.0, Vec::new());
        let mut start = 0;
        for (number, batch) in (self.n_steps + 1..).zip(recipe.batches(n_rows)) {
            let end = start + n_sums(batch.len());
            let (of_step, step_right) = self.step(candidate, start..end);
            start = end;
            if !of_step.is_finite() {
                return Err(format!(
                    "the loss is {of_step} in step {number}, in epoch {}",
                    self.epoch + 1
                ));
            }
            loss += of_step;
            right += step_right;
            if logs(recipe, number) {
                steps.push(Step {
                    step: number,
                    loss: of_step / batch.len() as f64,
                    accuracy: step_right / batch.len() as f64,
                });
            }
        }
        let validation = self.validation(candidate, validation_by_class);
        if !validation.loss.is_finite() {
            return Err(format!(
                "the validation loss is {} after epoch {}",
                validation.loss,
                self.epoch + 1
            ));
        }
        Ok(Epoch {
            epoch: self.epoch + 1,
            learning_rate: self.learning_rate,
            train_loss: loss / n_rows as f64,
            train_accuracy: right / n_rows as f64,
            validation,
            steps,
        })
    }

    /// Returns the loss of a step and how many of its rows are right, given its sums.
    fn step(&self, candidate: usize, sums: Range<usize>) -> (f64, f64) {
        let width = 2 * self.n_candidates;
        let of_step = &self.steps[sums.start * width..sums.end * width];
        let [loss, right] = [candidate, self.n_candidates + candidate];
        (sum_of(of_step, width, loss), sum_of(of_step, width, right))
    }

    fn validation(&self, candidate: usize, rows_by_class: &[u64]) -> Evaluation {
        let (losses, right) = (&self.losses, &self.right);
        evaluation(losses, right, rows_by_class, self.n_candidates, candidate)
    }
}
