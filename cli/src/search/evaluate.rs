//! From params to a record: build, cost, train, judge.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use firebrick_core::Json;
use firebrick_core::costs::Costs;
use firebrick_core::dataset::Dataset;
use firebrick_core::engine::{
    Candidate, Engine, EngineError, Epoch, Evaluation, Observer, Placement, TrainJob, TrainOutcome,
    Verdict,
};
use firebrick_core::graph::Graph;
use firebrick_core::pass::Pass;
use firebrick_core::random::trial_seed;
use firebrick_core::recipe::Recipe;
use firebrick_core::trial::{Outcome, Trial};
use firebrick_core::value::Params;
use firebrick_core::weights::Weights;

use crate::output::artifacts::{Record, metrics_of};
use crate::study::Goal;

/// An analysis pass with its arguments.
pub(crate) struct Analysis {
    /// The name that messages use.
    pub(crate) name: String,
    /// The pass.
    pub(crate) pass: Box<dyn Pass>,
    /// What it is applied with.
    pub(crate) args: Json,
}

/// Builds and measures graphs: what can be known of a candidate before it is trained.
pub(crate) struct Builder {
    /// The base network.
    pub(crate) base: Graph,
    /// The transforms of the space, by name.
    pub(crate) transforms: BTreeMap<String, Box<dyn Pass>>,
    /// What is measured on every candidate.
    pub(crate) analyses: Vec<Analysis>,
}

impl Builder {
    /// Returns the graph of some pass arguments and its hardware metrics.
    ///
    /// # Errors
    /// Why the point is infeasible.
    pub(crate) fn build(
        &self,
        pass_args: &[(String, Json)],
    ) -> Result<(Graph, Vec<(String, f64)>), String> {
        let mut graph = self.base.clone();
        for (name, args) in pass_args {
            let pass = self
                .transforms
                .get(name)
                .ok_or_else(|| format!("no pass `{name}`"))?;
            graph = pass
                .apply(&graph, args)
                .map_err(|error| error.to_string())?
                .0;
        }
        let metrics = self.measure(&graph)?;
        Ok((graph, metrics))
    }

    fn measure(&self, graph: &Graph) -> Result<Vec<(String, f64)>, String> {
        let mut metrics = Vec::new();
        for Analysis { name, pass, args } in &self.analyses {
            let (_, info) = pass
                .apply(graph, args)
                .map_err(|error| format!("`{name}`: {error}"))?;
            metrics.extend(info.metrics);
        }
        Ok(metrics)
    }
}

/// A point that was proposed.
pub(crate) struct Proposal {
    /// The number of the trial.
    pub(crate) number: u64,
    /// The canonical params.
    pub(crate) params: Params,
    /// What the passes are applied with.
    pub(crate) pass_args: Vec<(String, Json)>,
    /// The params as the study file spells them.
    pub(crate) sampled_config: Json,
}

/// Trains and judges proposals.
pub(crate) struct Evaluator<'a> {
    pub(crate) builder: &'a Builder,
    pub(crate) goal: &'a Goal,
    pub(crate) dataset: &'a Dataset,
    pub(crate) engine: &'a dyn Engine,
    pub(crate) placement: &'a Placement,
    pub(crate) recipe: &'a Recipe,
    pub(crate) seed: u64,
    /// The weights that unchanged layers start from.
    pub(crate) weights: Option<&'a Weights>,
    /// Whether candidates are trained before they are judged.
    pub(crate) train: bool,
    /// The memory of this machine in bytes, where it is known.
    pub(crate) memory: Option<u64>,
}

/// A finished proposal with what is needed to use it.
pub(crate) struct Evaluated {
    /// What is kept of the trial.
    pub(crate) record: Record,
    /// The network with the weights that were judged.
    pub(crate) network: Option<(Graph, Weights)>,
    /// Whether the observer stopped it.
    pub(crate) stopped: bool,
}

/// Decides after each epoch whether training goes on: (index in the batch, trial, epoch).
pub(crate) type OnEpoch<'a> = dyn Fn(usize, u64, &Epoch) -> Verdict + Sync + 'a;

