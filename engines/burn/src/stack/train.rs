//! Training the candidates of a job, stack after stack.

use std::borrow::Cow;

use burn::tensor::Device;
use firebrick_core::engine::{
    Candidate, Epoch, Observer, TrainJob, TrainOutcome, Trained, Verdict, row_width,
};
use firebrick_core::graph::Graph;
use firebrick_core::random::epoch_order;
use firebrick_core::recipe::Keep;
use firebrick_core::weights::Weights;
use rayon::prelude::*;

use super::audience::{Audience, guarded, said};
use super::data::DeviceRows;
use super::epoch::{Data, Learner, Sums};
use super::group::stacks;
use super::judge::{Ends, judge, rows_by_class};
use super::layout::Layout;
use super::memory::Demand;
use super::size::Size;
use crate::network::Network;
use crate::optimizer::Optimizer;
use crate::parameters::Parameters;
use crate::train::one_value;

/// How many candidates may be in a stack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// At most so many.
    pub(crate) most: usize,
    /// As many as fit into so many bytes; absent where memory is no question.
    pub(crate) bytes: Option<u64>,
}

/// Candidates that train as one computation.
struct Stack<'a> {
    job: &'a TrainJob<'a>,
    data: &'a Data,
    rows_a_pass: usize,
    layout: Layout,
    members: Vec<Member>,
    learner: Learner,
    /// The weights that `keep = best` would keep, where that is asked.
    best: Option<Parameters>,
}

/// A candidate in a stack.
struct Member {
    /// In the job.
    position: usize,
    seed: u64,
    epochs: Vec<Epoch>,
    best_loss: Option<f64>,
    best_epoch: usize,
    since_best: usize,
    /// Whether its training came to its end, though it may still be computed along.
    has_ended: bool,
}

/// How the training of a candidate came to its end.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Trained,
    Stopped,
}

/// Trains the candidates of a job in stacks.
///
/// Memory that runs out halves a stack, whose candidates start anew: the observer hears no epoch
/// twice.
pub(crate) fn train(
    job: &TrainJob<'_>,
    device: &Device,
    room: Room,
    observer: &dyn Observer,
) -> Vec<TrainOutcome> {
    let graphs: Vec<&Graph> = job.candidates.iter().map(|one| &one.graph).collect();
    let Some(first) = graphs.first() else {
        return Vec::new();
    };
    let demand = Demand::of(job, row_width(first));
    let stacks = stacks(&graphs, |size| {
        let fit = room.bytes.map(|bytes| demand.n_candidates(size, bytes));
        fit.unwrap_or(usize::MAX).min(room.most).max(1)
    });
    let mut audience = Audience::new(observer, graphs.len());
    match guarded(|| upload(job, first, device)) {
        Ok(data) => {
            for stack in stacks {
                audience.train(&stack, &|positions, audience| {
                    let stack = Stack::new(job, device, &demand, &data, positions)?;
                    stack.run(audience);
                    Ok(())
                });
            }
        }
        Err(reason) => audience.fail(&stacks.concat(), &said(reason)),
    }
    audience.into_outcomes()
}

/// Puts both splits onto the device.
fn upload(job: &TrainJob<'_>, graph: &Graph, device: &Device) -> Result<Data, String> {
    let shape = graph.input_shape();
    let n_classes = job
        .validation
        .labels
        .iter()
        .max()
        .map_or(0, |top| *top as usize + 1);
    let train = DeviceRows::new(job.train, shape, device)?;
    let validation = DeviceRows::new(job.validation, shape, device)?;
    train.wait();
    validation.wait();
    Ok(Data {
        train,
        validation,
        validation_by_class: rows_by_class(job.validation.labels, n_classes),
    })
}

