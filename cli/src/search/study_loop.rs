//! Ask, evaluate, tell: the loop of a study, without terminal or files.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow};
use firebrick_core::Json;
use firebrick_core::engine::{Epoch, Verdict};
use firebrick_core::front::pareto_front;
use firebrick_core::graph::Graph;
use firebrick_core::objective::Direction;
use firebrick_core::pruner::{Curve, Earlier};
use firebrick_core::space::Space;
use firebrick_core::strategy::Strategy;
use firebrick_core::value::Params;
use firebrick_core::weights::Weights;

use super::evaluate::{Evaluated, Evaluator, OnEpoch, Proposal};
use crate::output::artifacts::Record;

/// How params become arguments of passes and the text of a study file.
pub(crate) trait Spelling {
    /// Returns the arguments of each pass, in the order in which they are applied.
    fn pass_args(&self, params: &Params) -> Vec<(String, Json)>;
    /// Returns the params as the study file spells them.
    fn sampled_config(&self, params: &Params) -> Json;
}

/// What a study begins with, how many trials it may spend, and how many are asked for at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget<'a> {
    /// The points of the first trials, from number 0, which the strategy is told and not asked for.
    pub(crate) enqueued: &'a [Params],
    /// The most trials, those included.
    pub(crate) n_trials: u64,
    /// How many proposals are asked for before any of them is told. It does not follow the number
    /// of jobs, so that the proposals do not either.
    pub(crate) population: u64,
}

/// Why a study ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// All trials were spent.
    Spent,
    /// The strategy has nothing left to propose.
    Exhausted,
    /// The caller asked to stop.
    Stopped,
}

/// The trials of a study so far, and the networks of its front.
#[derive(Default)]
pub(crate) struct Progressed {
    /// All finished trials, by number.
    pub(crate) records: Vec<Record>,
    /// The trained networks of the front, by trial number.
    pub(crate) networks: BTreeMap<u64, (Graph, Weights)>,
    /// The numbers of the trials on the front, the best by the first objective first.
    front: Vec<u64>,
    /// The first trial of each point.
    seen: BTreeMap<Params, u64>,
}

impl Progressed {
    /// Returns the trials on the front, the best by the first objective first.
    pub(crate) fn front(&self) -> Vec<&Record> {
        let on_front = |record: &&Record| self.front.contains(&record.trial.number);
        let mut front: Vec<&Record> = self.records.iter().filter(on_front).collect();
        front.sort_by_key(|record| self.front.iter().position(|n| *n == record.trial.number));
        front
    }

    /// Returns how the trials that were trained went, epoch by epoch.
    fn curves(&self) -> Vec<(u64, Curve)> {
        let trained = self
            .records
            .iter()
            .filter(|record| record.same_as.is_none() && !record.curve.points.is_empty());
        let curves = trained.map(|record| (record.trial.number, record.curve.clone()));
        curves.collect()
    }

    fn keep(&mut self, evaluated: Evaluated, directions: &[Direction]) {
        let number = evaluated.record.trial.number;
        self.seen
            .entry(evaluated.record.trial.params.clone())
            .or_insert(number);
        self.networks
            .extend(evaluated.network.map(|network| (number, network)));
        self.records.push(evaluated.record);
        self.update_front(directions);
        let front = &self.front;
        self.networks.retain(|number, _| front.contains(number));
    }

