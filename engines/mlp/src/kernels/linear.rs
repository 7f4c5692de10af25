//! Linear layers: tiles of results stay in registers while the other side streams by.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::simd::Simd;
use super::{Ahead, Kernel, Lanes, check_values};

/// `y = x Wᵀ + b`, its negative part cut off where `relu`.
pub(crate) struct LinearForward<'a> {
    /// `[blocks][inputs]`.
    pub(crate) x: &'a [Lanes],
    /// `[inputs, outputs]`.
    pub(crate) weight: &'a [f32],
    /// `[outputs]`, or nothing.
    pub(crate) bias: &'a [f32],
    /// `[blocks][outputs]`.
    pub(crate) y: &'a mut [Lanes],
    pub(crate) blocks: usize,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) relu: bool,
    /// Rows that memory is asked for meanwhile.
    pub(crate) ahead: Ahead<'a>,
}

/// The gradient by `x` of [`LinearForward`].
pub(crate) struct LinearBackward<'a> {
    /// The gradient by `y`: `[blocks][outputs]`.
    pub(crate) by_y: &'a [Lanes],
    /// `[inputs, outputs]`.
    pub(crate) weight: &'a [f32],
    /// `[blocks][inputs]` where `x` is the result of a relu, whose gradient is taken too; or
    /// nothing.
    pub(crate) x: &'a [Lanes],
    /// `[blocks][inputs]`.
    pub(crate) by_x: &'a mut [Lanes],
    pub(crate) blocks: usize,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
}

/// The gradient by the weights of [`LinearForward`].
pub(crate) struct WeightGradient<'a> {
    /// `[blocks][inputs]`.
    pub(crate) x: &'a [Lanes],
    /// `[blocks][outputs]`.
    pub(crate) by_y: &'a [Lanes],
    /// `[inputs, outputs]`.
    pub(crate) by_weight: &'a mut [f32],
    pub(crate) blocks: usize,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
}

/// Sums over all rows, one a feature: the gradient by a bias.
pub(crate) struct SumRows<'a> {
    /// `[blocks][width]`.
    pub(crate) x: &'a [Lanes],
    /// `[width]`.
    pub(crate) sums: &'a mut [f32],
    pub(crate) blocks: usize,
    pub(crate) width: usize,
}

impl Kernel for LinearForward<'_> {
    type Output = ();

    fn check(&self) {
        check_values("x", self.x, self.blocks, self.inputs);
        check_values("y", self.y, self.blocks, self.outputs);
        assert_eq!(self.weight.len(), self.inputs * self.outputs, "weight");
        assert!(
            self.bias.is_empty() || self.bias.len() == self.outputs,
            "bias"
        );
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let tiles = Tiles {
            from: self.x.as_ptr(),
            n_from: self.inputs,
            weight: self.weight.as_ptr(),
            weight_from: self.outputs,
            weight_to: 1,
            to: self.y.as_mut_ptr(),
            n_to: self.outputs,
        };
        let end = if self.relu {
            End::Relu(bias_of(self.bias))
        } else {
            End::Plain(bias_of(self.bias))
        };
        // SAFETY: the caller checked the sizes, which are those that tiles read and write.
        unsafe { tiles.run::<S>(self.blocks, end, self.ahead) }
    }
}

impl Kernel for LinearBackward<'_> {
    type Output = ();

    fn check(&self) {
        check_values("by_y", self.by_y, self.blocks, self.outputs);
        check_values("by_x", self.by_x, self.blocks, self.inputs);
        assert_eq!(self.weight.len(), self.inputs * self.outputs, "weight");
        assert!(self.x.is_empty() || self.x.len() == self.by_x.len(), "x");
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let tiles = Tiles {
            from: self.by_y.as_ptr(),
            n_from: self.outputs,
            weight: self.weight.as_ptr(),
            weight_from: 1,
            weight_to: self.outputs,
            to: self.by_x.as_mut_ptr(),
            n_to: self.inputs,
        };
        let end = match self.x.is_empty() {
            true => End::Plain(std::ptr::null()),
            false => End::Mask(self.x.as_ptr()),
        };
        // SAFETY: the caller checked the sizes, which are those that tiles read and write.
        unsafe { tiles.run::<S>(self.blocks, end, Ahead::NONE) }
    }
}

fn bias_of(bias: &[f32]) -> *const f32 {
    match bias.is_empty() {
        true => std::ptr::null(),
        false => bias.as_ptr(),
    }
}

/// What happens to results before they leave the registers.
#[derive(Clone, Copy)]
enum End {
    /// A bias is added, unless it is null.
    Plain(*const f32),
    /// A bias is added, unless it is null, and the negative part is cut off.
    Relu(*const f32),
    /// Kept where these are positive, else 0.
    Mask(*const Lanes),
}

