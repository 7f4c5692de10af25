//! Kernels against plain f64, on every path of this machine.

use std::panic::catch_unwind;

use firebrick_core::engine::Evaluation;
use firebrick_core::random::{Purpose, Stream, stream};
use proptest::prelude::*;
use rand::RngExt;

use super::*;

/// Values as `[blocks][width]` lanes, and as numbers by row and feature.
struct Values {
    lanes: Vec<Lanes>,
    width: usize,
}

impl Values {
    fn random(rng: &mut Stream, blocks: usize, width: usize) -> Self {
        let lanes = (0..blocks * width).map(|_| Lanes(std::array::from_fn(|_| number(rng))));
        Self {
            lanes: lanes.collect(),
            width,
        }
    }

    fn zeroes(blocks: usize, width: usize) -> Self {
        let lanes = vec![Lanes::ZERO; blocks * width];
        Self { lanes, width }
    }

    fn at(&self, row: usize, feature: usize) -> f64 {
        f64::from(self.lanes[row / LANES * self.width + feature].0[row % LANES])
    }
}

/// Returns how properties are tested, in so many cases.
///
/// Under Miri, which is slow and shows tests no files, in fewer, and failures are not kept.
pub(super) fn cases(n: u32) -> ProptestConfig {
    if cfg!(miri) {
        return ProptestConfig {
            cases: n.div_ceil(16),
            failure_persistence: None,
            ..ProptestConfig::default()
        };
    }
    ProptestConfig::with_cases(n)
}

fn number(rng: &mut Stream) -> f32 {
    rng.random_range(-1.0..1.0)
}

fn vector(rng: &mut Stream, n: usize) -> Vec<f32> {
    (0..n).map(|_| number(rng)).collect()
}

fn near(found: f64, expected: f64, what: &str, path: Path) {
    let off = (found - expected).abs() / expected.abs().max(1.0);
    assert!(
        off < 2e-5,
        "{what} on {}: {found}, not {expected}",
        path.name()
    );
}

