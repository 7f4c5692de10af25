//! Memory that kernels use and give back: asking the system for it anew costs as much as the work.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Numbers of any value at first; back in the pool when dropped.
#[derive(Debug)]
pub(super) struct Scratch {
    numbers: Vec<f32>,
    n_numbers: usize,
}

/// What is not in use; as many as were in use at once.
static POOL: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());

impl Scratch {
    /// Returns so many numbers.
    pub(super) fn new(n_numbers: usize) -> Self {
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        // The smallest that is large enough, else the largest, which is replaced.
        let fits = |numbers: &Vec<f32>| numbers.len() >= n_numbers;
        let best = (0..pool.len()).min_by_key(|idx| {
            let size = pool[*idx].len();
            (!fits(&pool[*idx]), size.abs_diff(n_numbers))
        });
        let numbers = best.map(|idx| pool.swap_remove(idx));
        drop(pool);
        let numbers = match numbers {
            Some(numbers) if fits(&numbers) => numbers,
            _ => vec![0.0; n_numbers],
        };
        Self { numbers, n_numbers }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let numbers = std::mem::take(&mut self.numbers);
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        pool.push(numbers);
    }
}

impl Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.numbers[..self.n_numbers]
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.numbers[..self.n_numbers]
    }
}
