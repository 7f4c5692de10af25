//! Pictures: bytes that become numbers, and change only where they are trained on.

use rand::RngExt;

use super::{N_CLASSES, Suite, bits, recipe, trained};
use crate::dataset::{Features, Split};
use crate::engine::{Engine, Trained};
use crate::images::{Augment, Normalize, Occasion, PixelReader};
use crate::random::{Purpose, stream};
use crate::recipe::{Optimizer, Recipe};
use crate::weights::Weights;

/// Without batch norm, so that a loss is a mean over pictures.
const NETWORK: &str = "
    x = input[2, 4, 5]
    flat = flatten(x)
    hidden = linear(flat, out=8)
    relu = relu(hidden)
    classes = linear(relu, out=3)
    output = output(classes)";
const SHAPE: [usize; 3] = [2, 4, 5];
const SIZE: usize = 40;
const SEED: u64 = 6;
const AUGMENT: Augment = Augment {
    crop: 1,
    flip: true,
    cutout: 2,
};

/// Returns the same checks with pictures; `None` if the engine does not flatten them.
pub(super) fn of<'a>(engine: &'a dyn Engine, device: &str) -> Option<Suite<'a>> {
    let suite = Suite {
        engine,
        device: device.to_owned(),
        graph: NETWORK.parse().expect("the network can be parsed"),
        train: pictures(90, 3),
        validation: pictures(40, 4),
        tolerance: 0.0,
    };
    suite.engine.supports(&suite.graph).ok()?;
    Some(suite)
}

fn pictures(n_rows: usize, row_set: u64) -> Split {
    let mut rng = stream(7, Purpose::Dataset, row_set);
    let bytes = (0..n_rows * SIZE).map(|_| rng.random()).collect();
    let labels = (0..n_rows)
        .map(|_| rng.random_range(0..N_CLASSES as u32))
        .collect();
    let normalize = Normalize {
        mean: vec![0.4, 0.5],
        std: vec![0.2, 0.3],
    };
    Split {
        features: Features::Pixels { bytes, normalize },
        labels,
    }
}

/// Returns the numbers that pictures are, changed as in an epoch (from 0), or as they are.
fn as_numbers(split: &Split, epoch: Option<usize>) -> Split {
    let Features::Pixels { bytes, normalize } = &split.features else {
        return split.clone();
    };
    let reader = PixelReader::new(&SHAPE, normalize);
    let mut numbers = vec![0.0; bytes.len()];
    let rows = bytes.chunks(SIZE).zip(numbers.chunks_mut(SIZE));
    for (row, (bytes, numbers)) in (0..).zip(rows) {
        match epoch {
            None => reader.read(bytes, numbers),
            Some(epoch) => {
                let occasion = Occasion {
                    seed: SEED,
                    epoch,
                    row,
                };
                reader.read_changed(bytes, &AUGMENT, occasion, numbers);
            }
        }
    }
    Split {
        features: Features::Numbers(numbers),
        labels: split.labels.clone(),
    }
}

impl Suite<'_> {
    fn trained_under(&self, recipe: &Recipe) -> Trained {
        trained(&self.one(&self.candidate(SEED), recipe)).clone()
    }

    pub(super) fn reads_pictures(&self) {
        let recipe = recipe(3);
        let of_bytes = self.trained_under(&recipe);
        let numbers = Suite {
            engine: self.engine,
            device: self.device.clone(),
            graph: self.graph.clone(),
            train: as_numbers(&self.train, None),
            validation: as_numbers(&self.validation, None),
            tolerance: self.tolerance,
        };
        let of_numbers = numbers.trained_under(&recipe);
        for (bytes, numbers) in of_bytes.epochs.iter().zip(&of_numbers.epochs) {
            let losses = [bytes, numbers].map(|epoch| [epoch.train_loss, epoch.validation.loss]);
            for (bytes, numbers) in losses[0].iter().zip(&losses[1]) {
                assert!(
                    (bytes - numbers).abs() < 1e-4,
                    "pictures train as the numbers that they are: {bytes}, {numbers}"
                );
            }
        }
        let [bytes, numbers] = [self, &numbers].map(|suite| suite.judge(&of_bytes.weights));
        assert!(
            (bytes.loss - numbers.loss).abs() < 1e-5,
            "pictures are judged as the numbers that they are: {} and {}",
            bytes.loss,
            numbers.loss
        );
    }

    pub(super) fn changes_pictures_in_training_alone(&self) {
        let plain = recipe(2);
        let changing = Recipe {
            augment: AUGMENT,
            ..plain.clone()
        };
        let changed = self.trained_under(&changing);
        let unchanged = self.trained_under(&plain);
        assert_ne!(
            bits(&changed.weights),
            bits(&unchanged.weights),
            "changed pictures, other weights"
        );
        assert_eq!(
            self.judge(&changed.weights),
            changed.epochs[1].validation,
            "pictures are judged as they are"
        );
    }

    pub(super) fn changes_pictures_by_seed_epoch_and_row(&self) {
        let initial = Weights::init(&self.graph, SEED);
        for batch_size in [90, 40] {
            // Weights stay what they were, but for the last digits.
            let still = Recipe {
                augment: AUGMENT,
                batch_size,
                optimizer: Optimizer::Sgd,
                learning_rate: 1e-12,
                ..recipe(2)
            };
            for (idx, epoch) in self.trained_under(&still).epochs.iter().enumerate() {
                let expected = as_numbers(&self.train, Some(idx));
                let placement = self.placement(1);
                let rows = expected.rows();
                let expected = self
                    .engine
                    .evaluate(&self.graph, &initial, rows, &placement);
                let expected = expected.expect("numbers can be judged").loss;
                assert!(
                    (epoch.train_loss - expected).abs() < 1e-5,
                    "epoch {idx} in batches of {batch_size}: pictures are changed by the seed, \
                     the epoch and the row: {}, expected {expected}",
                    epoch.train_loss
                );
            }
        }
    }
}