impl Evaluator<'_> {
    /// Returns how many proposals are best evaluated in one call.
    ///
    /// On a processor, one a thread, so that a run that is killed loses only what was in flight;
    /// elsewhere all of them, since an engine may train them as one computation.
    pub(crate) fn at_a_time(&self) -> usize {
        match self.placement.device.as_str() {
            "cpu" => self.placement.threads,
            _ => usize::MAX,
        }
    }

    /// Evaluates proposals as one population; the result has their order.
    ///
    /// # Errors
    /// [`EngineError`] if the engine can't train at all; what one candidate does wrong is data.
    pub(crate) fn evaluate(
        &self,
        proposals: Vec<Proposal>,
        on_epoch: &OnEpoch<'_>,
    ) -> Result<Vec<Evaluated>, EngineError> {
        let start = Instant::now();
        let start_ms = now_ms();
        let built: Vec<_> = proposals.iter().map(|p| self.build(p)).collect();
        let mut candidates = Vec::new();
        let mut numbers = Vec::new();
        for (proposal, built) in proposals.iter().zip(&built) {
            if let Ok((graph, _)) = built {
                let seed = trial_seed(self.seed, proposal.number);
                let weights = self.weights.map(|base| starting_weights(graph, base, seed));
                candidates.push(Candidate {
                    graph: graph.clone(),
                    seed,
                    weights,
                });
                numbers.push(proposal.number);
            }
        }
        let train_start = Instant::now();
        let observer = Numbered {
            numbers: &numbers,
            on_epoch,
        };
        let mut judged = self.judge(&candidates, &observer)?.into_iter();
        let train_ms = train_start.elapsed().as_secs_f64() * 1e3;
        let n_trained = candidates.len().max(1) as f64;
        let n_proposals = proposals.len().max(1) as f64;
        let mut evaluated = Vec::new();
        for (proposal, built) in proposals.into_iter().zip(built) {
            let mut one = match built {
                Err(reason) => {
                    self.finish(proposal, Vec::new(), Err(Outcome::Infeasible { reason }))
                }
                Ok((graph, hardware)) => {
                    let result = judged.next().expect("one result a candidate");
                    let mut one = self.with_result(proposal, graph, hardware, result);
                    one.record.train_ms = train_ms / n_trained;
                    one
                }
            };
            one.record.start_ms = start_ms;
            evaluated.push(one);
        }
        let total_ms = start.elapsed().as_secs_f64() * 1e3 / n_proposals;
        let end_ms = now_ms();
        for one in &mut evaluated {
            one.record.total_ms = total_ms;
            one.record.end_ms = end_ms;
        }
        Ok(evaluated)
    }

    fn build(&self, proposal: &Proposal) -> Result<(Graph, Vec<(String, f64)>), String> {
        let (graph, metrics) = self.builder.build(&proposal.pass_args)?;
        self.engine
            .supports(&graph)
            .map_err(|error| error.to_string())?;
        self.fits(&graph)?;
        Ok((graph, metrics))
    }

    /// Checks that training leaves the program alive: a system ends the process that asks for more
    /// memory than there is. How many train at a time plays no part, since results do not follow
    /// it.
    fn fits(&self, graph: &Graph) -> Result<(), String> {
        let Some(memory) = self.memory else {
            return Ok(());
        };
        // First weights, weights, gradients, two moments and the best so far.
        const COPIES: u64 = 6;
        let needed = Costs::of(graph).total.params.saturating_mul(4 * COPIES);
        let gigabytes = |bytes: u64| bytes as f64 / 1e9;
        match needed <= memory {
            true => Ok(()),
            false => Err(format!(
                "training takes {:.0} GB of memory, this machine has {:.0} GB",
                gigabytes(needed),
                gigabytes(memory)
            )),
        }
    }

    fn judge(
        &self,
        candidates: &[Candidate],
        observer: &dyn Observer,
    ) -> Result<Vec<Judged>, EngineError> {
        if candidates.is_empty() {
            return Ok(Vec::new());
        }
        if !self.train {
            return candidates
                .iter()
                .map(|candidate| self.judge_untrained(candidate))
                .collect();
        }
        let job = TrainJob {
            candidates,
            train: self.dataset.train.rows(),
            validation: self.dataset.validation.rows(),
            recipe: self.recipe,
            placement: self.placement,
        };
        let outcomes = self.engine.train(&job, observer)?;
        Ok(outcomes.into_iter().map(Judged::from).collect())
    }

    fn judge_untrained(&self, candidate: &Candidate) -> Result<Judged, EngineError> {
        let weights = candidate.weights.clone();
        let weights = weights.unwrap_or_else(|| Weights::init(&candidate.graph, candidate.seed));
        let rows = self.dataset.validation.rows();
        let evaluation = self
            .engine
            .evaluate(&candidate.graph, &weights, rows, self.placement)?;
        Ok(Judged {
            result: Ok((evaluation, weights)),
            epochs: Vec::new(),
            stopped: false,
        })
    }

    fn with_result(
        &self,
        proposal: Proposal,
        graph: Graph,
        hardware: Vec<(String, f64)>,
        judged: Judged,
    ) -> Evaluated {
        let epochs = judged.epochs;
        let mut one = match judged.result {
            Ok((evaluation, weights)) if !judged.stopped => {
                let mut one = self.finish(proposal, hardware, Ok(evaluation));
                one.network = Some((graph, weights));
                one
            }
            Ok(_) => {
                let step = epochs.last().map_or(0, |epoch| epoch.epoch as u64);
                self.finish(proposal, hardware, Err(Outcome::Pruned { step }))
            }
            Err(reason) => self.finish(proposal, hardware, Err(Outcome::Failed { reason })),
        };
        one.stopped = judged.stopped;
        one.record.trial.intermediate = epochs
            .iter()
            .map(|epoch| (epoch.epoch as u64, epoch.validation.accuracy))
            .collect();
        one
    }

    fn finish(
        &self,
        proposal: Proposal,
        hardware: Vec<(String, f64)>,
        result: Result<Evaluation, Outcome>,
    ) -> Evaluated {
        let software = result.as_ref().map(metrics_of).unwrap_or_default();
        let metrics: BTreeMap<String, f64> = software.iter().chain(&hardware).cloned().collect();
        let (outcome, scaled) = match result {
            Err(outcome) => (outcome, BTreeMap::new()),
            Ok(_) => match values(self.goal, &metrics) {
                Ok(values) => (
                    Outcome::Complete { values },
                    self.goal.scaled_metrics(&metrics),
                ),
                Err(reason) => (Outcome::Failed { reason }, BTreeMap::new()),
            },
        };
        let Proposal {
            number,
            params,
            sampled_config,
            ..
        } = proposal;
        let trial = Trial {
            number,
            params,
            outcome,
            metrics,
            intermediate: Vec::new(),
        };
        let record = Record {
            trial,
            sampled_config,
            software,
            hardware,
            scaled: scaled.into_iter().collect(),
            start_ms: 0,
            end_ms: 0,
            train_ms: 0.0,
            total_ms: 0.0,
            same_as: None,
            test: None,
        };
        Evaluated {
            record,
            network: None,
            stopped: false,
        }
    }
}