    /// Puts the last record where it belongs: what was dominated before stays dominated.
    fn update_front(&mut self, directions: &[Direction]) {
        let Some(last) = self.records.last() else {
            return;
        };
        let costs = |record: &Record| -> Option<Vec<f64>> {
            let values = record.trial.values()?.iter().zip(directions);
            Some(
                values
                    .map(|(value, direction)| direction.as_cost(*value))
                    .collect(),
            )
        };
        let candidates = self.records.iter().filter(|record| {
            let number = record.trial.number;
            number == last.trial.number || self.front.contains(&number)
        });
        let (numbers, points): (Vec<u64>, Vec<Vec<f64>>) = candidates
            .filter_map(|record| Some((record.trial.number, costs(record)?)))
            .unzip();
        let minimize = vec![Direction::Minimize; directions.len()];
        let mut front = pareto_front(&points, &minimize);
        front.sort_by(|a, b| {
            let orders = points[*a]
                .iter()
                .zip(&points[*b])
                .map(|(a, b)| a.total_cmp(b));
            orders
                .fold(Ordering::Equal, Ordering::then)
                .then(numbers[*a].cmp(&numbers[*b]))
        });
        self.front = front.into_iter().map(|idx| numbers[idx]).collect();
    }

    /// Returns a finished trial for params that were evaluated before.
    fn repeat(&self, proposal: &Proposal, of: u64) -> Option<Record> {
        let earlier = self
            .records
            .iter()
            .find(|record| record.trial.number == of)?;
        let mut record = earlier.clone();
        record.trial.number = proposal.number;
        record.same_as = Some(of);
        (record.start_ms, record.train_ms, record.total_ms) = (record.end_ms, 0.0, 0.0);
        Some(record)
    }
}

/// What a study loop needs from outside.
pub(crate) struct Hooks<'a> {
    /// Whether to stop; asked between batches and at every epoch's end.
    pub(crate) should_stop: &'a (dyn Fn() -> bool + Sync),
    /// Hears of every epoch.
    pub(crate) on_epoch: &'a OnEpoch<'a>,
    /// Hears of finished trials as soon as they are: all so far, and how many of them, at the end,
    /// are new.
    pub(crate) on_finished: &'a mut dyn FnMut(&Progressed, usize) -> Result<()>,
}

/// Runs a study to its end and returns why it ended.
///
/// Trials in flight when the caller asks to stop are not kept: they were not judged. Those of the
/// same batch that had finished are.
///
/// # Errors
/// What a strategy or an engine says when it can't go on; finished trials stay in `progressed`.
pub(crate) fn run(
    space: &Space,
    spelling: &dyn Spelling,
    strategy: &mut dyn Strategy,
    evaluator: &Evaluator<'_>,
    budget: Budget<'_>,
    progressed: &mut Progressed,
    hooks: &mut Hooks<'_>,
) -> Result<End> {
    loop {
        let next = progressed.records.len() as u64;
        let enqueued = budget.enqueued.get(progressed.records.len()..);
        let enqueued = enqueued.unwrap_or_default();
        // The strategy is told the last of those before it is asked for its first.
        let n_most = match enqueued.len() {
            0 => budget.population,
            n_left => budget.population.min(n_left as u64),
        };
        let numbers: Vec<u64> = (next..budget.n_trials.min(next.saturating_add(n_most))).collect();
        if numbers.is_empty() {
            return Ok(End::Spent);
        }
        if (hooks.should_stop)() {
            return Ok(End::Stopped);
        }
        let asked = match enqueued {
            [] => strategy.ask(&numbers).context("the strategy can't go on")?,
            enqueued => enqueued[..numbers.len()].to_vec(),
        };
        if asked.is_empty() {
            return Ok(End::Exhausted);
        }
        let exhausted = asked.len() < numbers.len();
        let proposals = proposals(space, spelling, &numbers, asked)?;
        let batch = evaluate_batch(evaluator, progressed, proposals, hooks)?;
        let first_new = progressed.records.len() - batch.n_new;
        if batch.was_cut {
            return Ok(End::Stopped);
        }
        let trials: Vec<_> = progressed.records[first_new..]
            .iter()
            .map(|record| record.trial.clone())
            .collect();
        strategy.tell(&trials).context("the strategy can't go on")?;
        if exhausted {
            return Ok(End::Exhausted);
        }
    }
}