/// `to[block][t] = Σ from[block][f] * weight[f * weight_from + t * weight_to]`.
#[derive(Clone, Copy)]
struct Tiles {
    from: *const Lanes,
    n_from: usize,
    weight: *const f32,
    weight_from: usize,
    weight_to: usize,
    to: *mut Lanes,
    n_to: usize,
}

impl Tiles {
    #[inline(always)]
    unsafe fn run<S: Simd>(self, blocks: usize, end: End, ahead: Ahead<'_>) {
        // SAFETY: offsets are those of blocks, which are in the slices.
        unsafe {
            let mut block = 0;
            while S::BLOCKS == 2 && block + 2 <= blocks {
                ahead.part(block / 2, blocks / 2).ask::<S>();
                self.at(block).blocks::<S, 2>(end.at(block * self.n_to));
                block += 2;
            }
            while block < blocks {
                if S::BLOCKS == 1 {
                    ahead.part(block, blocks).ask::<S>();
                }
                self.at(block).blocks::<S, 1>(end.at(block * self.n_to));
                block += 1;
            }
        }
    }

    #[inline(always)]
    unsafe fn at(self, block: usize) -> Self {
        // SAFETY: the block is in the slices.
        unsafe {
            Self {
                from: self.from.add(block * self.n_from),
                to: self.to.add(block * self.n_to),
                ..self
            }
        }
    }

    #[inline(always)]
    unsafe fn blocks<S: Simd, const B: usize>(self, end: End) {
        // SAFETY: `t` plus the results of a tile never passes `n_to`.
        unsafe {
            let mut t = 0;
            if S::RESULTS >= 8 {
                while t + 8 <= self.n_to {
                    self.tile::<S, B, 8>(t, end);
                    t += 8;
                }
            }
            // A tile of few sums waits for each of them.
            match self.n_to - t {
                7 if S::RESULTS >= 8 => return self.tile::<S, B, 7>(t, end),
                6 if S::RESULTS >= 8 => return self.tile::<S, B, 6>(t, end),
                5 if S::RESULTS >= 8 => return self.tile::<S, B, 5>(t, end),
                _ => {}
            }
            if S::RESULTS >= 4 {
                while t + 4 <= self.n_to {
                    self.tile::<S, B, 4>(t, end);
                    t += 4;
                }
            }
            if S::RESULTS == 2 {
                while t + 2 <= self.n_to {
                    self.tile::<S, B, 2>(t, end);
                    t += 2;
                }
            }
            match self.n_to - t {
                3 => self.tile::<S, B, 3>(t, end),
                2 => self.tile::<S, B, 2>(t, end),
                1 => self.tile::<S, B, 1>(t, end),
                _ => {}
            }
        }
    }

    /// Computes results `t..t + J` of `B` blocks.
    #[inline(always)]
    unsafe fn tile<S: Simd, const B: usize, const J: usize>(self, t: usize, end: End) {
        // SAFETY: `B` blocks and `J` results from `t` on are in the slices.
        unsafe {
            let zero = S::splat(0.0);
            let mut sums = [[zero; B]; J];
            if let End::Plain(bias) | End::Relu(bias) = end
                && !bias.is_null()
            {
                for j in 0..J {
                    sums[j] = [S::splat(*bias.add(t + j)); B];
                }
            }
            let mut from = self.from;
            let mut weight = self.weight.add(t * self.weight_to);
            for _ in 0..self.n_from {
                let mut x = [zero; B];
                for b in 0..B {
                    x[b] = S::load(from.add(b * self.n_from));
                }
                for j in 0..J {
                    let w = S::splat(*weight.add(j * self.weight_to));
                    for b in 0..B {
                        sums[j][b] = S::fma(w, x[b], sums[j][b]);
                    }
                }
                from = from.add(1);
                weight = weight.wrapping_add(self.weight_from);
            }
            for j in 0..J {
                for b in 0..B {
                    let at = b * self.n_to + t + j;
                    let result = match end {
                        End::Plain(_) => sums[j][b],
                        End::Relu(_) => S::at_least(sums[j][b], zero),
                        End::Mask(x) => S::if_greater(S::load(x.add(at)), zero, sums[j][b], zero),
                    };
                    S::store(self.to.add(at), result);
                }
            }
        }
    }
}

impl End {
    /// The same, for blocks that begin so many lanes later.
    #[inline(always)]
    unsafe fn at(self, lanes: usize) -> Self {
        match self {
            // SAFETY: the lanes are in the slice, as those of the results are.
            Self::Mask(x) => Self::Mask(unsafe { x.add(lanes) }),
            other => other,
        }
    }
}

