//! How large whole numbers can become.

/// The smallest and the largest whole number that a value can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) least: i128,
    pub(super) most: i128,
}

/// What a float64 holds of every whole number.
const BITS_MAX: u32 = 53;

impl Bounds {
    pub(super) const ZERO: Self = Self { least: 0, most: 0 };

    /// Returns the bounds times a whole number; `None` where that overflows 128 bits.
    pub(super) fn times(self, factor: i64) -> Option<Self> {
        let ends = [
            self.least.checked_mul(factor.into())?,
            self.most.checked_mul(factor.into())?,
        ];
        Some(Self {
            least: ends[0].min(ends[1]),
            most: ends[0].max(ends[1]),
        })
    }

    /// Returns the bounds of a sum.
    pub(super) fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            least: self.least.checked_add(other.least)?,
            most: self.most.checked_add(other.most)?,
        })
    }

    /// Returns the bounds of either.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            least: self.least.min(other.least),
            most: self.most.max(other.most),
        }
    }

    /// Returns the bounds of one number.
    pub(super) fn of(k: i64) -> Self {
        Self {
            least: k.into(),
            most: k.into(),
        }
    }

    /// Returns how many bits two's complement needs.
    pub(super) fn bits(self) -> u32 {
        let magnitude = self.most.max(!self.least).max(0);
        128 - magnitude.leading_zeros() + 1
    }

    /// Returns whether every number is exact in float64, and so in 64 bits.
    pub(super) fn fits(self) -> bool {
        self.bits() <= BITS_MAX + 1
    }
}
