//! Memory that goes round: asking the system for it anew costs as much as some of the work.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Shorter vectors are left to the allocator.
const LENGTH_MIN: usize = 1 << 12;

/// More than a step of a network of 20 layers gives back.
const N_VECTORS_MAX: usize = 64;

static POOL: Mutex<Pool> = Mutex::new(Pool(VecDeque::new()));

/// Vectors that are not in use, the longest unused first.
struct Pool(VecDeque<Vec<f32>>);

/// What a pool has for who wants numbers.
enum Found {
    /// A vector of the length that is wanted.
    Fitting(Vec<f32>),
    /// None, but vectors to be freed in exchange for a new one.
    Freed(Vec<Vec<f32>>),
}

/// Returns so many numbers of any value.
pub(super) fn take(n_numbers: usize) -> Vec<f32> {
    if n_numbers < LENGTH_MIN {
        return vec![0.0; n_numbers];
    }
    let found = pool().take(n_numbers);
    match found {
        Found::Fitting(numbers) => numbers,
        // Freeing takes long, so other threads don't wait for it.
        Found::Freed(freed) => {
            drop(freed);
            vec![0.0; n_numbers]
        }
    }
}

/// Puts numbers that nobody needs any more into the pool.
pub(super) fn give(numbers: Vec<f32>) {
    if numbers.len() >= LENGTH_MIN {
        let freed = pool().give(whole(numbers));
        drop(freed);
    }
}

/// Adds what was cut off when a vector was taken.
fn whole(mut numbers: Vec<f32>) -> Vec<f32> {
    numbers.resize(numbers.capacity(), 0.0);
    numbers
}

fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// Takes the shortest vector that is long enough, unless much of it would lie idle.
    ///
    /// When none fits, shorter ones that have not been in use for the longest time leave, with as
    /// many numbers at most as are wanted, so that networks of other sizes leave little behind.
    fn take(&mut self, n_numbers: usize) -> Found {
        let fits = |size: usize| size >= n_numbers && size <= n_numbers + n_numbers / 4;
        let sizes = self.0.iter().map(Vec::len).enumerate();
        let best = sizes
            .filter(|(_, size)| fits(*size))
            .min_by_key(|(_, size)| *size);
        if let Some(mut numbers) = best.and_then(|(idx, _)| self.0.remove(idx)) {
            numbers.truncate(n_numbers);
            return Found::Fitting(numbers);
        }
        let mut freed = Vec::new();
        let mut room = n_numbers;
        while let Some(idx) = self.0.iter().position(|numbers| numbers.len() <= room) {
            let oldest = self.0.remove(idx).unwrap_or_default();
            room -= oldest.len();
            freed.push(oldest);
        }
        Found::Freed(freed)
    }

    /// Keeps a vector, and returns what has been unused for the longest time if there are too many.
    fn give(&mut self, numbers: Vec<f32>) -> Option<Vec<f32>> {
        self.0.push_back(numbers);
        match self.0.len() > N_VECTORS_MAX {
            true => self.0.pop_front(),
            false => None,
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

    fn pool_of(lengths: &[usize]) -> Pool {
        Pool(lengths.iter().map(|length| vec![0.0; *length]).collect())
    }

    /// Says what a pool of vectors of some lengths does when it is asked for numbers.
    fn taken(lengths: &[usize], n_numbers: usize) -> String {
        let mut pool = pool_of(lengths);
        let found = match pool.take(n_numbers) {
            Found::Fitting(numbers) => {
                assert_eq!(numbers.len(), n_numbers);
                format!("uses {}", numbers.capacity())
            }
            Found::Freed(freed) => {
                let lengths: Vec<usize> = freed.iter().map(Vec::len).collect();
                format!("frees {lengths:?}")
            }
        };
        let left: Vec<usize> = pool.0.iter().map(Vec::len).collect();
        format!("{found}, keeps {left:?}")
    }

    #[test]
    fn memory_is_used_again_where_it_fits() {
        assert_eq!(taken(&[130, 110, 120], 100), "uses 110, keeps [130, 120]");
        assert_eq!(taken(&[126], 100), "frees [], keeps [126]");
    }

    #[test]
    fn what_is_longest_unused_makes_room_for_what_is_new() {
        let found = taken(&[30, 200, 60, 20, 10], 100);
        assert_eq!(found, "frees [30, 60, 10], keeps [200, 20]");
    }

    #[test]
    fn a_full_pool_lets_the_longest_unused_go() {
        let mut pool = pool_of(&[]);
        for length in 1..=N_VECTORS_MAX {
            assert_eq!(pool.give(vec![0.0; length]), None);
        }
        assert_eq!(pool.give(vec![0.0; 99]), Some(vec![0.0]));
        assert_eq!(pool.0.len(), N_VECTORS_MAX);
    }

    #[test]
    fn what_was_cut_off_comes_back() {
        let mut pool = pool_of(&[120]);
        let Found::Fitting(numbers) = pool.take(100) else {
            panic!("120 are enough for 100");
        };
        assert_eq!(whole(numbers).len(), 120);
    }
}
