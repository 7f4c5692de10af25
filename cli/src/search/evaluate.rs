//! From proposals to finished trials: build, cost, train, judge.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, anyhow};
use firebrick_core::Json;
use firebrick_core::costs::{Costs, ebops_of_weights};
use firebrick_core::dataset::Rows;
use firebrick_core::engine::{Candidate, EngineError, Epoch, Evaluation, Verdict};
use firebrick_core::graph::Graph;
use firebrick_core::inherit::{How, inherit};
use firebrick_core::pruner::{Curve, Earlier, Pruner, Running};
use firebrick_core::trial::{Outcome, Trial};
use firebrick_core::value::Params;
use firebrick_core::weights::Weights;

use super::builder::Builder;
use super::latency::Latency;
use super::scoring::Scoring;
use super::training::{Job, Judged, ShouldStop, train_all};
use crate::engines::Usable;
use crate::output::artifacts::{Record, metrics_of};
use crate::study::{Broken, Goal, TRAINED_EBOPS};
use crate::training::Trainer;

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
    pub(crate) trainer: &'a Trainer<'a>,
    /// What is said once if a candidate goes to another engine than the base network.
    pub(crate) detour: OnceLock<String>,
    pub(crate) seed: u64,
    /// The trained weights of the base that candidates start from, and how.
    pub(crate) weights: Option<(&'a Weights, How)>,
    /// What one batch says of candidates before they are trained.
    pub(crate) scoring: Option<&'a Scoring>,
    /// What times a prediction of each candidate.
    pub(crate) latency: Option<Latency>,
    /// Whether effective bit operations are counted once there are trained weights.
    pub(crate) trained_ebops: bool,
    /// What ends trials that are not worth the rest of their epochs.
    pub(crate) pruner: Option<&'a Pruner>,
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
    /// Whether it was stopped from outside, so that it was not judged.
    pub(crate) was_cut: bool,
}

/// Decides after each epoch of a trial whether training goes on.
pub(crate) type OnEpoch<'a> = dyn Fn(u64, &Epoch) -> Verdict + Sync + 'a;

/// Takes a finished proposal over.
pub(crate) type OnDone<'a> = dyn FnMut(Evaluated) -> Result<()> + 'a;

/// A proposal on its way: what is known of it before it is trained.
struct Built {
    proposal: Proposal,
    hardware: Vec<(String, f64)>,
    /// How long it took to build and to measure.
    build_ms: f64,
}

/// A proposal that can be trained.
struct Ready {
    candidate: Candidate,
    /// The position of its engine.
    engine: usize,
    hardware: Vec<(String, f64)>,
}

/// Why a proposal is not trained, and what was measured of it before.
struct Refused {
    broken: Broken,
    hardware: Vec<(String, f64)>,
}

impl Refused {
    /// Refuses what can't be built, trained or timed, which says nothing about limits.
    fn unmeasured(reason: String, hardware: Vec<(String, f64)>) -> Self {
        let violation = None;
        Self {
            broken: Broken { reason, violation },
            hardware,
        }
    }
}