impl<'a> Stack<'a> {
    fn new(
        job: &'a TrainJob<'a>,
        device: &Device,
        demand: &Demand,
        data: &'a Data,
        positions: &[usize],
    ) -> Result<Self, String> {
        let candidates = positions.iter().map(|position| &job.candidates[*position]);
        let candidates: Vec<&Candidate> = candidates.collect();
        let graphs: Vec<&Graph> = candidates.iter().map(|one| &one.graph).collect();
        let layout = Layout::of(&graphs);
        let layout = layout.ok_or("its network is too large for any memory")?;
        let weights: Vec<Cow<'_, Weights>> = candidates
            .par_iter()
            .map(|one| match &one.weights {
                Some(weights) => Cow::Borrowed(weights),
                None => Cow::Owned(Weights::init(&one.graph, one.seed)),
            })
            .collect();
        let weights: Vec<&Weights> = weights.iter().map(AsRef::as_ref).collect();
        let parameters = Parameters::stacked(&layout, &weights, device);
        let network = Network::stacked(&layout, &parameters);
        let batches = job.recipe.batches(job.train.len());
        let smallest = batches.iter().map(ExactSizeIterator::len).min();
        let smallest = smallest.unwrap_or(0);
        if let Some(node) = network.normalises_one_value(smallest) {
            return Err(one_value(&node.name, smallest));
        }
        let size = Size::of(layout.graph());
        let members = candidates.iter().zip(positions);
        Ok(Self {
            job,
            data,
            rows_a_pass: demand.rows_a_pass(&size, candidates.len()),
            members: members
                .map(|(candidate, position)| Member::new(*position, candidate.seed))
                .collect(),
            learner: Learner {
                optimizer: Optimizer::new(job.recipe, &parameters),
                parameters,
                n_steps: (job.recipe.epochs().start * batches.len()) as u64,
            },
            layout,
            best: None,
        })
    }

    /// Trains until every member has ended.
    fn run(mut self, audience: &mut Audience<'_>) {
        let epochs = self.job.recipe.epochs();
        let mut orders = self.orders(epochs.start);
        for nth in epochs.clone() {
            let is_last = nth + 1 == epochs.end;
            let (sums, next) = self.epoch(nth, orders, is_last);
            orders = next;
            self.end(&sums, is_last, audience);
            let open = self.members.iter().enumerate();
            let open = open.filter(|(_, member)| !member.has_ended);
            let open: Vec<usize> = open.map(|(idx, _)| idx).collect();
            if open.is_empty() {
                return;
            }
            if 2 * open.len() <= self.members.len() {
                self.keep(&open);
                orders = kept(orders, &open);
            }
        }
    }

    /// Trains an epoch, counted from 0, and judges it; returns the orders of the next one, too,
    /// which are made while the device computes.
    fn epoch(&mut self, nth: usize, orders: Vec<Vec<u32>>, is_last: bool) -> (Sums, Vec<Vec<u32>>) {
        let device = self.learner.parameters.trained.device();
        let ends = Ends::of(self.layout.graph(), self.members.len(), &device);
        let seeds: Vec<u64> = self.members.iter().map(|member| member.seed).collect();
        let network = Network::stacked(&self.layout, &self.learner.parameters);
        let n_steps = self.learner.n_steps;
        let rows = &self.data.train;
        let of_epoch = (nth, seeds.as_slice(), orders.as_slice());
        let steps = self
            .learner
            .steps(&network, self.job, rows, &ends, of_epoch);
        let (parameters, rows) = (&self.learner.parameters, &self.data.validation);
        let judged = judge(&network, parameters, rows, &ends, self.rows_a_pass);
        drop(orders);
        let next = match is_last {
            true => Vec::new(),
            false => self.orders(nth + 1),
        };
        (Sums::fetch(nth, n_steps, steps, judged), next)
    }

    /// Returns the order of each member in an epoch.
    fn orders(&self, epoch: usize) -> Vec<Vec<u32>> {
        let members = self.members.par_iter();
        members
            .map(|member| epoch_order(member.seed, epoch, self.data.train.len()))
            .collect()
    }

