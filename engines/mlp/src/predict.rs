//! Rows through a network whose running statistics are in use, a few blocks at a time.

use std::ops::Range;

use firebrick_core::engine::Evaluation;

use crate::affine::Affine;
use crate::chain::{Chain, Kind};
use crate::kernels::{
    Ahead, Judge, LANES, Lanes, LinearForward, NormForward, Path, Relu, numbers, numbers_mut,
    scatter,
};
use crate::parameters::{Parameters, running_scales};
use crate::source::Source;

/// Blocks at a time: so few that small networks stay in the nearest cache.
const BLOCKS: usize = 8;
pub(crate) const ROWS: usize = BLOCKS * LANES;

/// Everything that a prediction writes.
#[derive(Debug)]
pub(crate) struct Predictor {
    path: Path,
    /// What a step reads and what it makes, in turn.
    values: [Vec<Lanes>; 2],
    /// Scales by running statistics, by step; empty but for normalisations.
    running: Vec<Vec<f32>>,
    /// What normalisations compute with instead, by step, where scale or shift have a format.
    affines: Vec<Option<Affine>>,
    labels: Vec<Lanes>,
    losses: Vec<Lanes>,
    right: Vec<Lanes>,
    /// Rows of each class, and how many of them were right.
    counts: Vec<[u64; 2]>,
}

impl Predictor {
    /// Makes buffers.
    pub(crate) fn new(path: Path, chain: &Chain) -> Self {
        let lanes = |width: usize| vec![Lanes::ZERO; BLOCKS * width];
        let widest = chain.widths.iter().copied().fold(1, usize::max);
        let running = |(idx, kind): (usize, Kind)| match kind {
            Kind::Norm { .. } => vec![0.0; chain.widths[idx]],
            _ => Vec::new(),
        };
        let affine = |(idx, kind): (usize, Kind)| match kind {
            Kind::Norm { eps, .. } => Affine::of(chain, idx, eps),
            _ => None,
        };
        let kinds = || chain.steps.iter().map(|step| step.kind).enumerate();
        Self {
            path,
            values: [lanes(widest), lanes(widest)],
            running: kinds().map(running).collect(),
            affines: kinds().map(affine).collect(),
            labels: lanes(1),
            losses: lanes(1),
            right: lanes(1),
            counts: vec![[0; 2]; chain.classes()],
        }
    }

    /// Returns the logits of rows, row after row.
    pub(crate) fn predict(
        &mut self,
        chain: &Chain,
        parameters: &Parameters,
        source: &mut Source<'_>,
    ) -> Vec<f32> {
        let n_rows = source.n_rows();
        let mut logits = Vec::with_capacity(n_rows * chain.classes());
        self.prepare(chain, parameters);
        for start in (0..n_rows).step_by(ROWS) {
            let n_rows = (n_rows - start).min(ROWS);
            let values = self.run(chain, parameters, source, start..start + n_rows);
            scatter(values, chain.classes(), n_rows, &mut logits);
        }
        logits
    }

    /// Judges rows, whose labels are classes of the network, as [`Evaluation::of`] their logits
    /// does, but with exponentials in float32.
    pub(crate) fn judge(
        &mut self,
        chain: &Chain,
        parameters: &Parameters,
        source: &mut Source<'_>,
        labels: &[u32],
    ) -> Evaluation {
        self.prepare(chain, parameters);
        self.counts.fill([0; 2]);
        let mut loss = 0.0;
        for start in (0..labels.len()).step_by(ROWS) {
            let rows = start..labels.len().min(start + ROWS);
            self.run(chain, parameters, source, rows.clone());
            loss += self.judge_some(chain, &labels[rows]);
        }
        let n_right: u64 = self.counts.iter().map(|[_, right]| right).sum();
        let (mut shares, mut n_seen) = (0.0, 0);
        for [rows, right] in &self.counts {
            if *rows > 0 {
                shares += *right as f64 / *rows as f64;
                n_seen += 1;
            }
        }
        Evaluation {
            loss: loss / labels.len() as f64,
            accuracy: n_right as f64 / labels.len() as f64,
            macro_accuracy: shares / f64::from(n_seen),
        }
    }

    /// Takes over what normalisations compute with.
    fn prepare(&mut self, chain: &Chain, parameters: &Parameters) {
        running_scales(chain, parameters, &mut self.running);
        for (idx, affine) in self.affines.iter_mut().enumerate() {
            if let Some(affine) = affine {
                let from = ["weight", "bias", "running_mean", "running_var"];
                affine.follow(self.path, from.map(|name| parameters.get(idx, name)));
            }
        }
    }

    /// Returns the sum of the losses of the rows that were run last, and counts those that are
    /// right.
    fn judge_some(&mut self, chain: &Chain, labels: &[u32]) -> f64 {
        for (lane, label) in numbers_mut(&mut self.labels).iter_mut().zip(labels) {
            *lane = *label as f32;
        }
        let (blocks, classes) = (labels.len().div_ceil(LANES), chain.classes());
        self.path.run(Judge {
            logits: &self.values[chain.steps.len() % 2][..blocks * classes],
            labels: &self.labels[..blocks],
            losses: &mut self.losses[..blocks],
            right: &mut self.right[..blocks],
            blocks,
            classes,
        });
        let mut loss = 0.0;
        let judged = numbers(&self.losses).iter().zip(numbers(&self.right));
        for (label, (row_loss, right)) in labels.iter().zip(judged) {
            loss += f64::from(*row_loss);
            let count = &mut self.counts[*label as usize];
            count[0] += 1;
            count[1] += *right as u64;
        }
        loss
    }

    /// Returns the logits of some rows, in blocks.
    fn run(
        &mut self,
        chain: &Chain,
        parameters: &Parameters,
        source: &mut Source<'_>,
        rows: Range<usize>,
    ) -> &[Lanes] {
        let (path, blocks) = (self.path, rows.len().div_ceil(LANES));
        let [even, odd] = &mut self.values;
        source.gather(path, rows, &mut even[..blocks * chain.input()]);
        for (idx, step) in chain.steps.iter().enumerate() {
            let (width, to_width) = (chain.widths[idx], chain.widths[idx + 1]);
            let (x, y) = match idx % 2 {
                0 => (&mut *even, &mut *odd),
                _ => (&mut *odd, &mut *even),
            };
            let (x, y) = (&x[..blocks * width], &mut y[..blocks * to_width]);
            match step.kind {
                Kind::Linear { .. } => path.run(LinearForward {
                    x,
                    weight: parameters.get(idx, "weight"),
                    bias: parameters.get(idx, "bias"),
                    y,
                    blocks,
                    inputs: width,
                    outputs: to_width,
                    relu: step.relu,
                    ahead: Ahead::NONE,
                }),
                Kind::Norm { .. } => {
                    let [mean, scale, shift] = match &self.affines[idx] {
                        Some(affine) => affine.stored(),
                        None => [
                            parameters.get(idx, "running_mean"),
                            &self.running[idx],
                            parameters.get(idx, "bias"),
                        ],
                    };
                    path.run(NormForward {
                        x,
                        mean,
                        scale,
                        shift,
                        y,
                        blocks,
                        width,
                        relu: step.relu,
                    });
                }
                Kind::Relu => path.run(Relu { x, y }),
                Kind::Quantize(format) => format.store(path, x, y, step.relu),
                Kind::Dropout { .. } => y.copy_from_slice(x),
            }
        }
        &self.values[chain.steps.len() % 2][..blocks * chain.classes()]
    }
}
