//! Cross-entropy of 16 rows at a time.

use super::simd::Simd;
use super::{Kernel, LANES, Lanes, check_values};

/// The cross-entropy of a batch against smoothed targets, and the gradient of its mean by the
/// logits.
///
/// Of equal logits the first counts. A logit that is no number makes the loss of its row no
/// number.
pub(crate) struct CrossEntropy<'a> {
    /// `[blocks][classes]`.
    pub(crate) logits: &'a [Lanes],
    /// `[blocks]`, the classes as numbers.
    pub(crate) labels: &'a [Lanes],
    /// How many rows there are.
    pub(crate) rows: usize,
    /// Which share of the target is spread evenly over all classes.
    pub(crate) smoothing: f64,
    /// Whether logits are the result of a relu, whose gradient is taken too.
    pub(crate) relu: bool,
    /// `[blocks][classes]`.
    pub(crate) by_logits: &'a mut [Lanes],
    pub(crate) blocks: usize,
    pub(crate) classes: usize,
}

/// What a batch came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BatchLoss {
    /// The sum of the cross-entropies of the rows, in nats, smoothed as was asked.
    pub(crate) loss: f64,
    /// How many rows were right.
    pub(crate) right: usize,
}

/// The cross-entropy of each row, and whether it is right, without a gradient.
pub(crate) struct Judge<'a> {
    /// `[blocks][classes]`.
    pub(crate) logits: &'a [Lanes],
    /// `[blocks]`, the classes as numbers.
    pub(crate) labels: &'a [Lanes],
    /// `[blocks]`.
    pub(crate) losses: &'a mut [Lanes],
    /// `[blocks]`, 1 where a row is right, else 0.
    pub(crate) right: &'a mut [Lanes],
    pub(crate) blocks: usize,
    pub(crate) classes: usize,
}

impl Kernel for CrossEntropy<'_> {
    type Output = BatchLoss;

    fn check(&self) {
        check_values("logits", self.logits, self.blocks, self.classes);
        check_values("gradient", self.by_logits, self.blocks, self.classes);
        check_values("labels", self.labels, self.blocks, 1);
        assert!(self.classes > 0, "at least one class");
        let blocks = self.rows.div_ceil(LANES);
        assert_eq!(blocks, self.blocks, "{} rows", self.rows);
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(self) -> BatchLoss {
        let (mut loss, mut right) = ([0.0_f64; LANES], [0.0_f32; LANES]);
        let share = 1.0 / self.rows as f32;
        let of_label = (1.0 - self.smoothing) as f32;
        // Of 0 it stays -0, which changes no product that it is added to.
        let of_any = -(self.smoothing / self.classes as f64) as f32;
        for block in 0..self.blocks {
            let rows = (self.rows - block * LANES).min(LANES);
            let mut shares = Lanes([share; LANES]);
            shares.0[rows..].fill(0.0);
            let (mut losses, mut hits) = (Lanes::ZERO, Lanes::ZERO);
            // SAFETY: the block is in the slices, which are as long as was checked.
            unsafe {
                let at = block * self.classes;
                let row = Row {
                    logits: self.logits.as_ptr().add(at),
                    label: S::load(self.labels.as_ptr().add(block)),
                    classes: self.classes,
                };
                let exps = self.by_logits.as_mut_ptr().add(at);
                let (sum, mut lane_losses, lane_hits) = row.judge::<S>(exps);
                if self.smoothing > 0.0 {
                    let smoothing = S::splat(self.smoothing as f32);
                    lane_losses = S::fma(row.lead::<S>(), smoothing, lane_losses);
                }
                S::store(&mut losses, lane_losses);
                S::store(&mut hits, lane_hits);
                let (share, zero) = (S::load(&shares), S::splat(0.0));
                let scale = S::div(share, sum);
                let of_label = S::mul(share, S::splat(of_label));
                let of_any = S::mul(share, S::splat(of_any));
                for class in 0..self.classes {
                    let hit = S::if_equal(row.label, S::splat(class as f32), of_label);
                    let mut gradient = S::sub(S::fma(S::load(exps.add(class)), scale, of_any), hit);
                    if self.relu {
                        let logit = S::load(row.logits.add(class));
                        gradient = S::if_greater(logit, zero, gradient, zero);
                    }
                    S::store(exps.add(class), gradient);
                }
            }
            if rows < LANES {
                losses.0[rows..].fill(0.0);
                hits.0[rows..].fill(0.0);
            }
            for k in 0..LANES {
                loss[k] += f64::from(losses.0[k]);
                right[k] += hits.0[k];
            }
        }
        BatchLoss {
            loss: loss.iter().sum(),
            right: right.iter().map(|right| *right as usize).sum(),
        }
    }
}

impl Kernel for Judge<'_> {
    type Output = ();

    fn check(&self) {
        check_values("logits", self.logits, self.blocks, self.classes);
        check_values("labels", self.labels, self.blocks, 1);
        check_values("losses", self.losses, self.blocks, 1);
        check_values("right", self.right, self.blocks, 1);
        assert!(self.classes > 0, "at least one class");
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for block in 0..self.blocks {
            // SAFETY: the block is in the slices, which are as long as was checked.
            unsafe {
                let row = Row {
                    logits: self.logits.as_ptr().add(block * self.classes),
                    label: S::load(self.labels.as_ptr().add(block)),
                    classes: self.classes,
                };
                let (_, losses, right) = row.judge::<S>(std::ptr::null_mut());
                S::store(self.losses.as_mut_ptr().add(block), losses);
                S::store(self.right.as_mut_ptr().add(block), right);
            }
        }
    }
}

