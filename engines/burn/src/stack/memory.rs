//! How many candidates a device has room for.
//!
//! What is counted is what tensors of burn take at the most crowded moment of a step: an upper
//! bound rather than a measurement, since a stack that does not fit is trained anew in halves.

use firebrick_core::dataset::FeatureRows;
use firebrick_core::engine::TrainJob;
use firebrick_core::recipe::{Keep, Optimizer, Recipe};

use super::size::Size;

/// Bytes of a float32 or an int32.
const NUMBER: u64 = 4;
/// The share of a device's memory that is counted on: the rest is lost between tensors.
const USABLE_PERCENT: u64 = 85;
/// Tensors as long as all parameters that a step makes besides gradients and moments.
const TEMPORARIES: u64 = 5;
/// Results of a node that a step holds at a time: what it made, what it keeps to learn by, and where
/// the largest value of a window was.
const KEPT: u64 = 2;
/// Tensors, as large as the widest result, that the backward pass holds at a time: gradients and the
/// parts of what is multiplied.
const GRADIENTS: u64 = 6;
/// Tensors of the values that the windows of a convolution read: themselves and their parts.
const OF_WINDOWS: u64 = 4;
/// Values that windows read at a time at most: 256 MiB. Convolutions go through what is more in parts.
const WINDOWS_MOST: u64 = 1 << 26;
/// Values that are made of one value of a picture on its way into a batch.
const OF_PIXEL: u64 = 10;

/// Values of the widest result that one pass of judging may have: 64 MiB.
const VALUES_A_PASS: u64 = 1 << 24;
/// Rows that one pass of judging has at most.
const ROWS_A_PASS: u64 = 1 << 13;

/// What a job takes of a device.
#[derive(Debug, Clone)]
pub(crate) struct Demand {
    /// Bytes of both splits.
    rows: u64,
    /// Rows of the largest batch.
    batch: u64,
    n_train: u64,
    n_validation: u64,
    /// Bytes of a row while its batch is made.
    of_row: u64,
    /// Vectors as long as all parameters.
    vectors: u64,
}

impl Demand {
    /// Returns what a job takes, whose candidates read rows of so many values.
    pub(crate) fn of(job: &TrainJob<'_>, width: usize) -> Self {
        let batches = job.recipe.batches(job.train.len());
        let batch = batches.iter().map(ExactSizeIterator::len).max();
        let of_value = |features: FeatureRows<'_>| match features {
            FeatureRows::Numbers(_) => (NUMBER, 1),
            FeatureRows::Pixels { .. } => (1, OF_PIXEL),
        };
        let of_split = |features: FeatureRows<'_>| of_value(features).0 * features.len() as u64;
        let n_rows = (job.train.len() + job.validation.len()) as u64;
        let features = of_split(job.train.features) + of_split(job.validation.features);
        Self {
            rows: features + n_rows * NUMBER,
            batch: batch.unwrap_or(0) as u64,
            n_train: job.train.len() as u64,
            n_validation: job.validation.len() as u64,
            of_row: of_value(job.train.features).1 * NUMBER * width as u64,
            vectors: vectors(job.recipe),
        }
    }

    /// Returns how many candidates of a size train at a time in so many bytes, at least 1.
    pub(crate) fn n_candidates(&self, size: &Size, bytes: u64) -> usize {
        let usable = bytes / 100 * USABLE_PERCENT;
        let left = usable.saturating_sub(self.rows);
        let each = self.of_candidate(size).max(1);
        // Windows are read in parts where they are many.
        let windows = self.of_windows(size);
        let all_at_once = left / each.saturating_add(windows);
        let in_parts = left.saturating_sub(WINDOWS_MOST * OF_WINDOWS * NUMBER) / each;
        let n_candidates = all_at_once.max(in_parts);
        usize::try_from(n_candidates).unwrap_or(usize::MAX).max(1)
    }

    /// Returns the bytes that the windows of a convolution of a candidate take, all at once.
    fn of_windows(&self, size: &Size) -> u64 {
        let values = size.windows.saturating_mul(self.batch);
        values.saturating_mul(OF_WINDOWS * NUMBER)
    }

    /// Returns the bytes that each candidate of a size takes, but for windows.
    pub(crate) fn of_candidate(&self, size: &Size) -> u64 {
        let parameters = size.parameters.saturating_mul(self.vectors * NUMBER);
        let values = size
            .results
            .saturating_mul(KEPT)
            .saturating_add(size.widest.saturating_mul(GRADIENTS));
        let of_row = values.saturating_mul(NUMBER).saturating_add(self.of_row);
        let of_batch = of_row.saturating_mul(self.batch);
        // The order of an epoch; losses of rows that are judged, and whether they are right.
        let of_rows = (self.n_train + 2 * self.n_validation) * NUMBER;
        parameters.saturating_add(of_batch).saturating_add(of_rows)
    }

    /// Returns how many rows one pass of judging so many candidates of a size reads.
    pub(crate) fn rows_a_pass(&self, size: &Size, n_candidates: usize) -> usize {
        // A step takes more memory than judging as many rows.
        rows_a_pass(size, n_candidates).max(self.batch as usize)
    }
}

/// Returns how many rows one pass of judging so many candidates of a size reads, at least 1.
pub(crate) fn rows_a_pass(size: &Size, n_candidates: usize) -> usize {
    let widest = size.widest.saturating_mul(n_candidates as u64).max(1);
    (VALUES_A_PASS / widest).clamp(1, ROWS_A_PASS) as usize
}

