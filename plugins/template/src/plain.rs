mod layers;

use firebrick_sdk::core::engine::{Step, check_input, check_job, check_weights, train_population};
use firebrick_sdk::core::images::Occasion;
use firebrick_sdk::core::random::epoch_order;
use firebrick_sdk::core::recipe::Keep;
use firebrick_sdk::prelude::*;

use layers::{Layer, Loss, Stepper, chain};

arguments! {
    /// Trains chains of linear layers, batch normalisation and relu in plain loops on the CPU.
    ///
    /// One network a thread; what others do changes nothing about it.
    pub struct Settings {}
}

struct Plain;

impl Engine for Plain {
    fn devices(&self) -> Vec<Device> {
        vec![Device {
            kind: "cpu".to_owned(),
            name: "plain loops".to_owned(),
        }]
    }

    fn supports(&self, graph: &Graph) -> Result<(), EngineError> {
        chain(graph).map(drop)
    }

    fn train(
        &self,
        job: &TrainJob<'_>,
        observer: &dyn Observer,
    ) -> Result<Vec<TrainOutcome>, EngineError> {
        check_device(job.placement)?;
        check_job(self, job)?;
        Ok(train_population(job, |position| {
            let trained = Training::start(job, position)
                .and_then(|mut training| training.run(observer).map_err(EngineError::Other));
            trained.unwrap_or_else(|error| TrainOutcome::Failed {
                reason: error.to_string(),
            })
        }))
    }

    fn predict(
        &self,
        graph: &Graph,
        weights: &Weights,
        features: FeatureRows<'_>,
        placement: &Placement,
    ) -> Result<Vec<f32>, EngineError> {
        check_device(placement)?;
        let layers = chain(graph)?;
        check_input(graph, features)?;
        check_weights(graph, weights)?;
        let numbers = features.to_numbers(graph.input_shape());
        Ok(layers::predict(&layers, weights, &numbers))
    }
}

/// One network in training.
struct Training<'a> {
    job: &'a TrainJob<'a>,
    position: usize,
    seed: u64,
    /// The shape of one row.
    shape: &'a [usize],
    layers: Vec<Layer>,
    weights: Weights,
    stepper: Stepper,
    /// The steps of the recipe before those that are asked for.
    n_before: u64,
    n_steps: u64,
}

impl<'a> Training<'a> {
    fn start(job: &'a TrainJob<'a>, position: usize) -> Result<Self, EngineError> {
        let candidate = &job.candidates[position];
        let weights = candidate.weights.clone();
        let n_batches = job.recipe.batches(job.train.len()).len();
        let n_before = (job.recipe.epochs().start * n_batches) as u64;
        Ok(Self {
            job,
            position,
            seed: candidate.seed,
            shape: candidate.graph.input_shape(),
            layers: chain(&candidate.graph)?,
            weights: weights.unwrap_or_else(|| Weights::init(&candidate.graph, candidate.seed)),
            stepper: Stepper::default(),
            n_before,
            n_steps: n_before,
        })
    }

    /// Trains to the end of the recipe; the error is what went wrong with the network.
    fn run(&mut self, observer: &dyn Observer) -> Result<TrainOutcome, String> {
        let recipe = self.job.recipe;
        let mut epochs: Vec<Epoch> = Vec::new();
        let mut best: Option<(usize, f64, Weights)> = None;
        let mut verdict = Verdict::Continue;
        // A recipe may ask for some of its epochs only.
        for idx in recipe.epochs() {
            if verdict == Verdict::Stop {
                break;
            }
            let epoch = self.epoch(idx)?;
            verdict = observer.epoch(self.position, &epoch);
            let (number, loss) = (epoch.epoch, epoch.validation.loss);
            epochs.push(epoch);
            if best.as_ref().is_none_or(|(_, least, _)| loss < *least) {
                best = Some((number, loss, self.weights.clone()));
            }
            let since_best = number - best.as_ref().map_or(0, |(best, _, _)| *best);
            if recipe
                .patience
                .is_some_and(|patience| since_best >= patience)
            {
                break;
            }
        }
        let (kept_epoch, weights) = match (recipe.keep, best) {
            (Keep::Best, Some((number, _, weights))) => (number, weights),
            _ => (
                epochs.last().map_or(0, |epoch| epoch.epoch),
                std::mem::take(&mut self.weights),
            ),
        };
        let trained = Trained {
            weights,
            epochs,
            kept_epoch,
        };
        Ok(match verdict {
            Verdict::Continue => TrainOutcome::Trained(trained),
            Verdict::Stop => TrainOutcome::Stopped(trained),
        })
    }

