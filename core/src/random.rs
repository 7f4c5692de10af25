//! Counter-based streams of random numbers.
//!
//! Every use of chance names what it is for and which trial, epoch or row it belongs to, so that
//! no stream depends on how often another one was read, or on which thread read it.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// The generator of every stream: ChaCha with 8 rounds, seekable and the same on every machine.
pub type Stream = ChaCha8Rng;

/// What a stream is for. Streams of two purposes never overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// A strategy's proposals; the counter is the trial number.
    Propose = 1,
    /// A candidate's first weights; the counter is 0.
    Weights = 2,
    /// The order of the rows; the counter is the epoch, counted from 0.
    Shuffle = 3,
    /// Dropout masks; the counter is the step, counted from 0 over all epochs. One `f32` in
    /// `0.0..1.0` a value, dropout node after dropout node, row after row; a value is kept where it
    /// is at least the node's `p`.
    Dropout = 4,
    /// A dataset's rows and splits; the counter is the row or 0.
    Dataset = 5,
    /// Anything else that one strategy needs once a study.
    Strategy = 6,
    /// How a picture is changed before it is trained on; the counter is the epoch, counted from 0,
    /// times 2^32 plus the row.
    Augment = 7,
    /// What a candidate's first weights take from those of a base; the counter is that of a bundle
    /// of channels, or 2^32 and the position of the node that reads copies.
    Inherit = 8,
}

/// Returns the stream number `counter` of a purpose under a seed.
pub fn stream(seed: u64, purpose: Purpose, counter: u64) -> Stream {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8] = purpose as u8;
    let mut rng = Stream::from_seed(key);
    rng.set_stream(counter);
    rng
}

/// Returns the seed of a trial's training, a function of the study's seed and the trial number.
pub fn trial_seed(study_seed: u64, trial: u64) -> u64 {
    // SplitMix64's finaliser: a bijection of the trial number for every study seed.
    let mut x = study_seed ^ trial.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Returns the order in which an epoch reads `n_rows` rows.
///
/// Every engine uses this order, so that two engines see the same batches.
pub fn epoch_order(seed: u64, epoch: usize, n_rows: usize) -> Vec<u32> {
    let n_rows = u32::try_from(n_rows).expect("a split has fewer than 2^32 rows");
    let mut order: Vec<u32> = (0..n_rows).collect();
    order.shuffle(&mut stream(seed, Purpose::Shuffle, epoch as u64));
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn streams_of_two_counters_differ() {
        let first = |counter| stream(7, Purpose::Propose, counter).next_u64();
        assert_ne!(first(0), first(1));
        assert_eq!(first(3), first(3));
    }

    #[test]
    fn an_epoch_reads_every_row_once() {
        let mut order = epoch_order(1, 2, 1000);
        assert_ne!(order, epoch_order(1, 3, 1000));
        order.sort_unstable();
        assert!(order.into_iter().eq(0..1000));
    }

    #[test]
    fn trials_of_one_study_have_different_seeds() {
        let mut seeds: Vec<u64> = (0..1000).map(|trial| trial_seed(42, trial)).collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 1000);
    }
}
