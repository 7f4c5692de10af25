mod layers;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use firebrick_sdk::core::engine::Step;
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
        for candidate in job.candidates {
            chain(&candidate.graph)?;
            check_rows(&candidate.graph, job.train)?;
            check_rows(&candidate.graph, job.validation)?;
            if let Some(weights) = &candidate.weights {
                check_weights(weights, &candidate.graph)?;
            }
        }
        let next = AtomicUsize::new(0);
        let outcomes: Vec<Mutex<Option<TrainOutcome>>> =
            job.candidates.iter().map(|_| Mutex::new(None)).collect();
        let work = || {
            loop {
                let position = next.fetch_add(1, Ordering::Relaxed);
                let Some(outcome) = outcomes.get(position) else {
                    return;
                };
                let trained = Training::start(job, position)
                    .and_then(|mut training| training.run(observer).map_err(EngineError::Other))
                    .unwrap_or_else(|error| TrainOutcome::Failed {
                        reason: error.to_string(),
                    });
                *outcome.lock().expect("no thread panics with it") = Some(trained);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..job.placement.threads.min(job.candidates.len()) {
                scope.spawn(work);
            }
        });
        Ok(outcomes
            .into_iter()
            .filter_map(|outcome| outcome.into_inner().expect("no thread panics with it"))
            .collect())
    }

    fn predict(
        &self,
        graph: &Graph,
        weights: &Weights,
        features: &[f32],
        placement: &Placement,
    ) -> Result<Vec<f32>, EngineError> {
        check_device(placement)?;
        let layers = chain(graph)?;
        check_features(graph, features)?;
        check_weights(weights, graph)?;
        Ok(layers::predict(&layers, weights, features))
    }
}

/// One network in training.
struct Training<'a> {
    job: &'a TrainJob<'a>,
    position: usize,
    layers: Vec<Layer>,
    weights: Weights,
    stepper: Stepper,
    n_steps: u64,
}

impl<'a> Training<'a> {
    fn start(job: &'a TrainJob<'a>, position: usize) -> Result<Self, EngineError> {
        let candidate = &job.candidates[position];
        let weights = candidate.weights.clone();
        Ok(Self {
            job,
            position,
            layers: chain(&candidate.graph)?,
            weights: weights.unwrap_or_else(|| Weights::init(&candidate.graph, candidate.seed)),
            stepper: Stepper::default(),
            n_steps: 0,
        })
    }

    /// Trains to the end of the recipe; the error is what went wrong with the network.
    fn run(&mut self, observer: &dyn Observer) -> Result<TrainOutcome, String> {
        let recipe = self.job.recipe;
        let mut epochs: Vec<Epoch> = Vec::new();
        let mut best: Option<(usize, f64, Weights)> = None;
        let mut verdict = Verdict::Continue;
        while epochs.len() < recipe.max_epochs && verdict == Verdict::Continue {
            let epoch = self.epoch(epochs.len())?;
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
            _ => (epochs.len(), std::mem::take(&mut self.weights)),
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
        let seed = self.job.candidates[self.position].seed;
        let order = epoch_order(seed, idx, rows.len());
        let (mut total, mut steps) = (Loss::default(), Vec::new());
        for (step, batch) in batches.into_iter().enumerate() {
            learning_rate = recipe.learning_rate_at(idx, step, n_steps);
            let loss = self.step(&order[batch], learning_rate)?;
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
        let logits = layers::predict(&self.layers, &self.weights, validation.features);
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

    /// Takes one step on some rows; returns the loss before it.
    fn step(&mut self, batch: &[u32], learning_rate: f64) -> Result<Loss, String> {
        let rows = self.job.train;
        let width = rows.features.len() / rows.len();
        let row = |idx: &u32| &rows.features[*idx as usize * width..][..width];
        let features: Vec<f32> = batch.iter().flat_map(row).copied().collect();
        let labels: Vec<u32> = batch.iter().map(|idx| rows.labels[*idx as usize]).collect();
        let tape = layers::forward(&self.layers, &mut self.weights, features, batch.len())?;
        let recipe = self.job.recipe;
        let smoothing = recipe.label_smoothing;
        let (loss, gradients) =
            layers::backward(&self.layers, &self.weights, &tape, &labels, smoothing);
        self.n_steps += 1;
        let n_steps = self.n_steps;
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

fn check_weights(weights: &Weights, graph: &Graph) -> Result<(), EngineError> {
    let fits = weights.check(graph);
    fits.map_err(|error| EngineError::Weights(error.to_string()))
}

fn check_features(graph: &Graph, features: &[f32]) -> Result<(), EngineError> {
    let width: usize = graph.input_shape().iter().product();
    let n_features = features.len();
    if !n_features.is_multiple_of(width) {
        let text = format!("{n_features} features are no whole rows of {width}");
        return Err(EngineError::Rows(text));
    }
    match features.iter().position(|feature| !feature.is_finite()) {
        Some(idx) => Err(EngineError::Rows(format!(
            "feature {idx} is {}",
            features[idx]
        ))),
        None => Ok(()),
    }
}

fn check_rows(graph: &Graph, rows: Rows<'_>) -> Result<(), EngineError> {
    check_features(graph, rows.features)?;
    let width: usize = graph.input_shape().iter().product();
    let n_classes: usize = graph.output_shape().iter().product();
    let (n_rows, n_labels) = (rows.features.len() / width, rows.len());
    if n_labels == 0 || n_rows != n_labels {
        let text = format!("{n_rows} rows of features have {n_labels} labels");
        return Err(EngineError::Rows(text));
    }
    match rows
        .labels
        .iter()
        .find(|label| **label as usize >= n_classes)
    {
        Some(label) => {
            let text = format!("label {label} is not one of {n_classes} classes");
            Err(EngineError::Rows(text))
        }
        None => Ok(()),
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