    /// Trains one epoch, counted from 0, and judges it.
    fn epoch(&mut self, idx: usize) -> Result<Epoch, String> {
        let (recipe, rows) = (self.job.recipe, self.job.train);
        let batches = recipe.batches(rows.len());
        let n_steps = batches.len();
        let mut learning_rate = recipe.learning_rate;
        let seed = self.seed;
        let order = epoch_order(seed, idx, rows.len());
        let (mut total, mut steps) = (Loss::default(), Vec::new());
        for (step, batch) in batches.into_iter().enumerate() {
            learning_rate = recipe.learning_rate_at(idx, step, n_steps);
            let loss = self.step(idx, &order[batch], learning_rate)?;
            if !loss.mean().is_finite() {
                let step = self.n_steps;
                return Err(format!("the loss of step {step} is {}", loss.mean()));
            }
            let every = recipe
                .log_every_n_steps
                .map_or(u64::MAX, |every| every as u64);
            if self.n_steps.is_multiple_of(every) {
                steps.push(Step {
                    step: self.n_steps,
                    loss: loss.mean(),
                    accuracy: loss.accuracy(),
                });
            }
            total.add(loss);
        }
        let validation = self.job.validation;
        let features = validation.features.to_numbers(self.shape);
        let logits = layers::predict(&self.layers, &self.weights, &features);
        let validation = Evaluation::of(&logits, validation.labels);
        if !validation.loss.is_finite() {
            let loss = validation.loss;
            return Err(format!(
                "the validation loss of epoch {} is {loss}",
                idx + 1
            ));
        }
        Ok(Epoch {
            epoch: idx + 1,
            learning_rate,
            train_loss: total.mean(),
            train_accuracy: total.accuracy(),
            validation,
            steps,
        })
    }

    /// Takes one step of an epoch on some rows; returns the loss before it.
    fn step(&mut self, epoch: usize, batch: &[u32], learning_rate: f64) -> Result<Loss, String> {
        let rows = self.job.train;
        let (seed, reader) = (self.seed, RowReader::new(rows.features, self.shape));
        let mut features = vec![0.0; batch.len() * reader.width()];
        for (row, into) in batch.iter().zip(features.chunks_exact_mut(reader.width())) {
            let occasion = Occasion {
                seed,
                epoch,
                row: *row,
            };
            reader.read_to_train(&self.job.recipe.augment, occasion, into);
        }
        let labels: Vec<u32> = batch.iter().map(|row| rows.labels[*row as usize]).collect();
        let tape = layers::forward(&self.layers, &mut self.weights, features, batch.len())?;
        let recipe = self.job.recipe;
        let smoothing = recipe.label_smoothing;
        let (loss, gradients) =
            layers::backward(&self.layers, &self.weights, &tape, &labels, smoothing);
        self.n_steps += 1;
        let n_steps = self.n_steps - self.n_before;
        self.stepper.step(
            &mut self.weights,
            &gradients,
            recipe,
            learning_rate,
            n_steps,
        );
        Ok(loss)
    }
}

fn check_device(placement: &Placement) -> Result<(), EngineError> {
    match placement.device.as_str() {
        "cpu" => Ok(()),
        other => Err(EngineError::Device {
            device: other.to_owned(),
            available: vec!["cpu".to_owned()],
        }),
    }
}

register_engine!("plain"; Settings => Plain);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_contract() {
        firebrick_sdk::testing::check_engine(&Plain);
    }
}
