//! A seeded order of the numbers below a size, without a table.

use firebrick_core::random::{Purpose, stream};
use rand::Rng;

const N_ROUNDS: usize = 8;

/// A permutation of `0..size` that depends on a seed; any place of it costs the same.
///
/// # Source
/// A balanced Feistel network over the smallest even number of bits that holds the size, with
/// cycle walking: Black and Rogaway, "Ciphers with Arbitrary Finite Domains", CT-RSA 2002,
/// sections 2 and 4. The round function is SplitMix64's finaliser; it need not keep a secret.
pub(crate) struct Order {
    size: u128,
    half_bits: u32,
    keys: [u64; N_ROUNDS],
}

impl Order {
    /// Makes the order of a size that belongs to a study's seed.
    pub(crate) fn new(size: u128, seed: u64) -> Self {
        let bits = u128::BITS - size.saturating_sub(1).leading_zeros();
        let mut rng = stream(seed, Purpose::Strategy, 0);
        Self {
            size,
            half_bits: bits.div_ceil(2).max(1),
            keys: std::array::from_fn(|_| rng.next_u64()),
        }
    }

    /// Returns how many places there are.
    pub(crate) fn size(&self) -> u128 {
        self.size
    }

    /// Returns what stands at a place; `None` from the size on.
    pub(crate) fn at(&self, place: u128) -> Option<u128> {
        if place >= self.size {
            return None;
        }
        // The network permutes fewer than 4 * size numbers, so a walk that leaves the range is
        // back in it after fewer than 4 steps on average, and always ends: it is on a cycle that
        // holds `place`.
        let mut number = self.permute(place);
        while number >= self.size {
            number = self.permute(number);
        }
        Some(number)
    }

    fn permute(&self, number: u128) -> u128 {
        let mask = u64::MAX >> (u64::BITS - self.half_bits);
        let mut left = (number >> self.half_bits) as u64 & mask;
        let mut right = number as u64 & mask;
        for key in self.keys {
            (left, right) = (right, left ^ (scramble(right ^ key) & mask));
        }
        (u128::from(left) << self.half_bits) | u128::from(right)
    }
}

fn scramble(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(size: u128, seed: u64) -> Vec<u128> {
        let order = Order::new(size, seed);
        (0..size)
            .map(|place| order.at(place).expect("below the size"))
            .collect()
    }

    #[test]
    fn has_every_number_once() {
        for size in [1, 2, 3, 4, 5, 36, 64, 65, 512, 1000] {
            let mut sorted = places(size, 7);
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(0..size), "size {size}");
        }
    }

    #[test]
    fn ends_at_its_size() {
        assert_eq!(Order::new(36, 0).at(36), None);
        assert_eq!(Order::new(0, 0).at(0), None);
    }

    #[test]
    fn depends_on_the_seed() {
        assert_eq!(places(36, 1), places(36, 1));
        assert_ne!(places(36, 1), places(36, 2));
    }

    #[test]
    fn every_number_comes_first_about_equally_often() {
        let mut counts = [0_u32; 36];
        for seed in 0..3600 {
            let first = Order::new(36, seed).at(0).expect("not empty");
            counts[first as usize] += 1;
        }
        // 100 expected, standard deviation 10: six of them on either side.
        let even = counts.iter().all(|count| (40..=160).contains(count));
        assert!(even, "{counts:?}");
    }

    #[test]
    fn reaches_the_largest_sizes() {
        let order = Order::new(u128::MAX, 3);
        let far = order.at(u128::MAX - 1).expect("below the size");
        assert_ne!(Some(far), order.at(0));
    }
}
