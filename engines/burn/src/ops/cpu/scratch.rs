//! Memory that goes round: asking the system for it anew costs as much as some of the work.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Shorter vectors are left to the allocator.
const SHORTEST: usize = 1 << 12;

/// Vectors that the pool has at most: more than a step of a network of 20 layers gives back.
const LONGEST: usize = 64;

/// What is not in use, the longest unused first.
static POOL: Mutex<VecDeque<Vec<f32>>> = Mutex::new(VecDeque::new());

/// Returns so many numbers of any value.
///
/// Takes the shortest vector of the pool that is long enough, unless much of it would lie idle.
/// When none fits, shorter ones that have not been in use for the longest time are freed first, as
/// many numbers at most, so that networks of other sizes leave little behind.
pub(super) fn take(n_numbers: usize) -> Vec<f32> {
    if n_numbers < SHORTEST {
        return vec![0.0; n_numbers];
    }
    let mut freed = Vec::new();
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    let fits = |size: usize| size >= n_numbers && size <= n_numbers + n_numbers / 4;
    let sizes = pool.iter().map(Vec::len).enumerate();
    let best = sizes
        .filter(|(_, size)| fits(*size))
        .min_by_key(|(_, size)| *size);
    if let Some(mut numbers) = best.and_then(|(idx, _)| pool.remove(idx)) {
        numbers.truncate(n_numbers);
        return numbers;
    }
    let mut room = n_numbers;
    while let Some(idx) = pool.iter().position(|numbers| numbers.len() <= room) {
        let oldest = pool.remove(idx).unwrap_or_default();
        room -= oldest.len();
        freed.push(oldest);
    }
    // Freeing takes long, so other threads don't wait for it.
    drop(pool);
    drop(freed);
    vec![0.0; n_numbers]
}

/// Puts numbers that nobody needs any more into the pool.
pub(super) fn give(mut numbers: Vec<f32>) {
    if numbers.len() >= SHORTEST {
        // What was cut off when it was taken.
        numbers.resize(numbers.capacity(), 0.0);
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        pool.push_back(numbers);
        if pool.len() > LONGEST {
            pool.pop_front();
        }
    }
}

/// Numbers of any value at first; back in the pool when dropped.
#[derive(Debug)]
pub(super) struct Scratch(Vec<f32>);

impl Scratch {
    /// Returns so many numbers.
    pub(super) fn new(n_numbers: usize) -> Self {
        Self(take(n_numbers))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        give(std::mem::take(&mut self.0));
    }
}

impl Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_where_it_fits() {
        // Sizes that no other test has.
        give(take(1_000_003));
        let again = take(900_001);
        assert_eq!((again.len(), again.capacity()), (900_001, 1_000_003));
        let other = take(900_001);
        assert_eq!(other.capacity(), 900_001);
        give(again);
        assert_eq!(take(700_001).capacity(), 700_001);
    }
}
