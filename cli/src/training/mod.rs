//! Candidates through an engine, in float32 first where they have number formats.

mod floats;
mod part;

use std::collections::BTreeMap;

use firebrick_core::calibration::{Calibration, has_open, in_float};
use firebrick_core::dataset::{Dataset, Split};
use firebrick_core::engine::{
    Candidate, EngineError, Epoch, Evaluation, Observer, Placement, TrainJob, TrainOutcome,
    Trained, Verdict,
};
use firebrick_core::graph::Graph;
use firebrick_core::random::trial_seed;
use firebrick_core::recipe::{Keep, Recipe};

use self::floats::Floats;
use self::part::Part;
use crate::engines::{Engines, Usable};
use crate::rows::picked;
use crate::study::{Quantization, QuantizationMode, Study};

/// Trains and judges candidates as a study says, each in one or two parts.
///
/// Under `qat` a candidate with formats that starts from noise trains its first epochs in float32;
/// then formats that are open are chosen ([`Calibration`]) and the rest is trained with them. Under `ptq` all epochs are in float32, and
/// formats count from then on. The seed, the order of rows and the learning rate go through.
pub(crate) struct Trainer<'a> {
    pub(crate) engines: &'a Engines,
    pub(crate) dataset: &'a Dataset,
    pub(crate) recipe: &'a Recipe,
    quantization: &'a Quantization,
    /// The rows that formats are chosen from.
    calibration: Split,
    /// Under `ptq`, what was trained for other candidates that differ in formats alone.
    floats: Floats,
}

/// What became of a candidate.
pub(crate) struct Fitted {
    /// The candidate; its formats are chosen where it came that far.
    pub(crate) candidate: Candidate,
    /// How its training ended; the epochs are those of all parts.
    pub(crate) outcome: TrainOutcome,
    /// What it was judged at after training, where the kept epoch does not say it.
    pub(crate) judged: Option<Evaluation>,
}

/// How many epochs of a candidate are in float32 before its formats count.
#[derive(Clone, Copy, PartialEq)]
enum Plan {
    /// None: all formats are known, or there are none.
    Direct,
    /// So many, of which none may be enough to choose formats from first weights.
    Float(usize),
    /// All; nothing is trained after that.
    Ptq,
}

impl<'a> Trainer<'a> {
    pub(crate) fn new(
        study: &'a Study,
        engines: &'a Engines,
        dataset: &'a Dataset,
        recipe: &'a Recipe,
    ) -> Self {
        let quantization = &study.quantization;
        let width = dataset.input_shape.iter().product();
        Self {
            engines,
            dataset,
            recipe,
            quantization,
            calibration: picked(&dataset.train, width, study.seed, quantization.samples),
            floats: Floats::default(),
        }
    }

    /// Returns the seed of a trial's candidate.
    ///
    /// Under `ptq` it is the same for all, so that candidates that differ in formats alone are stored
    /// from one network: it is trained once, and what tells them apart is their formats.
    pub(crate) fn seed(&self, study_seed: u64, trial: u64) -> u64 {
        match self.quantization.mode {
            QuantizationMode::Qat => trial_seed(study_seed, trial),
            QuantizationMode::Ptq => trial_seed(study_seed, 0),
        }
    }

    /// Returns after how many epochs the formats of a candidate begin to count; `None` where it has
    /// none, or they count only after training.
    pub(crate) fn float_epochs(&self, candidate: &Candidate) -> Option<usize> {
        match self.plan(candidate) {
            Plan::Float(n_epochs) => Some(n_epochs),
            Plan::Direct | Plan::Ptq => None,
        }
    }

