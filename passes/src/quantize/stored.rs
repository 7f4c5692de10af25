//! What MASE's fields of one operand come to.

use firebrick_core::Json;
use firebrick_core::formats::{fields, fixed_width};
use firebrick_core::graph::{NumberFormat, Scale};

/// The operands, as the beginnings of fields.
pub(super) const OPERANDS: [&str; 3] = ["data_in", "weight", "bias"];

/// The fields of one operand that are there, without the operand.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Stored {
    width: Option<u32>,
    frac_width: Option<i32>,
    signed: Option<bool>,
    exponent_width: Option<u32>,
    exponent_bias: Option<i32>,
    exponent_bias_width: Option<u32>,
    block_size: Option<u32>,
    scale: Option<Scale>,
}

/// A format by name, with the fields of each operand that has any.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Named {
    pub(super) name: &'static str,
    pub(super) is_mase: bool,
    /// In the order of [`OPERANDS`].
    pub(super) stored: [Option<Stored>; 3],
}

impl Named {
    /// Returns the format of an operand; `None` where it stays in float32.
    pub(super) fn format(&self, operand: &str) -> Option<NumberFormat> {
        let of = |operand: &str| {
            let nth = OPERANDS.iter().position(|known| *known == operand)?;
            self.stored[nth].as_ref()
        };
        let stored = match (of(operand), operand) {
            (None, "bias") => of("weight"),
            (stored, _) => stored,
        };
        let (width, stored) = match (fixed_width(self.name), stored) {
            (Some(width), stored) => (width, stored.cloned().unwrap_or_default()),
            (None, stored) => (stored?.width?, stored?.clone()),
        };
        let mut format = NumberFormat {
            frac_width: stored.frac_width,
            signed: stored.signed.unwrap_or(true),
            exponent_width: stored.exponent_width,
            exponent_bias: stored.exponent_bias,
            exponent_bias_width: stored.exponent_bias_width,
            block_size: stored.block_size,
            scale: stored.scale,
            ..NumberFormat::new(self.name, stored.width.unwrap_or(width))
        };
        if self.is_mase && self.name == "integer" {
            format.frac_width = format.frac_width.or(Some(format.width as i32 / 2));
        }
        format.mase = self.is_mase && has_field(self.name, "mase");
        if operand == "data_in" && has_field(self.name, "scale") {
            // Anything else is from the mean over all rows, on which no row may depend.
            format.scale = format.scale.or(Some(Scale::One));
            format.mase = false;
        }
        Some(format)
    }

    /// Returns what is missing, if anything.
    pub(super) fn fault(&self) -> Option<String> {
        if fixed_width(self.name).is_some() {
            return None;
        }
        let mut fields = OPERANDS.iter().zip(&self.stored);
        let lacking = fields.find(|(_, stored)| {
            let stored = stored.as_ref();
            stored.is_some_and(|stored| stored.width.is_none())
        });
        let name = self.name;
        lacking.map(|(operand, _)| format!("`{name}` needs `{operand}_width`"))
    }

    /// Returns why nothing changes in a node with weights, if nothing does.
    pub(super) fn idleness(&self) -> Option<String> {
        let is_idle = fixed_width(self.name).is_none() && self.stored.iter().all(Option::is_none);
        is_idle.then(|| {
            let name = self.name;
            format!(
                "`{name}` needs `data_in_width` or `weight_width`, without which nothing changes"
            )
        })
    }
}

impl Stored {
    /// Reads one field of an operand, `field` as it is written; a null counts as not given.
    pub(super) fn set(
        &mut self,
        name: &str,
        operand: &str,
        field: &str,
        value: &Json,
    ) -> Result<(), String> {
        let written = format!("{operand}_{field}");
        let whole = |least: i64, most: i64| whole(&written, value, least, most);
        let switch = || {
            let switch = value.as_bool();
            switch.ok_or_else(|| format!("`{written}` is {value}, expected true or false"))
        };
        let count = |most| whole(0, most).map(|number| Some(number as u32));
        match field {
            "width" => self.width = count(i64::from(u32::MAX))?,
            "frac_width" => self.frac_width = Some(whole(-1000, 1000)? as i32),
            "signed" => self.signed = Some(switch()?),
            "exponent_width" => self.exponent_width = count(i64::from(u32::MAX))?,
            "exponent_bias" => self.exponent_bias = Some(whole(-100_000, 100_000)? as i32),
            "exponent_bias_width" => self.exponent_bias_width = count(i64::from(u32::MAX))?,
            "block_size" => self.block_size = Some(block_size(&written, value)?),
            "scale" => self.scale = Some(scale(&written, value)?),
            "stochastic" if !switch()? => {}
            "stochastic" => {
                return Err(format!(
                    "`{written}` is true, but numbers are not stored at random here: the same \
                     network always computes the same"
                ));
            }
            "bipolar" if name == "binary" => match switch()? {
                true => self.scale = self.scale.or(Some(Scale::One)),
                false => {
                    self.signed = Some(false);
                    self.scale = self.scale.or(Some(Scale::Mean));
                }
            },
            "scaling_factor" if name == "ternary" => {
                self.scale = Some(match switch()? {
                    true => Scale::Mean,
                    false => Scale::One,
                });
            }
            "mean" if name == "ternary" && switch()? => {}
            "median" | "max" if name == "ternary" && !switch()? => {}
            "mean" | "median" | "max" if name == "ternary" => {
                return Err(format!(
                    "`{written}` is {value}, but the threshold of `ternary` is from the mean"
                ));
            }
            _ => return Err(format!("`{name}` has no `{written}`")),
        }
        Ok(())
    }
}

fn whole(written: &str, value: &Json, least: i64, most: i64) -> Result<i64, String> {
    let number = value.as_i64();
    let number = number.filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| {
        let limits = match most > i64::from(i32::MAX) {
            // Why 0 is none, the format says.
            true => "from 1".to_owned(),
            false => format!("from {least} to {most}"),
        };
        format!("`{written}` is {value}, expected a whole number {limits}")
    })
}

/// Reads a number, or MASE's shape of a block: right-aligned sizes, all but the last 1. As there, -1
/// is the whole dimension, as is everything that is larger.
fn block_size(written: &str, value: &Json) -> Result<u32, String> {
    let size = |value: &Json| match value.as_i64() {
        Some(-1) => Ok(u32::MAX),
        _ => whole(written, value, 0, i64::from(u32::MAX)).map(|size| size as u32),
    };
    let Some(sizes) = value.as_array() else {
        return size(value);
    };
    match sizes.split_last() {
        Some((last, others)) if others.iter().all(|size| *size == 1) => size(last),
        _ => Err(format!(
            "`{written}` is {value}, but blocks run along the channels alone: expected a number, \
             or a list whose others are 1"
        )),
    }
}

fn scale(written: &str, value: &Json) -> Result<Scale, String> {
    let mut scales = Scale::ALL.into_iter();
    scales.find(|scale| value == scale.name()).ok_or_else(|| {
        let known = Scale::ALL.map(|scale| format!("`{}`", scale.name()));
        format!("`{written}` is {value}, expected {}", known.join(" or "))
    })
}

/// Returns whether a format has a field.
pub(super) fn has_field(name: &str, field: &str) -> bool {
    fields(name).is_some_and(|fields| fields.contains(&field))
}