/// Returns the objectives of a trial, or why it has none.
fn values(goal: &Goal, metrics: &BTreeMap<String, f64>) -> Result<Vec<f64>, String> {
    let values = goal
        .values(metrics)
        .map_err(|metric| format!("metric `{metric}` was not measured"))?;
    match values.iter().any(|value| value.is_nan()) {
        true => Err("an objective is NaN".to_owned()),
        false => Ok(values),
    }
}

/// What an engine said about one candidate.
struct Judged {
    result: Result<(Evaluation, Weights), String>,
    epochs: Vec<Epoch>,
    stopped: bool,
}

impl From<TrainOutcome> for Judged {
    fn from(outcome: TrainOutcome) -> Self {
        let (trained, stopped) = match outcome {
            TrainOutcome::Trained(trained) => (trained, false),
            TrainOutcome::Stopped(trained) => (trained, true),
            TrainOutcome::Failed { reason } => {
                return Self {
                    result: Err(reason),
                    epochs: Vec::new(),
                    stopped: false,
                };
            }
        };
        let kept = trained
            .epochs
            .iter()
            .find(|epoch| epoch.epoch == trained.kept_epoch);
        let result = kept
            .map(|epoch| (epoch.validation, trained.weights))
            .ok_or_else(|| "the engine kept no epoch".to_owned());
        Self {
            result,
            epochs: trained.epochs,
            stopped,
        }
    }
}

/// Returns first weights of a graph, those of the base where a layer has the same shape there.
pub(crate) fn starting_weights(graph: &Graph, base: &Weights, seed: u64) -> Weights {
    let mut weights = Weights::init(graph, seed);
    for (key, tensor) in &mut weights.0 {
        if let Some(known) = base.get(key).filter(|known| known.shape == tensor.shape) {
            tensor.data.clone_from(&known.data);
        }
    }
    weights
}

/// Turns an engine's candidate indices into trial numbers.
struct Numbered<'a> {
    numbers: &'a [u64],
    on_epoch: &'a OnEpoch<'a>,
}

impl Observer for Numbered<'_> {
    fn epoch(&self, candidate: usize, epoch: &Epoch) -> Verdict {
        match self.numbers.get(candidate) {
            Some(number) => (self.on_epoch)(candidate, *number, epoch),
            None => Verdict::Continue,
        }
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