    /// Trains candidates of one engine, as one population where the engine may do so.
    ///
    /// # Errors
    /// [`EngineError`] if an engine can't train at all; what one candidate does wrong is data.
    pub(crate) fn train(
        &self,
        engine: usize,
        candidates: Vec<Candidate>,
        observer: &dyn Observer,
    ) -> Result<Vec<Fitted>, EngineError> {
        let plans: Vec<Plan> = candidates.iter().map(|one| self.plan(one)).collect();
        let mut fitted: Vec<Option<Fitted>> = candidates.iter().map(|_| None).collect();
        let mut direct = Vec::new();
        let mut first_parts: BTreeMap<usize, Vec<Part>> = BTreeMap::new();
        for (position, candidate) in candidates.into_iter().enumerate() {
            let part = Part::new(position, candidate);
            match plans[position] {
                Plan::Direct => direct.push(part),
                Plan::Float(0) => match self.choose(engine, part, true)? {
                    Ok(part) => direct.push(part),
                    Err(failed) => fitted[position] = Some(failed),
                },
                Plan::Float(_) | Plan::Ptq => {
                    let float = in_float(&part.candidate.graph);
                    let by = self.engines.first_for(&float).unwrap_or(engine);
                    first_parts.entry(by).or_default().push(part);
                }
            }
        }
        let mut second: BTreeMap<usize, Vec<Part>> = BTreeMap::new();
        for (by, parts) in first_parts {
            for part in self.train_in_float(by, parts, &plans, observer, &mut fitted)? {
                let position = part.position;
                let plan = plans[position];
                match (self.choose(by, part, plan != Plan::Ptq)?, plan) {
                    (Err(failed), _) => fitted[position] = Some(failed),
                    (Ok(part), Plan::Float(n_epochs)) => {
                        second.entry(n_epochs).or_default().push(part);
                    }
                    (Ok(part), _) => fitted[position] = Some(self.judge(engine, part)?),
                }
            }
        }
        let all = second.into_iter().chain([(0, direct)]);
        for (n_done, parts) in all.filter(|(_, parts)| !parts.is_empty()) {
            let recipe = match n_done {
                0 => self.recipe.clone(),
                _ => Recipe {
                    part: Some((n_done, self.recipe.max_epochs)),
                    ..self.recipe.clone()
                },
            };
            let outcomes = self.run(engine, &parts, &recipe, observer)?;
            for (part, outcome) in parts.into_iter().zip(outcomes) {
                let position = part.position;
                fitted[position] = Some(part.ended(outcome));
            }
        }
        let lost = || EngineError::Other("the engine returned too few results".to_owned());
        let fitted = fitted.into_iter().map(|one| one.ok_or_else(lost));
        fitted.collect()
    }

    /// Judges a candidate as it starts.
    ///
    /// # Errors
    /// [`EngineError`] if the engine can't.
    pub(crate) fn untrained(
        &self,
        engine: usize,
        candidate: Candidate,
    ) -> Result<Fitted, EngineError> {
        let part = Part::new(0, candidate);
        let open = has_open(&part.candidate.graph);
        let chosen = match open {
            true => self.choose(engine, part, false)?,
            false => Ok(part.with_first_weights()),
        };
        match chosen {
            Ok(part) => self.judge(engine, part),
            Err(failed) => Ok(failed),
        }
    }

    fn plan(&self, candidate: &Candidate) -> Plan {
        let mut nodes = candidate.graph.nodes().iter();
        if nodes.all(|node| node.annotations.formats.is_empty()) {
            return Plan::Direct;
        }
        if self.quantization.mode == QuantizationMode::Ptq {
            return Plan::Ptq;
        }
        let is_open = has_open(&candidate.graph);
        let max_epochs = self.recipe.max_epochs;
        let n_epochs = match (self.quantization.float_epochs, &candidate.weights) {
            (Some(n_epochs), _) => n_epochs,
            // Noise is not worth storing: in coarse formats all of it may become 0.
            (None, None) => (max_epochs / 4).max(1),
            // A trained network has ranges to choose formats from.
            (None, Some(_)) => 0,
        };
        match n_epochs.min(max_epochs.saturating_sub(1)) {
            0 if !is_open => Plan::Direct,
            n_epochs => Plan::Float(n_epochs),
        }
    }

    /// Trains first parts in float32; returns those that go on, and notes those that ended.
    fn train_in_float(
        &self,
        engine: usize,
        parts: Vec<Part>,
        plans: &[Plan],
        observer: &dyn Observer,
        fitted: &mut [Option<Fitted>],
    ) -> Result<Vec<Part>, EngineError> {
        let mut by_plan: BTreeMap<usize, Vec<Part>> = BTreeMap::new();
        let mut shared = Vec::new();
        for mut part in parts {
            let n_epochs = match plans[part.position] {
                Plan::Float(n_epochs) => n_epochs,
                _ => self.recipe.max_epochs,
            };
            let graph = in_float(&part.candidate.graph);
            let weights = part.candidate.weights.take();
            part.quantized = Some(std::mem::replace(&mut part.candidate.graph, graph));
            part.candidate.weights = weights.map(|all| all.for_graph(&part.candidate.graph));
            match (plans[part.position], &part.candidate.weights) {
                (Plan::Ptq, None) => shared.push(part),
                _ => by_plan.entry(n_epochs).or_default().push(part),
            }
        }
        let mut going_on = self.train_shared(engine, shared, observer, fitted)?;
        for (n_epochs, parts) in by_plan {
            let recipe = match n_epochs == self.recipe.max_epochs {
                true => self.recipe.clone(),
                // Weights go on from where they are, not from where they were best.
                false => Recipe {
                    part: Some((0, n_epochs)),
                    keep: Keep::Last,
                    patience: None,
                    ..self.recipe.clone()
                },
            };
            let outcomes = self.run(engine, &parts, &recipe, observer)?;
            for (part, outcome) in parts.into_iter().zip(outcomes) {
                going_on.extend(part.goes_on(outcome, fitted));
            }
        }
        Ok(going_on)
    }