    /// Tells of an epoch, and ends the training of the members that it ends.
    fn end(&mut self, sums: &Sums, is_last: bool, audience: &mut Audience<'_>) {
        let recipe = self.job.recipe;
        let (n_rows, by_class) = (self.data.train.len(), &self.data.validation_by_class);
        let mut improved = vec![false; self.members.len()];
        let mut ended = Vec::new();
        for (idx, member) in self.members.iter_mut().enumerate() {
            if member.has_ended {
                continue;
            }
            let epoch = sums.epoch_of(idx, recipe, n_rows, by_class);
            let heard = epoch.and_then(|epoch| {
                improved[idx] = member.compare(&epoch);
                let verdict = audience.hear(member.position, member.epochs.len(), &epoch)?;
                member.epochs.push(epoch);
                Ok(verdict)
            });
            let is_impatient = || {
                recipe
                    .patience
                    .is_some_and(|most| member.since_best >= most)
            };
            match heard {
                Ok(Verdict::Stop) => ended.push((idx, End::Stopped)),
                Ok(Verdict::Continue) if is_last || is_impatient() => {
                    ended.push((idx, End::Trained));
                }
                Ok(Verdict::Continue) => {}
                Err(reason) => {
                    audience.fail(&[member.position], &reason);
                    member.has_ended = true;
                }
            }
        }
        if recipe.keep == Keep::Best {
            match &mut self.best {
                Some(best) => best.take(&self.learner.parameters, &improved),
                None => self.best = Some(self.learner.parameters.clone()),
            }
        }
        self.hand_over(&ended, audience);
    }

    /// Notes what members whose training ended leave.
    fn hand_over(&mut self, ended: &[(usize, End)], audience: &mut Audience<'_>) {
        if ended.is_empty() {
            return;
        }
        let members: Vec<usize> = ended.iter().map(|(idx, _)| *idx).collect();
        let kept = self.best.as_ref().unwrap_or(&self.learner.parameters);
        let weights = kept.weights_of(&self.layout, &members);
        for ((idx, end), weights) in ended.iter().zip(weights) {
            let member = &mut self.members[*idx];
            member.has_ended = true;
            let epochs = std::mem::take(&mut member.epochs);
            let last_epoch = epochs.last().map_or(0, |epoch| epoch.epoch);
            let trained = Trained {
                weights,
                kept_epoch: match self.best {
                    Some(_) => member.best_epoch,
                    None => last_epoch,
                },
                epochs,
            };
            let outcome = match end {
                End::Trained => TrainOutcome::Trained(trained),
                End::Stopped => TrainOutcome::Stopped(trained),
            };
            audience.end(member.position, outcome);
        }
    }

    /// Goes on with some members alone.
    fn keep(&mut self, members: &[usize]) {
        self.layout.keep(members);
        self.learner.parameters.keep(members);
        self.learner.optimizer.keep(members);
        if let Some(best) = &mut self.best {
            best.keep(members);
        }
        self.members = kept(std::mem::take(&mut self.members), members);
    }
}

impl Member {
    fn new(position: usize, seed: u64) -> Self {
        Self {
            position,
            seed,
            epochs: Vec::new(),
            best_loss: None,
            best_epoch: 0,
            since_best: 0,
            has_ended: false,
        }
    }

    /// Notes whether an epoch is the best so far.
    fn compare(&mut self, epoch: &Epoch) -> bool {
        let loss = epoch.validation.loss;
        let is_best = self.best_loss.is_none_or(|best| loss < best);
        if is_best {
            self.best_loss = Some(loss);
            self.best_epoch = epoch.epoch;
            self.since_best = 0;
        } else {
            self.since_best += 1;
        }
        is_best
    }
}

/// Returns the items at some indices, ascending.
fn kept<T>(items: Vec<T>, indices: &[usize]) -> Vec<T> {
    let items = items.into_iter().enumerate();
    let kept = items.filter(|(idx, _)| indices.binary_search(idx).is_ok());
    kept.map(|(_, item)| item).collect()
}