/// Returns how many vectors as long as all parameters a recipe takes.
fn vectors(recipe: &Recipe) -> u64 {
    let moments = match recipe.optimizer {
        Optimizer::Adam | Optimizer::AdamW => 2,
        Optimizer::Sgd if recipe.momentum > 0.0 => 1,
        Optimizer::Sgd => 0,
    };
    // The parameters, the gradients tensor by tensor and side by side.
    let learning = 3 + moments + TEMPORARIES;
    match recipe.keep {
        Keep::Best => learning + 1,
        Keep::Last => learning,
    }
}

/// Returns the bytes that a device was asked for and did not have, if a panic says so: 0 where it
/// does not say how many.
pub(crate) fn out_of_memory(panic: &str) -> Option<u64> {
    // What cubecl and the drivers below it say.
    let ways = [
        "out of device memory",
        "out-of-memory",
        "out of memory",
        "out_of_memory",
        "can't allocate",
    ];
    let text = panic.to_lowercase();
    let at = ways.iter().find_map(|way| text.find(way))?;
    let numbers = text[at..].split(|letter: char| !letter.is_ascii_digit());
    let mut bytes = numbers.filter_map(|digits| digits.parse().ok());
    Some(bytes.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use firebrick_core::dataset::Rows;
    use firebrick_core::engine::Placement;
    use firebrick_core::testing::PLAIN_RECIPE;

    const SIZE: Size = Size {
        macs: 1,
        parameters: 1000,
        results: 200,
        widest: 64,
        windows: 0,
    };

    fn demand(change: impl Fn(&mut Recipe)) -> Demand {
        let mut recipe = Recipe {
            batch_size: 10,
            optimizer: Optimizer::Sgd,
            momentum: 0.0,
            keep: Keep::Last,
            ..PLAIN_RECIPE
        };
        change(&mut recipe);
        let (features, labels) = ([0.0; 96], [0; 24]);
        let rows = Rows::of_numbers(&features, &labels);
        let job = TrainJob {
            candidates: &[],
            train: rows,
            validation: rows,
            recipe: &recipe,
            placement: &Placement {
                device: "cpu".to_owned(),
                threads: 1,
            },
        };
        Demand::of(&job, 4)
    }

    #[test]
    fn counts_parameters_activations_and_rows() {
        let demand = demand(|_| {});
        assert_eq!(demand.rows, 2 * (96 + 24) * 4);
        let parameters = 1000 * 8 * 4;
        let of_batch = 10 * (2 * 200 + 6 * 64 + 4) * 4;
        let expected = parameters + of_batch + (24 + 2 * 24) * 4;
        assert_eq!(demand.of_candidate(&SIZE), expected);
    }

    #[test]
    fn moments_and_kept_weights_count() {
        let plain = demand(|_| {}).of_candidate(&SIZE);
        let more = |change: fn(&mut Recipe)| demand(change).of_candidate(&SIZE) - plain;
        assert_eq!(more(|recipe| recipe.momentum = 0.9), 4000);
        assert_eq!(more(|recipe| recipe.optimizer = Optimizer::AdamW), 8000);
        assert_eq!(more(|recipe| recipe.keep = Keep::Best), 4000);
    }

    #[test]
    fn as_many_candidates_train_as_fit_and_at_least_one() {
        let demand = demand(|_| {});
        let of_candidate = demand.of_candidate(&SIZE);
        assert_eq!(demand.n_candidates(&SIZE, 0), 1);
        let bytes = (demand.rows + 7 * of_candidate + of_candidate / 2) * 100 / USABLE_PERCENT;
        assert_eq!(demand.n_candidates(&SIZE, bytes), 7);
        assert!(demand.n_candidates(&SIZE, u64::MAX) > 1_000_000);
    }

    #[test]
    fn windows_take_memory_of_their_own_up_to_a_limit() {
        let demand = demand(|_| {});
        let windowed = Size {
            windows: 390,
            ..SIZE
        };
        let bytes = (demand.rows + 10 * demand.of_candidate(&SIZE)) * 100 / USABLE_PERCENT + 100;
        let [without, with] = [&SIZE, &windowed].map(|size| demand.n_candidates(size, bytes));
        assert_eq!((without, with), (10, 5));
        let bytes = bytes + (WINDOWS_MOST * OF_WINDOWS * NUMBER) * 100 / USABLE_PERCENT;
        let huge = Size {
            windows: u64::MAX,
            ..SIZE
        };
        assert_eq!(demand.n_candidates(&huge, bytes), 10);
    }

    #[test]
    fn passes_of_wide_stacks_read_fewer_rows() {
        assert_eq!(rows_a_pass(&SIZE, 1), 1 << 13);
        assert_eq!(rows_a_pass(&SIZE, 1024), 256);
        let huge = Size {
            widest: u64::MAX,
            ..SIZE
        };
        assert_eq!(rows_a_pass(&huge, 9), 1);
        assert_eq!(demand(|_| {}).rows_a_pass(&huge, 9), 10, "as a step does");
    }

    #[test]
    fn panics_say_how_much_memory_was_asked_for() {
        let said = [
            (
                "panicked: out of device memory allocating 4096 bytes\n 0: at 7",
                Some(4096),
            ),
            ("Cause: can't allocate buffer of size: 77\n", Some(77)),
            (
                "DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")",
                Some(0),
            ),
            ("An out-of-memory error happened during launch", Some(0)),
            ("index out of bounds: the len is 3", None),
        ];
        for (panic, expected) in said {
            assert_eq!(out_of_memory(panic), expected, "{panic}");
        }
    }
}