    /// Chooses the formats of a candidate from its weights: those that it has, or first ones.
    ///
    /// What can't be chosen from is a candidate that went wrong.
    fn choose(
        &self,
        engine: usize,
        part: Part,
        learns_steps: bool,
    ) -> Result<Result<Part, Fitted>, EngineError> {
        let mut part = part.with_first_weights();
        let weights = part.candidate.weights.take().unwrap_or_default();
        let graph = part.quantized.take();
        let graph = graph.unwrap_or_else(|| part.candidate.graph.clone());
        let Usable {
            engine, placement, ..
        } = self.engines.get(engine);
        let calibration = Calibration {
            engine: engine.as_ref(),
            placement,
            rows: self.calibration.features.borrow(),
            method: self.quantization.method,
            learns_steps,
        };
        let (graph, weights) = calibration.choose(&graph, &weights)?;
        part.candidate.graph = graph;
        part.candidate.weights = Some(weights);
        let check = |graph: &Graph| -> Result<(), String> {
            for node in graph.nodes() {
                let name = &node.name;
                firebrick_core::formats::check(node)
                    .map_err(|error| format!("node `{name}` ({}) {error}", node.op.name()))?;
            }
            Ok(())
        };
        match check(&part.candidate.graph) {
            Ok(()) => Ok(Ok(part)),
            Err(reason) => Ok(Err(part.ended(TrainOutcome::Failed { reason }))),
        }
    }

    /// Judges a candidate that is trained as far as it will be.
    fn judge(&self, engine: usize, part: Part) -> Result<Fitted, EngineError> {
        let Usable {
            engine, placement, ..
        } = self.engines.get(engine);
        let weights = part.candidate.weights.clone().unwrap_or_default();
        let rows = self.dataset.validation.rows();
        let judged = engine.evaluate(&part.candidate.graph, &weights, rows, placement)?;
        let trained = Trained {
            weights,
            epochs: Vec::new(),
            kept_epoch: part.kept_epoch,
        };
        let mut fitted = part.ended(TrainOutcome::Trained(trained));
        fitted.judged = Some(judged);
        Ok(fitted)
    }

    fn run(
        &self,
        engine: usize,
        parts: &[Part],
        recipe: &Recipe,
        observer: &dyn Observer,
    ) -> Result<Vec<TrainOutcome>, EngineError> {
        let candidates: Vec<Candidate> = parts.iter().map(|part| part.candidate.clone()).collect();
        let Usable {
            engine, placement, ..
        } = self.engines.get(engine);
        let placement = Placement {
            threads: placement.threads.min(candidates.len()).max(1),
            ..placement.clone()
        };
        let observer = Placed {
            observer,
            positions: parts.iter().map(|part| part.position).collect(),
        };
        let job = TrainJob {
            candidates: &candidates,
            train: self.dataset.train.rows(),
            validation: self.dataset.validation.rows(),
            recipe,
            placement: &placement,
        };
        let outcomes = engine.train(&job, &observer)?;
        outcomes.iter().try_for_each(|one| in_part(one, recipe))?;
        Ok(outcomes)
    }
}

/// Checks that an engine trained those epochs that it was asked for: one that is older than parts of
/// recipes trains all of them.
fn in_part(outcome: &TrainOutcome, recipe: &Recipe) -> Result<(), EngineError> {
    let (TrainOutcome::Trained(trained) | TrainOutcome::Stopped(trained)) = outcome else {
        return Ok(());
    };
    let asked = recipe.epochs();
    let mut epochs = trained.epochs.iter();
    match epochs.find(|epoch| !(asked.start + 1..=asked.end).contains(&epoch.epoch)) {
        None => Ok(()),
        Some(epoch) => Err(EngineError::Other(format!(
            "the engine trained epoch {} where it was asked for {} to {}: its plugin is older than \
             number formats that are chosen in training",
            epoch.epoch,
            asked.start + 1,
            asked.end
        ))),
    }
}

/// An observer of some of a population, told the places in the whole.
struct Placed<'a> {
    observer: &'a dyn Observer,
    positions: Vec<usize>,
}

impl Observer for Placed<'_> {
    fn epoch(&self, candidate: usize, epoch: &Epoch) -> Verdict {
        match self.positions.get(candidate) {
            Some(position) => self.observer.epoch(*position, epoch),
            None => Verdict::Continue,
        }
    }
}