fn proposals(
    space: &Space,
    spelling: &dyn Spelling,
    numbers: &[u64],
    asked: Vec<Params>,
) -> Result<Vec<Proposal>> {
    if asked.len() > numbers.len() {
        let (found, expected) = (asked.len(), numbers.len());
        return Err(anyhow!(
            "the strategy answered {found} params to {expected} trial numbers"
        ));
    }
    let proposal = |(number, params): (&u64, Params)| {
        let params = space.canonical(&params).with_context(|| {
            format!("the strategy proposed for trial {number} what the space does not have")
        })?;
        let pass_args = spelling.pass_args(&params);
        let sampled_config = spelling.sampled_config(&params);
        Ok(Proposal {
            number: *number,
            params,
            pass_args,
            sampled_config,
        })
    };
    numbers.iter().zip(asked).map(proposal).collect()
}

/// What became of the proposals of one batch.
struct Batch {
    /// How many trials were finished.
    n_new: usize,
    /// Whether the caller asked to stop in between, so that others were not.
    was_cut: bool,
}

/// Evaluates what is new among proposals, repeats what is not, and keeps both by number.
fn evaluate_batch(
    evaluator: &Evaluator<'_>,
    progressed: &mut Progressed,
    proposals: Vec<Proposal>,
    hooks: &mut Hooks<'_>,
) -> Result<Batch> {
    let mut fresh: Vec<Proposal> = Vec::new();
    let mut repeated: Vec<(Proposal, u64)> = Vec::new();
    for proposal in proposals {
        let in_batch = fresh
            .iter()
            .find(|earlier| earlier.params == proposal.params);
        let earlier = progressed.seen.get(&proposal.params).copied();
        match earlier.or(in_batch.map(|earlier| earlier.number)) {
            Some(earlier) => repeated.push((proposal, earlier)),
            None => fresh.push(proposal),
        }
    }
    let n_before = progressed.records.len();
    let was_cut = evaluate(evaluator, progressed, fresh, hooks)?;
    let n_kept = progressed.records.len();
    for (proposal, of) in repeated {
        match progressed.repeat(&proposal, of) {
            Some(record) => progressed.records.push(record),
            // It repeats one that was cut.
            None if was_cut => {}
            None => return Err(anyhow!("trial {} repeats no trial", proposal.number)),
        }
    }
    tell_finished(progressed, n_kept, hooks)?;
    progressed.records.sort_by_key(|record| record.trial.number);
    let n_new = progressed.records.len() - n_before;
    Ok(Batch { n_new, was_cut })
}

/// Evaluates proposals and keeps each as soon as it is finished; returns whether the caller asked
/// to stop in between.
fn evaluate(
    evaluator: &Evaluator<'_>,
    progressed: &mut Progressed,
    proposals: Vec<Proposal>,
    hooks: &mut Hooks<'_>,
) -> Result<bool> {
    let Hooks {
        should_stop,
        on_epoch,
        on_finished,
    } = hooks;
    let on_epoch = |number: u64, epoch: &Epoch| {
        let verdict = on_epoch(number, epoch);
        if should_stop() {
            Verdict::Stop
        } else {
            verdict
        }
    };
    let earlier = match evaluator.pruner {
        Some(_) => progressed.curves(),
        None => Vec::new(),
    };
    let earlier: Vec<Earlier<'_>> = earlier
        .iter()
        .map(|(number, curve)| Earlier {
            number: *number,
            curve,
        })
        .collect();
    let directions = evaluator.goal.directions();
    let n_proposals = proposals.len();
    let mut n_kept = 0;
    evaluator.evaluate(proposals, &earlier, &on_epoch, should_stop, &mut |one| {
        if one.was_cut {
            return Ok(());
        }
        n_kept += 1;
        progressed.keep(one, &directions);
        on_finished(progressed, 1)
    })?;
    Ok(n_kept < n_proposals)
}

/// Lets the caller keep what was finished since there were so many trials.
fn tell_finished(progressed: &Progressed, n_before: usize, hooks: &mut Hooks<'_>) -> Result<()> {
    match progressed.records.len() - n_before {
        0 => Ok(()),
        n_new => (hooks.on_finished)(progressed, n_new),
    }
}