impl Evaluator<'_> {
    /// Evaluates proposals as one population and hands each over as soon as it is finished.
    ///
    /// `earlier` are the trials of earlier populations, for the pruner: those beside would
    /// make its decisions follow the number of jobs. Proposals that were not begun when the caller
    /// wants to stop are left out.
    ///
    /// # Errors
    /// If an engine can't train at all, or what `on_done` says; what one candidate does wrong is
    /// data.
    pub(crate) fn evaluate(
        &self,
        proposals: Vec<Proposal>,
        earlier: &[Earlier<'_>],
        on_epoch: &OnEpoch<'_>,
        should_stop: &ShouldStop<'_>,
        on_done: &mut OnDone<'_>,
    ) -> Result<()> {
        let mut ready = Vec::new();
        for proposal in proposals {
            let start = Instant::now();
            let built = self.build(&proposal);
            let mut built_one = Built {
                proposal,
                hardware: Vec::new(),
                build_ms: start.elapsed().as_secs_f64() * 1e3,
            };
            match built {
                Err(Refused { broken, hardware }) => {
                    built_one.hardware = hardware;
                    on_done(self.finish(built_one, Err(infeasible(broken))))?;
                }
                Ok(mut one) => {
                    built_one.hardware = std::mem::take(&mut one.hardware);
                    ready.push((built_one, one));
                }
            }
        }
        let mut on_the_way = Vec::new();
        let mut jobs = Vec::new();
        for (built, ready) in self.score(ready, on_done)? {
            jobs.push(Job {
                candidate: ready.candidate,
                engine: ready.engine,
                position: on_the_way.len(),
            });
            on_the_way.push(Some(built));
        }
        let numbers: Vec<(u64, Vec<(String, f64)>)> = on_the_way
            .iter()
            .flatten()
            .map(|built| (built.proposal.number, built.hardware.clone()))
            .collect();
        let watch = |position: usize, points: &mut Vec<Vec<f64>>, epoch: &Epoch| {
            let (number, hardware) = &numbers[position];
            match on_epoch(*number, epoch) {
                Verdict::Continue => self.look(*number, hardware, earlier, points, epoch),
                Verdict::Stop => Watched::Cut,
            }
        };
        train_all(self, jobs, &watch, should_stop, &mut |job, judged| {
            let built = on_the_way[job.position].take();
            let built = built.ok_or_else(|| anyhow!("a candidate was trained twice"))?;
            on_done(self.with_result(built, job, judged))
        })
    }

    /// Adds zero-cost metrics to what was measured, and returns the proposals that are worth
    /// training; the others are finished.
    fn score(
        &self,
        ready: Vec<(Built, Ready)>,
        on_done: &mut OnDone<'_>,
    ) -> Result<Vec<(Built, Ready)>> {
        let Some(scoring) = self.scoring else {
            return Ok(ready);
        };
        let candidates: Vec<&Candidate> = ready.iter().map(|(_, one)| &one.candidate).collect();
        let scores = scoring.score_all(self.trainer.engines, &candidates);
        let mut left = Vec::new();
        for ((mut built, one), scores) in ready.into_iter().zip(scores) {
            let refused = match scores {
                Err(reason) => Some(Outcome::Failed { reason }),
                Ok(scores) => {
                    let useless = self.useless(&scores);
                    built.hardware.extend(scores);
                    let broken = self.builder.broken(&built.hardware);
                    broken
                        .map(infeasible)
                        .or(useless.map(|reason| Outcome::Failed { reason }))
                }
            };
            match refused {
                None => left.push((built, one)),
                Some(outcome) => on_done(self.finish(built, Err(outcome)))?,
            }
        }
        Ok(left)
    }

    /// Returns which score can't be an objective, though it is one.
    fn useless(&self, scores: &[(String, f64)]) -> Option<String> {
        let is_objective = |name: &String| {
            let mut objectives = self.goal.objectives.iter();
            objectives.any(|objective| objective.metric == *name)
        };
        let mut useless = scores.iter().filter(|(_, value)| !value.is_finite());
        let (name, value) = useless.find(|(name, _)| is_objective(name))?;
        Some(format!("`{name}` is {value}"))
    }

    /// Notes the objectives after an epoch, and asks the pruner whether it is worth going on.
    fn look(
        &self,
        number: u64,
        hardware: &[(String, f64)],
        earlier: &[Earlier<'_>],
        points: &mut Vec<Vec<f64>>,
        epoch: &Epoch,
    ) -> Watched {
        let Some(pruner) = self.pruner else {
            return Watched::GoesOn;
        };
        let software = metrics_of(&epoch.validation);
        let metrics = software
            .into_iter()
            .chain(hardware.iter().cloned())
            .collect();
        let Some(point) = self.costs(&metrics) else {
            return Watched::GoesOn;
        };
        points.push(point);
        let running = Running {
            number,
            max_epochs: self.trainer.recipe.max_epochs,
            points,
        };
        match pruner.stops(earlier, &running) {
            true => Watched::Pruned,
            false => Watched::GoesOn,
        }
    }

    /// Returns the objectives, turned so that less is better.
    fn costs(&self, metrics: &BTreeMap<String, f64>) -> Option<Vec<f64>> {
        let values = self.goal.values(metrics).ok()?;
        let directions = self.goal.directions();
        let costs = values.into_iter().zip(directions);
        Some(
            costs
                .map(|(value, direction)| direction.as_cost(value))
                .collect(),
        )
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
        let position = self.trainer.engines.first_for(graph);
        let position = position.map_err(|refusals| EngineError::Other(refusals.join("; ")))?;
        let Usable {
            engine, placement, ..
        } = self.trainer.engines.get(position);
        engine.evaluate(graph, weights, rows, placement)
    }

    /// Returns the candidate of a proposal, with its engine and what it measures.
    fn build(&self, proposal: &Proposal) -> Result<Ready, Refused> {
        let (graph, mut hardware) = self
            .builder
            .build(&proposal.pass_args)
            .map_err(|reason| Refused::unmeasured(reason, Vec::new()))?;
        if let Some(broken) = self.builder.broken(&hardware) {
            return Err(Refused { broken, hardware });
        }
        let (candidate, engine) = match self.candidate(proposal.number, graph) {
            Ok(found) => found,
            Err(reason) => return Err(Refused::unmeasured(reason, hardware)),
        };
        if let Some(latency) = &self.latency {
            match latency.measure(self.trainer.engines.get(engine), &candidate) {
                Ok(times) => {
                    hardware.extend(times.map(|(name, value)| (name.to_owned(), value)));
                }
                Err(reason) => return Err(Refused::unmeasured(reason, hardware)),
            }
            if let Some(broken) = self.builder.broken(&hardware) {
                return Err(Refused { broken, hardware });
            }
        }
        Ok(Ready {
            candidate,
            engine,
            hardware,
        })
    }

    fn candidate(&self, number: u64, graph: Graph) -> Result<(Candidate, usize), String> {
        let engine = self.trainer.engines.first_for(&graph);
        let engine = engine.map_err(|refusals| refusals.join("; "))?;
        self.fits(&graph)?;
        if !self.trainer.engines.is_base(engine) {
            let name = &self.trainer.engines.get(engine).name;
            let base = &self.trainer.engines.base().name;
            self.detour.get_or_init(|| {
                format!("trial {number}, and others like it, go to engine {name} instead of {base}")
            });
        }
        let seed = self.trainer.seed(self.seed, number);
        let inherited = self.weights.map(|(weights, how)| {
            inherit(&self.builder.base, weights, &graph, how, seed).map_err(|e| e.to_string())
        });
        let weights = inherited.transpose()?;
        Ok((
            Candidate {
                graph,
                seed,
                weights,
            },
            engine,
        ))
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

    fn with_result(&self, mut built: Built, job: Job, judged: Judged) -> Evaluated {
        if let (true, Ok((_, weights))) = (self.trained_ebops, &judged.result) {
            let ebops = trained_ebops(&job.candidate.graph, weights);
            built.hardware.push((TRAINED_EBOPS.to_owned(), ebops));
        }
        let epochs = judged.epochs;
        let step = epochs.last().map_or(0, |epoch| epoch.epoch as u64);
        let was_cut = matches!(judged.ended, Watched::Cut);
        let (result, weights) = match judged.result {
            Err(reason) => (Err(Outcome::Failed { reason }), None),
            Ok(_) if !matches!(judged.ended, Watched::GoesOn) => {
                (Err(Outcome::Pruned { step }), None)
            }
            Ok((evaluation, weights)) => (Ok(evaluation), Some(weights)),
        };
        let mut one = self.finish(built, result);
        let record = &mut one.record;
        // Without the time that it waited for a thread.
        record.took(record.total_ms + judged.train_ms);
        record.train_ms = judged.train_ms;
        record.engine = Some(self.trainer.engines.get(job.engine).name.clone());
        record.trial.intermediate = epochs
            .iter()
            .map(|epoch| (epoch.epoch as u64, epoch.validation.accuracy))
            .collect();
        record.curve.points = judged.points;
        if let (Some(end), Outcome::Complete { .. }) =
            (self.costs(&record.trial.metrics), &record.trial.outcome)
        {
            // What a trial came to is what its kept epoch came to.
            if let Some(last) = record.curve.points.last_mut() {
                *last = end;
            }
            record.curve.is_complete = true;
        }
        one.network = weights.map(|weights| (job.candidate.graph, weights));
        one.was_cut = was_cut;
        one
    }

    fn finish(&self, built: Built, result: Result<Evaluation, Outcome>) -> Evaluated {
        let Built {
            proposal,
            hardware,
            build_ms,
        } = built;
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
        let trial = Trial {
            number: proposal.number,
            params: proposal.params,
            outcome,
            metrics,
            intermediate: Vec::new(),
        };
        let mut record = Record {
            trial,
            sampled_config: proposal.sampled_config,
            software,
            hardware,
            scaled: scaled.into_iter().collect(),
            curve: Curve::default(),
            start_ms: 0,
            end_ms: now_ms(),
            train_ms: 0.0,
            total_ms: 0.0,
            same_as: None,
            engine: None,
            test: None,
        };
        record.took(build_ms);
        Evaluated {
            record,
            network: None,
            was_cut: false,
        }
    }
}

/// What becomes of a candidate after an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watched {
    /// It goes on, or went on to its end.
    GoesOn,
    /// It is not worth the rest.
    Pruned,
    /// The caller asked to stop.
    Cut,
}

fn infeasible(Broken { reason, violation }: Broken) -> Outcome {
    Outcome::Infeasible { reason, violation }
}

/// Returns the effective bit operations of trained weights; NaN, which is no objective, where they
/// can't be counted.
fn trained_ebops(graph: &Graph, weights: &Weights) -> f64 {
    let nodes = ebops_of_weights(graph, weights);
    nodes.map_or(f64::NAN, |nodes| {
        nodes.iter().map(|node| node.total() as f64).sum()
    })
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

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}
