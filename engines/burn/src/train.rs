//! Training one candidate.

use burn::tensor::{Device, Tensor, TensorData};
use firebrick_core::dataset::RowReader;
use firebrick_core::engine::{
    Candidate, Epoch, Evaluation, Observer, Step, TrainJob, TrainOutcome, Trained, Verdict,
};
use firebrick_core::random::{Purpose, epoch_order, stream};
use firebrick_core::recipe::{Keep, Recipe};
use firebrick_core::weights::Weights;

use crate::loss::cross_entropy;
use crate::network::Network;
use crate::optimizer::Optimizer;
use crate::parameters::{Parameters, numbers};
use crate::rows::{gather, predict, upload};

/// A candidate in training.
struct Training<'a> {
    candidate: &'a Candidate,
    job: &'a TrainJob<'a>,
    device: &'a Device,
    reader: RowReader<'a>,
    network: Network<'a>,
    parameters: Parameters,
    optimizer: Optimizer,
    n_steps: u64,
}

/// The weights that the recipe would keep if training ended now.
struct Kept {
    parameters: Parameters,
    epoch: usize,
    validation_loss: f64,
}

/// Trains a candidate, whose position in the job the observer is told.
///
/// Epochs, for [`epoch_order`] and the learning rate, and steps, for dropout, count from 0, in the
/// whole recipe where only a part of it is trained; what is reported counts from 1.
pub(crate) fn train(
    position: usize,
    job: &TrainJob<'_>,
    device: &Device,
    observer: &dyn Observer,
) -> TrainOutcome {
    let candidate = &job.candidates[position];
    match Training::new(candidate, job, device)
        .and_then(|training| training.run(position, observer))
    {
        Ok(outcome) => outcome,
        Err(reason) => TrainOutcome::Failed { reason },
    }
}

impl<'a> Training<'a> {
    fn new(
        candidate: &'a Candidate,
        job: &'a TrainJob<'a>,
        device: &'a Device,
    ) -> Result<Self, String> {
        let graph = &candidate.graph;
        let parameters = match &candidate.weights {
            Some(weights) => Parameters::new(graph, weights, device),
            None => Parameters::new(graph, &Weights::init(graph, candidate.seed), device),
        };
        let network = Network::new(graph, &parameters);
        let optimizer = Optimizer::new(job.recipe, &parameters);
        let batches = job.recipe.batches(job.train.len());
        let smallest = batches
            .iter()
            .map(ExactSizeIterator::len)
            .min()
            .unwrap_or(0);
        if let Some(node) = network.normalises_one_value(smallest) {
            return Err(one_value(&node.name, smallest));
        }
        Ok(Self {
            candidate,
            job,
            device,
            reader: RowReader::new(job.train.features, graph.input_shape()),
            network,
            parameters,
            optimizer,
            n_steps: (job.recipe.epochs().start * batches.len()) as u64,
        })
    }

    fn run(mut self, position: usize, observer: &dyn Observer) -> Result<TrainOutcome, String> {
        let recipe = self.job.recipe;
        let mut epochs: Vec<Epoch> = Vec::new();
        let mut best: Option<Kept> = None;
        let mut since_best = 0;
        let mut stopped = false;
        let mut last_epoch = recipe.epochs().start;
        for nth in recipe.epochs() {
            let epoch = self.epoch(nth)?;
            last_epoch = epoch.epoch;
            let loss = epoch.validation.loss;
            if best.as_ref().is_none_or(|best| loss < best.validation_loss) {
                best = Some(Kept {
                    parameters: self.parameters.clone(),
                    epoch: epoch.epoch,
                    validation_loss: loss,
                });
                since_best = 0;
            } else {
                since_best += 1;
            }
            stopped = observer.epoch(position, &epoch) == Verdict::Stop;
            epochs.push(epoch);
            if stopped
                || recipe
                    .patience
                    .is_some_and(|patience| since_best >= patience)
            {
                break;
            }
        }
        let (parameters, kept_epoch) = match (recipe.keep, best) {
            (Keep::Best, Some(best)) => (best.parameters, best.epoch),
            _ => (self.parameters, last_epoch),
        };
        let trained = Trained {
            weights: parameters.to_weights(&self.candidate.graph),
            epochs,
            kept_epoch,
        };
        Ok(match stopped {
            true => TrainOutcome::Stopped(trained),
            false => TrainOutcome::Trained(trained),
        })
    }