fn check_linear(blocks: usize, inputs: usize, outputs: usize, relu: bool, bias: bool) {
    let mut rng = stream(1, Purpose::Dataset, (inputs * 1000 + outputs) as u64);
    let x = Values::random(&mut rng, blocks, inputs);
    let by_y = Values::random(&mut rng, blocks, outputs);
    let weight = vector(&mut rng, inputs * outputs);
    let bias = vector(&mut rng, if bias { outputs } else { 0 });
    let w = |i: usize, o: usize| f64::from(weight[i * outputs + o]);
    for path in Path::available() {
        let mut y = Values::zeroes(blocks, outputs);
        path.run(LinearForward {
            x: &x.lanes,
            weight: &weight,
            bias: &bias,
            y: &mut y.lanes,
            blocks,
            inputs,
            outputs,
            relu,
            ahead: Ahead::NONE,
        });
        let mut by_x = Values::zeroes(blocks, inputs);
        path.run(LinearBackward {
            by_y: &by_y.lanes,
            weight: &weight,
            x: if relu { &x.lanes } else { &[] },
            by_x: &mut by_x.lanes,
            blocks,
            inputs,
            outputs,
        });
        for row in 0..blocks * LANES {
            for o in 0..outputs {
                let dot: f64 = (0..inputs).map(|i| x.at(row, i) * w(i, o)).sum();
                let sum = dot + bias.get(o).copied().map_or(0.0, f64::from);
                near(
                    y.at(row, o),
                    if relu { sum.max(0.0) } else { sum },
                    "y",
                    path,
                );
            }
            for i in 0..inputs {
                let dot: f64 = (0..outputs).map(|o| by_y.at(row, o) * w(i, o)).sum();
                let passes = !relu || x.at(row, i) > 0.0;
                near(
                    by_x.at(row, i),
                    if passes { dot } else { 0.0 },
                    "by_x",
                    path,
                );
            }
        }
        let mut by_weight = vec![0.0; inputs * outputs];
        path.run(WeightGradient {
            x: &x.lanes,
            by_y: &by_y.lanes,
            by_weight: &mut by_weight,
            blocks,
            inputs,
            outputs,
        });
        let mut sums = vec![0.0; outputs];
        path.run(SumRows {
            x: &by_y.lanes,
            sums: &mut sums,
            blocks,
            width: outputs,
        });
        let rows = || 0..blocks * LANES;
        for o in 0..outputs {
            let expected = rows().map(|row| by_y.at(row, o)).sum();
            near(f64::from(sums[o]), expected, "by_bias", path);
            for i in 0..inputs {
                let expected = rows().map(|row| x.at(row, i) * by_y.at(row, o)).sum();
                near(
                    f64::from(by_weight[i * outputs + o]),
                    expected,
                    "by_weight",
                    path,
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn linear_layers_are_sums_of_products(
        blocks in 1_usize..7,
        inputs in 1_usize..40,
        outputs in 1_usize..40,
        relu: bool,
        bias: bool,
    ) {
        check_linear(blocks, inputs, outputs, relu, bias);
    }
}

#[test]
fn linear_layers_of_1024_are_sums_of_products() {
    check_linear(2, 1024, 3, true, true);
    check_linear(3, 2, 1030, true, true);
}

#[test]
fn many_blocks_are_summed() {
    check_linear(131, 9, 11, false, true);
}

/// Means and variances of the rows that there are, and gradients that are 0 where there are none.
#[test]
fn normalisation_counts_the_rows_that_there_are() {
    for (rows, width) in [(2_usize, 1), (16, 3), (17, 4), (40, 7), (64, 9)] {
        let blocks = rows.div_ceil(LANES);
        let mut rng = stream(2, Purpose::Dataset, rows as u64);
        let (x, mut by_y) = (
            Values::random(&mut rng, blocks, width),
            Values::random(&mut rng, blocks, width),
        );
        let mut last = Lanes([1.0; LANES]);
        let beyond = rows - (blocks - 1) * LANES..LANES;
        last.0[beyond.clone()].fill(0.0);
        for lanes in &mut by_y.lanes[(blocks - 1) * width..] {
            lanes.0[beyond.clone()].fill(0.0);
        }
        let inverse_deviation = vector(&mut rng, width);
        for path in Path::available() {
            let (mut mean, mut squares) = (vec![0.0; width], vec![0.0; width]);
            path.run(NormStatistics {
                x: &x.lanes,
                last: &last,
                rows,
                mean: &mut mean,
                squares: &mut squares,
                blocks,
                width,
            });
            let (mut by_weight, mut by_bias) = (vec![0.0; width], vec![0.0; width]);
            path.run(NormGradients {
                x: &x.lanes,
                by_y: &by_y.lanes,
                mean: &mean,
                inverse_deviation: &inverse_deviation,
                by_weight: &mut by_weight,
                by_bias: &mut by_bias,
                blocks,
                width,
            });
            let (mut y, mut by_x) = (Values::zeroes(blocks, width), Values::zeroes(blocks, width));
            let [offset, slope, scale] = [0, 1, 2].map(|_| inverse_deviation.clone());
            path.run(NormForward {
                x: &x.lanes,
                mean: &mean,
                scale: &scale,
                shift: &offset,
                y: &mut y.lanes,
                blocks,
                width,
                relu: true,
            });
            path.run(NormBackward {
                x: &x.lanes,
                by_y: &by_y.lanes,
                mean: &mean,
                offset: &offset,
                slope: &slope,
                scale: &scale,
                relu: true,
                last: &last,
                by_x: &mut by_x.lanes,
                blocks,
                width,
            });
            for feature in 0..width {
                let column = || (0..rows).map(|row| x.at(row, feature));
                let expected = column().sum::<f64>() / rows as f64;
                near(f64::from(mean[feature]), expected, "mean", path);
                let spread = column().map(|x| (x - expected).powi(2)).sum();
                near(f64::from(squares[feature]), spread, "squares", path);
                let k = f64::from(inverse_deviation[feature]);
                let gradients = || (0..rows).map(|row| by_y.at(row, feature));
                near(
                    f64::from(by_bias[feature]),
                    gradients().sum(),
                    "by_bias",
                    path,
                );
                let along = gradients()
                    .zip(column())
                    .map(|(g, x)| g * (x - expected) * k);
                near(
                    f64::from(by_weight[feature]),
                    along.sum(),
                    "by_weight",
                    path,
                );
                for row in 0..blocks * LANES {
                    let x = x.at(row, feature);
                    let value = ((x - expected) * k + k).max(0.0);
                    near(y.at(row, feature), value, "y", path);
                    let slope = (by_y.at(row, feature) - k - (x - expected) * k) * k;
                    let there = row < rows && x > 0.0;
                    let slope = if there { slope } else { 0.0 };
                    near(by_x.at(row, feature), slope, "by_x", path);
                }
            }
        }
    }
}

#[test]
fn cross_entropy_is_that_of_core_and_its_gradient_sums_to_nothing() {
    for (rows, classes) in [(1_usize, 1), (5, 2), (16, 5), (50, 5), (33, 101)] {
        let blocks = rows.div_ceil(LANES);
        let mut rng = stream(3, Purpose::Dataset, rows as u64);
        let mut logits = Values::random(&mut rng, blocks, classes);
        for lanes in &mut logits.lanes {
            // Rounded, so that some are equal; and some far apart.
            lanes
                .0
                .iter_mut()
                .for_each(|x| *x = (*x * 4.0).round() * 5.0);
        }
        let classes_of: Vec<u32> = (0..rows)
            .map(|_| rng.random_range(0..classes as u32))
            .collect();
        let mut labels = vec![Lanes::ZERO; blocks];
        for (lane, label) in numbers_mut(&mut labels).iter_mut().zip(&classes_of) {
            *lane = *label as f32;
        }
        let mut flat = Vec::new();
        scatter(&logits.lanes, classes, rows, &mut flat);
        let expected = Evaluation::of(&flat, &classes_of);
        // How far the logits of the labels are above the mean of their row, in all.
        let lead = |(row, label): (&[f32], &u32)| {
            let mean = row.iter().copied().map(f64::from).sum::<f64>() / classes as f64;
            f64::from(row[*label as usize]) - mean
        };
        let leads: f64 = flat.chunks(classes).zip(&classes_of).map(lead).sum();
        for path in Path::available() {
            let mut gradient = Values::zeroes(blocks, classes);
            let batch = path.run(CrossEntropy {
                logits: &logits.lanes,
                labels: &labels,
                rows,
                smoothing: 0.0,
                relu: false,
                by_logits: &mut gradient.lanes,
                blocks,
                classes,
            });
            near(batch.loss / rows as f64, expected.loss, "loss", path);
            let mut by_smoothed = Values::zeroes(blocks, classes);
            let smoothed = path.run(CrossEntropy {
                logits: &logits.lanes,
                labels: &labels,
                rows,
                smoothing: 0.2,
                relu: false,
                by_logits: &mut by_smoothed.lanes,
                blocks,
                classes,
            });
            near(smoothed.loss, batch.loss + 0.2 * leads, "smoothed", path);
            assert_eq!(smoothed.right, batch.right, "targets change no answer");
            assert_eq!(batch.right as f64 / rows as f64, expected.accuracy);
            let mut judged = [vec![Lanes::ZERO; blocks], vec![Lanes::ZERO; blocks]];
            let [losses, right] = &mut judged;
            path.run(Judge {
                logits: &logits.lanes,
                labels: &labels,
                losses,
                right,
                blocks,
                classes,
            });
            let sum = |lanes: &[Lanes]| numbers(lanes)[..rows].iter().copied().map(f64::from).sum();
            near(sum(&judged[0]), batch.loss, "losses", path);
            near(sum(&judged[1]), batch.right as f64, "right", path);
            for gradient in [gradient, by_smoothed] {
                for row in 0..blocks * LANES {
                    let sum: f64 = (0..classes).map(|class| gradient.at(row, class)).sum();
                    assert!(sum.abs() < 1e-6, "row {row} on {}: {sum}", path.name());
                    if row >= rows {
                        let none = (0..classes).all(|class| gradient.at(row, class) == 0.0);
                        assert!(none, "row {row} is not there");
                    }
                }
            }
        }
    }
}

#[test]
fn a_logit_that_is_no_number_makes_the_loss_no_number() {
    for path in Path::available() {
        for (at, value, smoothing) in [
            (0, f32::NAN, 0.0),
            (1, f32::NAN, 0.0),
            (2, f32::NAN, 0.0),
            (2, f32::NAN, 0.1),
            (1, f32::INFINITY, 0.0),
        ] {
            let mut logits = [
                Lanes([0.5; LANES]),
                Lanes([1.0; LANES]),
                Lanes([2.0; LANES]),
            ];
            logits[at].0[3] = value;
            let batch = path.run(CrossEntropy {
                logits: &logits,
                labels: &[Lanes::ZERO],
                rows: LANES,
                smoothing,
                relu: false,
                by_logits: &mut [Lanes::ZERO; 3],
                blocks: 1,
                classes: 3,
            });
            assert!(!batch.loss.is_finite(), "logit {at} on {}", path.name());
        }
    }
}

#[test]
fn relu_keeps_what_is_no_number() {
    for path in Path::available() {
        let mut x = Lanes([-1.0; LANES]);
        (x.0[0], x.0[1], x.0[2]) = (f32::NAN, 2.0, f32::INFINITY);
        let mut y = [Lanes::ZERO];
        path.run(Relu { x: &[x], y: &mut y });
        assert!(y[0].0[0].is_nan(), "{}", path.name());
        assert_eq!(y[0].0[1..4], [2.0, f32::INFINITY, 0.0]);
    }
}

/// A function of one number, on 16 at a time.
struct Function<'a>(&'a [Lanes], &'a mut [Lanes], bool);

impl Kernel for Function<'_> {
    type Output = ();

    fn check(&self) {
        assert_eq!(self.0.len(), self.1.len());
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for (x, y) in self.0.iter().zip(self.1) {
            // SAFETY: both are references.
            unsafe {
                let x = S::load(x);
                S::store(
                    y,
                    if self.2 {
                        loss::exp::<S>(x)
                    } else {
                        loss::ln::<S>(x)
                    },
                );
            }
        }
    }
}

#[test]
fn exponentials_and_logarithms_are_right_to_two_units_in_the_last_place() {
    let spread = |low: f32, high: f32| -> Vec<Lanes> {
        let blocks = if cfg!(miri) { 16 } else { 4096 };
        let n = blocks * LANES;
        let at = |k: usize| low + (high - low) * (k as f32 / (n - 1) as f32);
        let lanes = (0..blocks).map(|l| Lanes(std::array::from_fn(|k| at(l * LANES + k))));
        lanes.collect()
    };
    for path in Path::available() {
        for (is_exp, x) in [
            (true, spread(-86.9, 0.0)),
            (true, spread(-1e-3, 0.0)),
            (false, spread(1.0, 3.0)),
            (false, spread(1.0, 2000.0)),
        ] {
            let mut y = vec![Lanes::ZERO; x.len()];
            path.run(Function(&x, &mut y, is_exp));
            for (x, y) in numbers(&x).iter().zip(numbers(&y)) {
                let wide = f64::from(*x);
                let expected = if is_exp { wide.exp() } else { wide.ln() };
                let off = (f64::from(*y) - expected).abs();
                let unit = f64::from(f32::EPSILON) * expected.abs().max(1e-30);
                let name = path.name();
                assert!(
                    off <= 2.0 * unit,
                    "{is_exp} of {x} on {name}: {y}, not {expected}"
                );
            }
        }
    }
}

#[test]
fn optimisers_step_as_their_formulas_say() {
    let n = 5;
    let mut rng = stream(4, Purpose::Dataset, 0);
    let x = Values::random(&mut rng, n, 1);
    let gradient = Values::random(&mut rng, n, 1);
    for path in Path::available() {
        let (mut moved, mut first, mut second) = (
            x.lanes.clone(),
            vec![Lanes([0.2; LANES]); n],
            vec![Lanes([0.3; LANES]); n],
        );
        path.run(Adam {
            x: &mut moved,
            gradient: &gradient.lanes,
            first: &mut first,
            second: &mut second,
            beta_1: 0.9,
            beta_2: 0.999,
            eps: 1e-8,
            rate: 0.01,
            deviation: 0.5,
            clip: 0.7,
            l2: 0.1,
            keep: 0.95,
        });
        let mut slid = x.lanes.clone();
        let mut velocity = vec![Lanes([0.2; LANES]); n];
        path.run(Sgd {
            x: &mut slid,
            gradient: &gradient.lanes,
            velocity: &mut velocity,
            momentum: 0.9,
            nesterov: true,
            rate: 0.01,
            clip: 0.7,
            l2: 0.1,
        });
        for row in 0..n * LANES {
            let (x, g) = (x.at(row, 0), gradient.at(row, 0) * 0.7 + 0.1 * x.at(row, 0));
            let (m, v) = (0.2 * 0.9 + 0.1 * g, 0.3 * 0.999 + 0.001 * g * g);
            let expected = x * 0.95 - 0.01 * m / (v.sqrt() / 0.5 + 1e-8);
            near(f64::from(numbers(&moved)[row]), expected, "adam", path);
            near(f64::from(numbers(&first)[row]), m, "first moment", path);
            near(f64::from(numbers(&second)[row]), v, "second moment", path);
            let u = 0.2 * 0.9 + g;
            near(f64::from(numbers(&velocity)[row]), u, "velocity", path);
            near(
                f64::from(numbers(&slid)[row]),
                x - 0.01 * (g + 0.9 * u),
                "sgd",
                path,
            );
        }
    }
}

#[test]
fn squares_are_summed() {
    // Less than a stretch of lanes, one, and some with a rest.
    for n in [0, 1, 63, 64, 200] {
        let x = Values::random(&mut stream(6, Purpose::Dataset, 0), n, 1);
        let expected: f64 = numbers(&x.lanes)
            .iter()
            .map(|x| f64::from(*x).powi(2))
            .sum();
        for path in Path::available() {
            let sum = path.run(SumSquares { x: &x.lanes });
            let off = (sum - expected).abs();
            assert!(off <= 1e-6 * expected, "{n} on {}: {off}", path.name());
        }
    }
}

#[test]
fn rows_lie_in_blocks_and_come_back() {
    for width in [1, 5, 16, 17, 40] {
        let features: Vec<f32> = (0..50 * width).map(|k| k as f32).collect();
        let order = [3_usize, 49, 0, 7, 7].into_iter().cycle().take(37);
        let expected: Vec<f32> = order
            .clone()
            .flat_map(|row| features[row * width..][..width].to_vec())
            .collect();
        for path in Path::available() {
            let order: Vec<usize> = order.clone().collect();
            let mut blocks = vec![Lanes::ZERO; 3 * width];
            path.run(Gather {
                features: &features,
                width,
                order: order.into_iter(),
                blocks: &mut blocks,
            });
            let mut rows = Vec::new();
            scatter(&blocks, width, 37, &mut rows);
            assert_eq!(rows, expected, "width {width}");
            let mut rows = Vec::new();
            scatter(&blocks, width, 48, &mut rows);
            assert_eq!(
                rows[37 * width..][..width],
                expected[36 * width..],
                "the last row is repeated"
            );
        }
    }
}

#[test]
fn every_row_ahead_is_asked_for_once_while_there_is_room() {
    let order: Vec<u32> = (0..3000).collect();
    for (n_rows, width, n_parts, expected) in [
        (37, 16, 5, 37),
        (3, 5, 8, 3),
        (3000, 16, 48, 2048),
        (3000, 1, 48, 2048),
        (3000, 1000, 3, 32),
        (3000, 40_000, 3, 0),
        (0, 16, 3, 0),
    ] {
        let ahead = Ahead::new(&[], width, &order[..n_rows]);
        let asked: Vec<u32> = (0..n_parts)
            .flat_map(|part| ahead.part(part, n_parts).order)
            .copied()
            .collect();
        assert_eq!(asked, order[..expected], "{n_rows} rows of {width}");
    }
}

#[test]
fn rows_that_are_not_there_are_only_asked_for() {
    let (x, mut y) = ([Lanes::ZERO; 6], [Lanes::ZERO; 2]);
    for path in Path::available() {
        path.run(LinearForward {
            x: &x,
            weight: &[0.0; 3],
            bias: &[],
            y: &mut y,
            blocks: 2,
            inputs: 3,
            outputs: 1,
            relu: false,
            ahead: Ahead::new(&[1.0; 7], 7, &[0, 1, u32::MAX]),
        });
    }
}

#[test]
fn sizes_that_do_not_fit_are_noticed() {
    let run = |n_x: usize| {
        let x = vec![Lanes::ZERO; n_x];
        Path::available()[0].run(LinearForward {
            x: &x,
            weight: &[0.0; 3],
            bias: &[],
            y: &mut [Lanes::ZERO; 2],
            blocks: 2,
            inputs: 3,
            outputs: 1,
            relu: false,
            ahead: Ahead::NONE,
        });
    };
    assert!(catch_unwind(|| run(6)).is_ok());
    for n_x in [0, 5, 7] {
        assert!(
            catch_unwind(|| run(n_x)).is_err(),
            "{n_x} lanes are not 2 blocks of 3"
        );
    }
}