impl Kernel for WeightGradient<'_> {
    type Output = ();

    fn check(&self) {
        check_values("x", self.x, self.blocks, self.inputs);
        check_values("by_y", self.by_y, self.blocks, self.outputs);
        assert_eq!(
            self.by_weight.len(),
            self.inputs * self.outputs,
            "by_weight"
        );
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(mut self) {
        let chunk = (CACHED / self.outputs).clamp(1, BLOCKS);
        let mut start = 0;
        while start < self.blocks {
            let end = self.blocks.min(start + chunk);
            // SAFETY: the blocks are there, and `i` plus the inputs of a tile never passes them.
            unsafe {
                let mut i = 0;
                while S::INPUTS == 8 && i + 8 <= self.inputs {
                    self.row::<S, 8>(start..end, i);
                    i += 8;
                }
                while i + 4 <= self.inputs {
                    self.row::<S, 4>(start..end, i);
                    i += 4;
                }
                while i < self.inputs {
                    self.row::<S, 1>(start..end, i);
                    i += 1;
                }
            }
            start = end;
        }
    }
}

/// Lanes of gradients that a pass over the weights reads: those of many blocks pay for finishing
/// the sums, but have to stay in the cache from one row of tiles to the next.
const CACHED: usize = 256 * 1024 / size_of::<Lanes>();
/// Blocks that a pass over the weights reads at most.
const BLOCKS: usize = 64;
/// From how many outputs on it pays to copy the inputs of a row of tiles side by side.
const MANY: usize = 32;

impl WeightGradient<'_> {
    #[inline(always)]
    unsafe fn row<S: Simd, const I: usize>(&mut self, blocks: Range<usize>, i: usize) {
        // SAFETY: `o` plus the outputs of a tile never passes them, the copy has room for `BLOCKS`
        // blocks of 8, and as the caller promises.
        unsafe {
            let mut copy = [const { MaybeUninit::<Lanes>::uninit() }; BLOCKS * 8];
            let mut x = (
                self.x.as_ptr().add(blocks.start * self.inputs + i),
                self.inputs,
            );
            if self.outputs >= MANY {
                // Where blocks lie a power of two apart they would compete for few places in the
                // nearest cache.
                let copy = copy.as_mut_ptr().cast::<Lanes>();
                for block in 0..blocks.len() {
                    for j in 0..I {
                        S::store(copy.add(block * I + j), S::load(x.0.add(block * x.1 + j)));
                    }
                }
                x = (copy.cast_const(), I);
            }
            let mut o = 0;
            while o + 2 <= self.outputs {
                self.tile::<S, I, 2>(blocks.clone(), x, i, o);
                o += 2;
            }
            if o < self.outputs {
                self.tile::<S, I, 1>(blocks, x, i, o);
            }
        }
    }

    /// Computes `I` by `O` gradients, from the first of the inputs and how many lanes further those
    /// of the next block lie.
    ///
    /// Sums over blocks in registers: adding to memory block by block takes four times as long.
    #[inline(always)]
    unsafe fn tile<S: Simd, const I: usize, const O: usize>(
        &mut self,
        blocks: Range<usize>,
        (mut x, x_step): (*const Lanes, usize),
        i: usize,
        o: usize,
    ) {
        // SAFETY: `I` inputs from `i` and `O` outputs from `o` on are in every block.
        unsafe {
            let mut sums = [[S::zero_sum(); O]; I];
            let mut by_y = self.by_y.as_ptr().add(blocks.start * self.outputs + o);
            for _ in 0..blocks.len() {
                let mut gradients = [S::splat(0.0); O];
                for k in 0..O {
                    gradients[k] = S::load(by_y.add(k));
                }
                for j in 0..I {
                    let value = S::load(x.add(j));
                    for k in 0..O {
                        sums[j][k] = S::add_products(sums[j][k], value, gradients[k]);
                    }
                }
                x = x.wrapping_add(x_step);
                by_y = by_y.wrapping_add(self.outputs);
            }
            let totals = S::totals(sums);
            for j in 0..I {
                let row = self.by_weight.as_mut_ptr().add((i + j) * self.outputs + o);
                for k in 0..O {
                    let before = if blocks.start == 0 { 0.0 } else { *row.add(k) };
                    *row.add(k) = before + totals[j][k];
                }
            }
        }
    }
}

impl Kernel for SumRows<'_> {
    type Output = ();

    fn check(&self) {
        check_values("x", self.x, self.blocks, self.width);
        assert_eq!(self.sums.len(), self.width, "sums");
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: features are in every block.
        unsafe {
            let one = S::splat(1.0);
            let mut feature = 0;
            while feature < self.width {
                let n = (self.width - feature).min(4);
                let mut sums = [S::zero_sum(); 4];
                if n == 4 {
                    for block in 0..self.blocks {
                        let x = self.x.as_ptr().add(block * self.width + feature);
                        for k in 0..4 {
                            sums[k] = S::add_products(sums[k], S::load(x.add(k)), one);
                        }
                    }
                } else {
                    for block in 0..self.blocks {
                        let x = self.x.as_ptr().add(block * self.width + feature);
                        for k in 0..n {
                            sums[k] = S::add_products(sums[k], S::load(x.add(k)), one);
                        }
                    }
                }
                for k in 0..n {
                    self.sums[feature + k] = S::total(sums[k]);
                }
                feature += n;
            }
        }
    }
}