    /// Trains one epoch, counted from 0, and judges it.
    fn epoch(&mut self, epoch: usize) -> Result<Epoch, String> {
        let (recipe, rows) = (self.job.recipe, self.job.train);
        let batches = recipe.batches(rows.len());
        let n_steps = batches.len();
        let mut learning_rate = recipe.learning_rate;
        let order = epoch_order(self.candidate.seed, epoch, rows.len());
        let (mut loss, mut right, mut steps) = (0.0, 0, Vec::new());
        for (idx, batch) in batches.into_iter().enumerate() {
            learning_rate = recipe.learning_rate_at(epoch, idx, n_steps);
            let step = self.step(&order[batch.clone()], epoch, learning_rate);
            let n_rows = batch.len() as f64;
            if !step.loss.is_finite() {
                let number = self.n_steps;
                return Err(format!(
                    "the loss is {} in step {number}, in epoch {}",
                    step.loss,
                    epoch + 1
                ));
            }
            loss += step.loss;
            right += step.right;
            if logs(recipe, self.n_steps) {
                steps.push(Step {
                    step: self.n_steps,
                    loss: step.loss / n_rows,
                    accuracy: step.right as f64 / n_rows,
                });
            }
        }
        let validation = self.judge();
        if !validation.loss.is_finite() {
            return Err(format!(
                "the validation loss is {} after epoch {}",
                validation.loss,
                epoch + 1
            ));
        }
        let n_rows = rows.len() as f64;
        Ok(Epoch {
            epoch: epoch + 1,
            learning_rate,
            train_loss: loss / n_rows,
            train_accuracy: right as f64 / n_rows,
            validation,
            steps,
        })
    }

    /// Makes one step on the rows of an order, in an epoch.
    fn step(&mut self, order: &[u32], epoch: usize, learning_rate: f64) -> StepLoss {
        let graph = &self.candidate.graph;
        let (seed, augment) = (self.candidate.seed, &self.job.recipe.augment);
        let features = gather(&self.reader, augment, seed, epoch, order);
        let labels = order.iter().map(|row| self.job.train.labels[*row as usize]);
        let labels: Vec<u32> = labels.collect();
        let dropout = stream(self.candidate.seed, Purpose::Dropout, self.n_steps);
        let x = upload(graph, features, self.device);
        let (logits, tape) = self
            .network
            .forward(&mut self.parameters, x, &mut [dropout]);
        let shape = logits.dims();
        let smoothing = self.job.recipe.label_smoothing;
        let batch = cross_entropy(&numbers(logits), &labels, smoothing);
        if batch.loss.is_finite() && self.parameters.n_trained() > 0 {
            let gradient = TensorData::new(batch.gradient, shape);
            let gradient = Tensor::from_data(gradient, self.device);
            let gradients = self.network.backward(&self.parameters, tape, gradient);
            let trained = self.parameters.trained.clone();
            let flat = gradients.flat();
            self.parameters.trained = self.optimizer.step(trained, flat, learning_rate);
        }
        self.n_steps += 1;
        StepLoss {
            loss: batch.loss,
            right: batch.right,
        }
    }

    /// Judges the validation rows.
    fn judge(&self) -> Evaluation {
        let rows = self.job.validation;
        let graph = &self.candidate.graph;
        let logits = predict(
            graph,
            &self.network,
            &self.parameters,
            rows.features,
            self.device,
        );
        Evaluation::of(&logits, rows.labels)
    }
}

/// What a step came to, under the weights before it: the sum of the losses, the rows right.
struct StepLoss {
    loss: f64,
    right: usize,
}

/// Says that a batch normalisation can't be trained in batches of so many rows.
pub(crate) fn one_value(node: &str, rows: usize) -> String {
    format!(
        "node `{node}` (batch_norm) can't normalise a batch of {rows} row, which has one value a \
         channel"
    )
}

/// Returns whether the loss of a step, counted from 1, is kept.
pub(crate) fn logs(recipe: &Recipe, step: u64) -> bool {
    recipe
        .log_every_n_steps
        .is_some_and(|every| step.is_multiple_of(every as u64))
}
