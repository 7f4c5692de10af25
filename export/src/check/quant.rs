//! What the operators of QONNX store numbers as.

/// The whole numbers of `Quant`.
pub(super) struct Range {
    least: f64,
    most: f64,
}

impl Range {
    pub(super) fn new(bits: f64, is_signed: bool, is_narrow: bool) -> Result<Self, String> {
        if bits.fract() != 0.0 || !(1.0..=32.0).contains(&bits) {
            return Err(format!("it stores numbers of {bits} bits"));
        }
        let narrow = f64::from(u8::from(is_narrow));
        Ok(match is_signed {
            true => Self {
                least: -(2.0_f64.powf(bits - 1.0)) + narrow,
                most: 2.0_f64.powf(bits - 1.0) - 1.0,
            },
            false => Self {
                least: 0.0,
                most: 2.0_f64.powf(bits) - 1.0 - narrow,
            },
        })
    }

    /// Returns `round(clamp(x / scale)) * scale`.
    pub(super) fn quantize(&self, x: f64, scale: f64) -> f64 {
        // A power of two divides exactly; any other scale as it does in float32, which is what
        // networks were trained in.
        let steps = match is_power_of_two(scale) {
            true => x / scale,
            false => f64::from(x as f32 / scale as f32),
        };
        let steps = steps.clamp(self.least, self.most).round_ties_even();
        match is_power_of_two(scale) {
            true => steps * scale,
            false => f64::from(steps as f32 * scale as f32),
        }
    }
}

fn is_power_of_two(x: f64) -> bool {
    x.is_normal() && x > 0.0 && x.to_bits().trailing_zeros() >= f64::MANTISSA_DIGITS - 1
}

/// The floating-point numbers of `FloatQuant`.
pub(super) struct Float {
    mantissa_bits: i32,
    /// The exponent of numbers below which the distance between neighbours stays.
    exponent_min: i32,
    most: f64,
}

impl Float {
    pub(super) fn new(exponent_bits: f64, mantissa_bits: f64, bias: f64, most: f64) -> Self {
        let exponent_max = exponent_bits.exp2() - 1.0 - bias;
        let largest = (2.0 - (-mantissa_bits).exp2()) * exponent_max.exp2();
        Self {
            mantissa_bits: mantissa_bits as i32,
            exponent_min: 1 - bias as i32,
            most: largest.min(most),
        }
    }

    /// Returns the nearest number, half to even, or the largest.
    pub(super) fn quantize(&self, x: f64) -> f64 {
        if x == 0.0 {
            return x;
        }
        let x = f64::from(x as f32);
        // Of a normal float64, which every float32 is, the exponent stands in its bits.
        let exponent = ((x.to_bits() >> 52) & 0x7ff) as i32 - 1023;
        let step = 2.0_f64.powi(exponent.max(self.exponent_min) - self.mantissa_bits);
        let stored = (x / step).round_ties_even() * step;
        stored.clamp(-self.most, self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_ranges_leave_out_the_smallest_number() {
        let range = |is_signed, is_narrow| {
            let range = Range::new(2.0, is_signed, is_narrow).unwrap();
            [-9.0, 9.0].map(|x| range.quantize(x, 0.5))
        };
        assert_eq!(range(true, false), [-1.0, 0.5]);
        assert_eq!(range(true, true), [-0.5, 0.5]);
        assert_eq!(range(false, false), [0.0, 1.5]);
        assert!(Range::new(2.5, true, true).is_err() && Range::new(33.0, true, true).is_err());
    }

    #[test]
    fn floats_of_four_bits_are_those_of_the_specification() {
        // OCP MX 1.0, section 5.3.3: E2M1.
        let format = Float::new(2.0, 1.0, 1.0, 6.0);
        let stored = [0.2, 0.25, 0.3, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0, 7.0, -100.0];
        let stored = stored.map(|x| format.quantize(x));
        let expected = [0.0, 0.0, 0.5, 1.0, 1.0, 2.0, 2.0, 4.0, 4.0, 6.0, -6.0];
        assert_eq!(stored, expected);
    }
}
