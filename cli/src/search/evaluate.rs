//! From params to a record: build, cost, train, judge.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::OnceLock;
use std::thread::ScopedJoinHandle;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use firebrick_core::Json;
use firebrick_core::costs::Costs;
use firebrick_core::dataset::{Dataset, Rows};
use firebrick_core::engine::{
    Candidate, EngineError, Epoch, Evaluation, Observer, TrainJob, TrainOutcome, Verdict,
};
use firebrick_core::graph::Graph;
use firebrick_core::pass::Pass;
use firebrick_core::random::trial_seed;
use firebrick_core::recipe::Recipe;
use firebrick_core::trial::{Outcome, Trial};
use firebrick_core::value::Params;
use firebrick_core::weights::Weights;

use crate::engines::{Engines, Usable};
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
    pub(crate) engines: &'a Engines,
    /// What is said once if a candidate goes to another engine than the base network.
    pub(crate) detour: OnceLock<String>,
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

/// Decides after each epoch of a trial whether training goes on.
pub(crate) type OnEpoch<'a> = dyn Fn(u64, &Epoch) -> Verdict + Sync + 'a;

/// A candidate that can be trained.
struct Built {
    graph: Graph,
    hardware: Vec<(String, f64)>,
    /// The position of its engine.
    engine: usize,
}

/// The candidates of a population that one engine trains.
#[derive(Default)]
struct Group {
    candidates: Vec<Candidate>,
    /// The trials that they are.
    numbers: Vec<u64>,
}

impl Evaluator<'_> {
    /// Returns how many proposals are best evaluated in one call.
    ///
    /// On a processor, one a thread, so that a run that is killed loses only what was in flight;
    /// elsewhere all of them, since an engine may train them as one computation.
    pub(crate) fn at_a_time(&self) -> usize {
        let placement = &self.engines.base().placement;
        match placement.device.as_str() {
            "cpu" => placement.threads,
            _ => usize::MAX,
        }
    }

    /// Evaluates proposals as one population an engine; the result has their order.
    ///
    /// # Errors
    /// [`EngineError`] if an engine can't train at all; what one candidate does wrong is data.
    pub(crate) fn evaluate(
        &self,
        proposals: Vec<Proposal>,
        on_epoch: &OnEpoch<'_>,
    ) -> Result<Vec<Evaluated>, EngineError> {
        let start = Instant::now();
        let start_ms = now_ms();
        let built: Vec<_> = proposals.iter().map(|p| self.build(p)).collect();
        let mut groups: BTreeMap<usize, Group> = BTreeMap::new();
        for (proposal, built) in proposals.iter().zip(&built) {
            if let Ok(Built { graph, engine, .. }) = built {
                let seed = trial_seed(self.seed, proposal.number);
                let weights = self.weights.map(|base| starting_weights(graph, base, seed));
                let group = groups.entry(*engine).or_default();
                group.candidates.push(Candidate {
                    graph: graph.clone(),
                    seed,
                    weights,
                });
                group.numbers.push(proposal.number);
            }
        }
        let train_start = Instant::now();
        let mut judged = self.judge_groups(&groups, on_epoch)?;
        let train_ms = train_start.elapsed().as_secs_f64() * 1e3;
        let n_trained = judged.len().max(1) as f64;
        let n_proposals = proposals.len().max(1) as f64;
        let mut evaluated = Vec::new();
        for (proposal, built) in proposals.into_iter().zip(built) {
            let mut one = match built {
                Err(reason) => {
                    self.finish(proposal, Vec::new(), Err(Outcome::Infeasible { reason }))
                }
                Ok(built) => {
                    let result = judged
                        .remove(&proposal.number)
                        .expect("one result a candidate");
                    let engine = self.engines.get(built.engine).name.clone();
                    let mut one = self.with_result(proposal, built.graph, built.hardware, result);
                    one.record.train_ms = train_ms / n_trained;
                    one.record.engine = Some(engine);
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

    /// Judges a trained network on rows, by the engine that a candidate goes to.
    ///
    /// # Errors
    /// [`EngineError`] if there is none, or it can't.
    pub(crate) fn judge_trained(
        &self,
        graph: &Graph,
        weights: &Weights,
        rows: Rows<'_>,
    ) -> Result<Evaluation, EngineError> {
        let position = self.engines.first_for(graph);
        let position = position.map_err(|refusals| EngineError::Other(refusals.join("; ")))?;
        let Usable {
            engine, placement, ..
        } = self.engines.get(position);
        engine.evaluate(graph, weights, rows, placement)
    }

    fn build(&self, proposal: &Proposal) -> Result<Built, String> {
        let (graph, hardware) = self.builder.build(&proposal.pass_args)?;
        let engine = self
            .engines
            .first_for(&graph)
            .map_err(|refusals| refusals.join("; "))?;
        self.fits(&graph)?;
        if !self.engines.is_base(engine) {
            let name = &self.engines.get(engine).name;
            let base = &self.engines.base().name;
            self.detour.get_or_init(|| {
                let number = proposal.number;
                format!("trial {number}, and others like it, go to engine {name} instead of {base}")
            });
        }
        Ok(Built {
            graph,
            hardware,
            engine,
        })
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

    /// Trains and judges the groups side by side: one alone may have fewer candidates than there
    /// are threads.
    fn judge_groups(
        &self,
        groups: &BTreeMap<usize, Group>,
        on_epoch: &OnEpoch<'_>,
    ) -> Result<BTreeMap<u64, Judged>, EngineError> {
        let results = std::thread::scope(|scope| {
            let start = |(engine, group): (&usize, _)| {
                let usable = self.engines.get(*engine);
                scope.spawn(move || self.judge(usable, group, on_epoch))
            };
            let running: Vec<_> = groups.iter().map(start).collect();
            let ends = running.into_iter().map(ScopedJoinHandle::join);
            ends.map(|end| end.unwrap_or_else(|panic| resume_unwind(panic)))
                .collect::<Result<Vec<_>, EngineError>>()
        })?;
        Ok(results.into_iter().flatten().collect())
    }

    fn judge(
        &self,
        usable: &Usable,
        group: &Group,
        on_epoch: &OnEpoch<'_>,
    ) -> Result<Vec<(u64, Judged)>, EngineError> {
        let Usable {
            engine, placement, ..
        } = usable;
        if !self.train {
            let candidates = group.numbers.iter().zip(&group.candidates);
            return candidates
                .map(|(number, candidate)| Ok((*number, self.judge_untrained(usable, candidate)?)))
                .collect();
        }
        let job = TrainJob {
            candidates: &group.candidates,
            train: self.dataset.train.rows(),
            validation: self.dataset.validation.rows(),
            recipe: self.recipe,
            placement,
        };
        let observer = Numbered {
            numbers: &group.numbers,
            on_epoch,
        };
        let outcomes = engine.train(&job, &observer)?;
        let judged = outcomes.into_iter().map(Judged::from);
        Ok(group.numbers.iter().copied().zip(judged).collect())
    }

    fn judge_untrained(
        &self,
        usable: &Usable,
        candidate: &Candidate,
    ) -> Result<Judged, EngineError> {
        let weights = candidate.weights.clone();
        let weights = weights.unwrap_or_else(|| Weights::init(&candidate.graph, candidate.seed));
        let rows = self.dataset.validation.rows();
        let evaluation =
            usable
                .engine
                .evaluate(&candidate.graph, &weights, rows, &usable.placement)?;
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
            engine: None,
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
            Some(number) => (self.on_epoch)(*number, epoch),
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
