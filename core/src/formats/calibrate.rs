//! Where the binary point of fixed point goes, from the numbers that are to be stored.

use serde::{Deserialize, Serialize};

use super::{Element, FixedPoint};

/// How a range is chosen from numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum RangeMethod {
    /// The smallest range that holds all of them.
    MinMax,
    /// The smallest range that holds this share of them, those with the largest absolute values left
    /// out; in percent, above 0 and up to 100.
    Percentile {
        /// The share, such as 99.9.
        percentile: f64,
    },
    /// The range with the least mean squared error.
    Mse,
}

/// How many bits below that of the whole range are tried for the least squared error.
const TRIED: i32 = 8;

/// Returns the fraction width of fixed point for numbers; those that are not finite do not count.
///
/// Without numbers other than 0 it is what makes 1 the end of the range.
///
/// # Source
/// "Entropy", "percentile" and "MSE" of Wu et al., "Integer Quantization for Deep Learning
/// Inference", 2020, section 3.2.2, <https://arxiv.org/abs/2004.09602>, with steps that are powers of
/// two; the first is left out.
pub fn frac_width(numbers: &[f32], width: u32, signed: bool, method: RangeMethod) -> i32 {
    let finite = numbers.iter().copied().filter(|x| x.is_finite());
    match method {
        RangeMethod::MinMax => {
            let (least, most) = finite.fold((0.0_f32, 0.0_f32), |(least, most), x| {
                (least.min(x), most.max(x))
            });
            holding(least, most, width, signed)
        }
        RangeMethod::Percentile { percentile } => {
            let mut sizes: Vec<f32> = finite.clone().map(f32::abs).collect();
            sizes.sort_by(f32::total_cmp);
            // What is a rounding above a whole number is that number.
            let last = (percentile * sizes.len() as f64 / 100.0 - 1e-9).ceil() as usize;
            let limit = last.checked_sub(1).and_then(|last| sizes.get(last));
            let limit = limit.copied().unwrap_or(0.0);
            let (least, most) = finite.fold((0.0_f32, 0.0_f32), |(least, most), x| {
                (least.min(x.max(-limit)), most.max(x.min(limit)))
            });
            holding(least, most, width, signed)
        }
        RangeMethod::Mse => {
            let whole = frac_width(numbers, width, signed, RangeMethod::MinMax);
            let errors = (whole..=whole + TRIED).filter_map(|frac_width| {
                let format = FixedPoint::checked(width, frac_width, signed).ok()?;
                let squares = finite.clone().map(|x| {
                    let off = f64::from(format.quantize(x)) - f64::from(x);
                    off * off
                });
                Some((squares.sum::<f64>(), frac_width))
            });
            let least = errors.min_by(|one, other| one.0.total_cmp(&other.0));
            least.map_or(whole, |(_, frac_width)| frac_width)
        }
    }
}

/// Returns the largest fraction width at which no number of a range is beyond the limits by more
/// than rounding, the smallest there is where every one is too large. Without sign, negative numbers
/// are beyond them at any, so that they do not count.
fn holding(least: f32, most: f32, width: u32, signed: bool) -> i32 {
    let magnitude_bits = width as i32 - i32::from(signed);
    let least = if signed { least } else { 0.0 };
    let largest = most.max(-least);
    let first = match largest > 0.0 {
        true => magnitude_bits - largest.log2().ceil() as i32 + 1,
        false => magnitude_bits,
    };
    let [frac_min, frac_max] = FixedPoint::frac_limits(magnitude_bits);
    let first = first.clamp(frac_min, frac_max);
    let held = |frac_width: &i32| {
        let format = FixedPoint::checked(width, *frac_width, signed);
        format.is_ok_and(|format| format.passes(most) && format.passes(least))
    };
    let mut tried = (frac_min.max(first - 3)..=first).rev();
    tried.find(held).unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_range_ends_just_beyond_the_numbers() {
        let min_max = |numbers: &[f32], width, signed| {
            frac_width(numbers, width, signed, RangeMethod::MinMax)
        };
        // 4 bits: -8 to 7 steps, 0 to 15 without sign.
        assert_eq!(min_max(&[1.0], 4, true), 2);
        assert_eq!(min_max(&[0.9, -1.0], 4, true), 3);
        assert_eq!(min_max(&[7.0, -8.0], 4, true), 0);
        assert_eq!(min_max(&[8.0], 4, true), -1);
        assert_eq!(min_max(&[15.0], 4, false), 0);
        assert_eq!(min_max(&[15.9], 4, false), -1);
        assert_eq!(min_max(&[0.0, f32::NAN, f32::INFINITY], 4, true), 3);
        assert_eq!(min_max(&[], 4, false), 4);
        // Without sign what is negative becomes 0 whatever the range is.
        assert_eq!(min_max(&[0.4, -100.0], 4, false), 5);
        // Up to the ends of float32, which no 2 bits reach.
        assert_eq!(min_max(&[f32::MAX], 8, true), -120);
        assert_eq!(min_max(&[f32::MAX], 2, true), -126);
        assert_eq!(min_max(&[f32::MAX], 32, false), -95);
        assert_eq!(min_max(&[f32::from_bits(1)], 8, true), 126);
    }

    #[test]
    fn outliers_count_less_where_they_are_few() {
        let mut numbers = vec![0.4_f32; 999];
        numbers.push(100.0);
        let percentile = RangeMethod::Percentile { percentile: 99.9 };
        assert_eq!(frac_width(&numbers, 8, true, percentile), 8);
        assert_eq!(frac_width(&numbers, 8, true, RangeMethod::MinMax), 0);
        let all = RangeMethod::Percentile { percentile: 100.0 };
        assert_eq!(frac_width(&numbers, 8, true, all), 0);
    }

    proptest! {
        #[test]
        fn the_least_error_is_not_above_that_of_the_whole_range(
            numbers in prop::collection::vec(-50_f32..50.0, 1..50), width in 2_u32..=12,
        ) {
            let error = |method| {
                let frac_width = frac_width(&numbers, width, true, method);
                let format = FixedPoint::new(width, frac_width).unwrap();
                let off = numbers.iter().map(|x| f64::from(format.quantize(*x) - x));
                off.map(|off| off * off).sum::<f64>()
            };
            prop_assert!(error(RangeMethod::Mse) <= error(RangeMethod::MinMax));
        }

        #[test]
        fn the_whole_range_clips_nothing_and_is_not_too_large(
            numbers in prop::collection::vec(-1e4_f32..1e4, 1..20), width in 2_u32..=16,
        ) {
            let at = frac_width(&numbers, width, true, RangeMethod::MinMax);
            let format = FixedPoint::new(width, at).unwrap();
            prop_assert!(numbers.iter().all(|x| format.passes(*x)));
            let finer = FixedPoint::new(width, at + 1).unwrap();
            prop_assert!(numbers.iter().any(|x| !finer.passes(*x)) || numbers.iter().all(|x| *x == 0.0));
        }
    }
}
