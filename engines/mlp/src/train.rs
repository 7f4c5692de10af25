//! Training one candidate.

use std::ops::Range;

use firebrick_core::engine::{
    Candidate, Epoch, Observer, Step, TrainJob, TrainOutcome, Trained, Verdict,
};
use firebrick_core::images::Augment;
use firebrick_core::random::{Purpose, epoch_order, stream};
use firebrick_core::recipe::{Keep, Recipe};
use firebrick_core::weights::Weights;

use crate::chain::Chain;
use crate::kernels::{BatchLoss, Path};
use crate::parameters::Parameters;
use crate::pass::Pass;
use crate::predict::{Predictor, ROWS};
use crate::source::Source;
use crate::stepper::Stepper;

/// A candidate in training.
struct Training<'a> {
    path: Path,
    candidate: &'a Candidate,
    job: &'a TrainJob<'a>,
    chain: Chain,
    parameters: Parameters,
    stepper: Stepper,
    pass: Pass,
    predictor: Predictor,
    train: Source<'a>,
    validation: Source<'a>,
    batches: Vec<Range<usize>>,
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
/// Epochs, for [`epoch_order`] and the learning rate, and steps, for dropout, count from 0; what
/// is reported counts from 1.
pub(crate) fn train(
    position: usize,
    job: &TrainJob<'_>,
    path: Path,
    observer: &dyn Observer,
) -> TrainOutcome {
    let candidate = &job.candidates[position];
    match Training::new(candidate, job, path).and_then(|training| training.run(position, observer))
    {
        Ok(outcome) => outcome,
        Err(reason) => TrainOutcome::Failed { reason },
    }
}

impl<'a> Training<'a> {
    fn new(candidate: &'a Candidate, job: &'a TrainJob<'a>, path: Path) -> Result<Self, String> {
        let graph = &candidate.graph;
        let chain = Chain::of(graph).map_err(|error| error.to_string())?;
        let batches = job.recipe.batches(job.train.len());
        let sizes = || batches.iter().map(ExactSizeIterator::len);
        let (smallest, largest) = (sizes().min().unwrap_or(0), sizes().max().unwrap_or(0));
        if let (0..2, Some(node)) = (smallest, chain.first_norm()) {
            return Err(format!(
                "node `{}` (batch_norm) can't normalise a batch of {smallest} row, which has one \
                 value a channel",
                graph.nodes()[node].name
            ));
        }
        let parameters = match &candidate.weights {
            Some(weights) => Parameters::new(path, &chain, graph, weights),
            None => Parameters::new(path, &chain, graph, &Weights::init(graph, candidate.seed)),
        };
        let shape = graph.input_shape();
        // Steps count over the whole recipe, of which this may be a part.
        let n_steps = (job.recipe.epochs().start * batches.len()) as u64;
        Ok(Self {
            path,
            candidate,
            job,
            stepper: Stepper::new(job.recipe, &parameters),
            pass: Pass::new(path, &chain, &parameters, largest),
            predictor: Predictor::new(path, &chain),
            train: Source::new(job.train.features, shape, job.recipe.augment, largest),
            validation: Source::new(job.validation.features, shape, Augment::NONE, ROWS),
            chain,
            parameters,
            batches,
            n_steps,
        })
    }

    fn run(mut self, position: usize, observer: &dyn Observer) -> Result<TrainOutcome, String> {
        let recipe = self.job.recipe;
        let mut epochs: Vec<Epoch> = Vec::new();
        let mut best: Option<Kept> = None;
        let mut since_best = 0;
        let mut stopped = false;
        for epoch in recipe.epochs() {
            let epoch = self.epoch(epoch)?;
            let loss = epoch.validation.loss;
            if best.as_ref().is_none_or(|best| loss < best.validation_loss) {
                self.note_best(&mut best, epoch.epoch, loss);
                since_best = 0;
            } else {
                since_best += 1;
            }
            stopped = observer.epoch(position, &epoch) == Verdict::Stop;
            epochs.push(epoch);
            let impatient = recipe
                .patience
                .is_some_and(|patience| since_best >= patience);
            if stopped || impatient {
                break;
            }
        }
        let (parameters, kept_epoch) = match (recipe.keep, best) {
            (Keep::Best, Some(best)) => (best.parameters, best.epoch),
            _ => (self.parameters, recipe.epochs().start + epochs.len()),
        };
        let trained = Trained {
            weights: parameters.to_weights(),
            epochs,
            kept_epoch,
        };
        Ok(match stopped {
            true => TrainOutcome::Stopped(trained),
            false => TrainOutcome::Trained(trained),
        })
    }

    fn note_best(&self, best: &mut Option<Kept>, epoch: usize, validation_loss: f64) {
        match best {
            Some(best) => {
                best.parameters.copy_from(&self.parameters);
                best.epoch = epoch;
                best.validation_loss = validation_loss;
            }
            None => {
                *best = Some(Kept {
                    parameters: self.parameters.clone(),
                    epoch,
                    validation_loss,
                });
            }
        }
    }

    /// Trains one epoch, counted from 0, and judges it.
    fn epoch(&mut self, epoch: usize) -> Result<Epoch, String> {
        let (recipe, rows) = (self.job.recipe, self.job.train);
        let n_steps = self.batches.len();
        let mut learning_rate = recipe.learning_rate;
        let order = epoch_order(self.candidate.seed, epoch, rows.len());
        let (mut loss, mut right, mut steps) = (0.0, 0, Vec::new());
        for idx in 0..n_steps {
            let n_rows = self.batches[idx].len() as f64;
            learning_rate = recipe.learning_rate_at(epoch, idx, n_steps);
            let step = self.step(&order, idx, epoch, learning_rate);
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
        let labels = self.job.validation.labels;
        let validation =
            self.predictor
                .judge(&self.chain, &self.parameters, &mut self.validation, labels);
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

    /// Makes step `idx` of an epoch whose rows come in an order.
    fn step(&mut self, order: &[u32], idx: usize, epoch: usize, learning_rate: f64) -> BatchLoss {
        let occasion = (self.candidate.seed, epoch);
        let labels = self.job.train.labels;
        let rows = &order[self.batches[idx].clone()];
        self.pass.load(&mut self.train, labels, rows, occasion);
        let mut dropout = stream(self.candidate.seed, Purpose::Dropout, self.n_steps);
        self.pass.draw_masks(&self.chain, &mut dropout);
        let smoothing = self.job.recipe.label_smoothing;
        let next = self.batches.get(idx + 1).cloned().unwrap_or_default();
        let ahead = self.train.ahead(&order[next]);
        let batch = self
            .pass
            .forward(&self.chain, &mut self.parameters, smoothing, ahead);
        if batch.loss.is_finite() {
            let gradient = self.pass.backward(&self.chain, &self.parameters);
            self.stepper
                .step(self.path, &mut self.parameters, gradient, learning_rate);
            self.parameters.quantize(self.path);
        }
        self.n_steps += 1;
        batch
    }
}

fn logs(recipe: &Recipe, step: u64) -> bool {
    recipe
        .log_every_n_steps
        .is_some_and(|every| step.is_multiple_of(every as u64))
}