/// The logits of a block of rows.
struct Row<V> {
    logits: *const Lanes,
    label: V,
    classes: usize,
}

impl<V: Copy> Row<V> {
    /// Returns the sums of `exp(logit - top)`, which go to `exps` unless that is null, the
    /// losses, and 1 where the first of the largest logits is that of the label, else 0.
    #[inline(always)]
    unsafe fn judge<S: Simd<Vector = V>>(&self, exps: *mut Lanes) -> (V, V, V) {
        // SAFETY: classes are in the block.
        unsafe {
            let zero = S::splat(0.0);
            let mut top = S::load(self.logits);
            let mut first_top = zero;
            let mut of_label = S::if_equal(self.label, zero, top);
            for class in 1..self.classes {
                let (logit, class) = (S::load(self.logits.add(class)), S::splat(class as f32));
                first_top = S::if_greater(logit, top, class, first_top);
                top = S::if_greater(logit, top, logit, top);
                of_label = S::add(of_label, S::if_equal(self.label, class, logit));
            }
            let mut sum = zero;
            for class in 0..self.classes {
                let exp = exp::<S>(S::sub(S::load(self.logits.add(class)), top));
                if !exps.is_null() {
                    S::store(exps.add(class), exp);
                }
                sum = S::add(sum, exp);
            }
            let losses = S::sub(ln::<S>(sum), S::sub(of_label, top));
            let right = S::if_equal(self.label, first_top, S::splat(1.0));
            (sum, losses, right)
        }
    }

    /// Returns by how much the logit of the label is above the mean of all.
    #[inline(always)]
    unsafe fn lead<S: Simd<Vector = V>>(&self) -> V {
        // SAFETY: classes are in the block.
        unsafe {
            let (mut sum, mut of_label) = (S::splat(0.0), S::splat(0.0));
            for class in 0..self.classes {
                let logit = S::load(self.logits.add(class));
                sum = S::add(sum, logit);
                of_label = S::add(
                    of_label,
                    S::if_equal(self.label, S::splat(class as f32), logit),
                );
            }
            S::sub(of_label, S::mul(sum, S::splat(1.0 / self.classes as f32)))
        }
    }
}

/// `exp` of numbers up to 0, within 2 units in the last place; what is below `exp(-87)` counts as
/// that. NaN stays NaN.
///
/// # Source
/// The reduction and polynomial of `expf` in Moshier's Cephes library.
#[inline(always)]
pub(super) unsafe fn exp<S: Simd>(x: S::Vector) -> S::Vector {
    // SAFETY: arithmetic only.
    unsafe {
        let x = S::at_least(x, S::splat(-87.0));
        // Adding and taking away 1.5 * 2^23 rounds to a whole number.
        let round = S::splat(12_582_912.0);
        let power = S::sub(S::fma(x, S::splat(std::f32::consts::LOG2_E), round), round);
        let rest = S::fma(power, S::splat(-0.693_359_4), x);
        let rest = S::fma(power, S::splat(2.121_944_4e-4), rest);
        let mut p = S::splat(1.987_569_1e-4);
        for coefficient in [
            1.398_199_9e-3,
            8.333_452e-3,
            4.166_579_6e-2,
            1.666_666_5e-1,
            5e-1,
        ] {
            p = S::fma(p, rest, S::splat(coefficient));
        }
        let p = S::fma(S::mul(rest, rest), p, S::add(rest, S::splat(1.0)));
        S::mul(p, S::power_of_two(power))
    }
}

/// `ln` of normal positive numbers, within 2 units in the last place; NaN where `x` is NaN or
/// infinite.
///
/// # Source
/// The polynomial of `logf` in Moshier's Cephes library.
#[inline(always)]
pub(super) unsafe fn ln<S: Simd>(x: S::Vector) -> S::Vector {
    // SAFETY: arithmetic only.
    unsafe {
        let (mantissa, exponent) = S::split(x);
        let one = S::splat(1.0);
        let limit = S::splat(std::f32::consts::SQRT_2);
        let halved = S::mul(mantissa, S::splat(0.5));
        let more = S::if_greater(mantissa, limit, one, S::splat(0.0));
        let f = S::sub(S::if_greater(mantissa, limit, halved, mantissa), one);
        let exponent = S::add(exponent, more);
        let mut p = S::splat(7.037_683_6e-2);
        for coefficient in [
            -1.151_461e-1,
            1.167_699_8e-1,
            -1.242_014_1e-1,
            1.424_932_3e-1,
            -1.666_805_7e-1,
            2.000_071_5e-1,
            -2.499_999_4e-1,
            3.333_333e-1,
        ] {
            p = S::fma(p, f, S::splat(coefficient));
        }
        let squared = S::mul(f, f);
        let y = S::mul(S::mul(p, f), squared);
        let y = S::fma(exponent, S::splat(-2.121_944_4e-4), y);
        let y = S::fma(squared, S::splat(-0.5), y);
        let y = S::fma(exponent, S::splat(0.693_359_4), S::add(f, y));
        // Makes no number of what is none, which the bits do not show everywhere.
        S::add(y, S::sub(x, x))
    }
}
