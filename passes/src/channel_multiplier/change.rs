//! What one entry of the table asks for, in either spelling.

use std::num::NonZeroUsize;

use firebrick_core::Json;
use firebrick_core::graph::Node;
use firebrick_core::pass::PassError;
use schemars::JsonSchema;

use super::rewire::Reads;

/// What changes in a node.
#[derive(Default, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Setting {
    /// Output channels relative to the layer's own, above 0.
    factor: Option<f64>,
    /// Which side changes, in the lab's spelling; null leaves the layer as it is.
    name: Option<Mode>,
    /// Output channels in units of `base_width`, above 0, in the lab's spelling.
    channel_multiplier: Option<f64>,
    /// The lab puts the other fields in here.
    config: Option<Box<Self>>,
}

/// Which side of a layer changes.
#[derive(Debug, Clone, Copy, PartialEq, JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Mode {
    /// The outputs alone.
    OutputOnly,
    /// Inputs follow, outputs change.
    Both,
    /// Inputs follow.
    InputOnly,
}

/// What an entry asks of a layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Change {
    /// Nothing.
    Keep,
    /// Outputs relative to the layer's own.
    Factor(f64),
    /// The seed's mode of this name, with its multiplier.
    OutputOnly(f64),
    /// The seed's mode of this name, with its multiplier.
    Both(f64),
    /// The seed's mode of this name.
    InputOnly,
}

impl Change {
    /// Reads the entry of a key.
    pub(super) fn read(key: &str, entry: &Json) -> Result<Self, PassError> {
        Setting::read(entry)
            .and_then(|setting| setting.change())
            .map_err(|reason| PassError::Args(format!("`{key}`: {reason}")))
    }

    pub(super) fn is_mode(&self) -> bool {
        matches!(self, Self::OutputOnly(_) | Self::Both(_) | Self::InputOnly)
    }

    pub(super) fn is_factor(&self) -> bool {
        matches!(self, Self::Factor(_))
    }

    /// Returns what the layer reads, in a call that has a mode somewhere.
    pub(super) fn reads(self) -> Reads {
        match self {
            Self::Keep => Reads::Base { mode: None },
            Self::OutputOnly(_) => Reads::Base {
                mode: Some("output_only"),
            },
            Self::Factor(_) | Self::Both(_) | Self::InputOnly => Reads::Producer,
        }
    }

    /// Returns whether the layer is given an output width of its own.
    pub(super) fn sets_outputs(self) -> bool {
        matches!(self, Self::Factor(_) | Self::OutputOnly(_) | Self::Both(_))
    }

    /// Returns the new output channels of a layer that has had `width`.
    pub(super) fn outputs(
        self,
        node: &Node,
        width: usize,
        base_width: Option<NonZeroUsize>,
    ) -> Result<usize, PassError> {
        match self {
            Self::Keep | Self::InputOnly => Ok(width),
            Self::Factor(factor) => scaled(node, width, factor),
            Self::OutputOnly(multiplier) | Self::Both(multiplier) => {
                let unit = base_width.map_or(width, NonZeroUsize::get);
                scaled(node, unit, multiplier)
            }
        }
    }
}

/// Returns a multiple of a width, rounded half up, at least 1.
pub(super) fn scaled(node: &Node, width: usize, multiplier: f64) -> Result<usize, PassError> {
    let scaled = (width as f64 * multiplier).round().max(1.0);
    if scaled > CHANNELS_MAX {
        return Err(PassError::NotApplicable {
            node: node.name.clone(),
            reason: format!("{multiplier:?} times {width} channels are too many"),
        });
    }
    Ok(scaled as usize)
}

/// More than any graph can hold, and few enough to be exact in an `f64`.
const CHANNELS_MAX: f64 = (1_u64 << 40) as f64;

impl Setting {
    /// Reads an entry field by field, so that an error can name the field.
    fn read(entry: &Json) -> Result<Self, String> {
        if is_absent(entry) {
            return Ok(Self::default());
        }
        let Some(fields) = entry.as_object() else {
            return Err(format!(
                "expected a table such as {{\"factor\": 2}}, found {entry}"
            ));
        };
        let mut setting = Self::default();
        for (field, value) in fields.iter().filter(|(_, value)| !is_absent(value)) {
            match field.as_str() {
                "factor" => setting.factor = Some(above_zero(field, value)?),
                "name" => setting.name = Some(Mode::read(value)?),
                "channel_multiplier" => {
                    setting.channel_multiplier = Some(above_zero(field, value)?);
                }
                "config" => setting.config = Some(Box::new(Self::read(value)?)),
                _ => return Err(unknown_field(field)),
            }
        }
        if setting.config.is_some() && fields.len() > 1 {
            return Err("all fields go either into `config` or beside it".to_owned());
        }
        Ok(setting)
    }

    fn change(self) -> Result<Change, String> {
        if let Some(inner) = self.config {
            return inner.change();
        }
        match (self.name, self.channel_multiplier, self.factor) {
            (None, None, None) => Ok(Change::Keep),
            (None, None, Some(factor)) => Ok(Change::Factor(factor)),
            (_, _, Some(_)) => Err(
                "`factor` and the lab's `name` and `channel_multiplier` exclude each other"
                    .to_owned(),
            ),
            (None, Some(_), None) => {
                Err("`channel_multiplier` has no effect without `name`".to_owned())
            }
            (Some(Mode::OutputOnly), Some(multiplier), None) => Ok(Change::OutputOnly(multiplier)),
            (Some(Mode::Both), Some(multiplier), None) => Ok(Change::Both(multiplier)),
            (Some(Mode::InputOnly), None, None) => Ok(Change::InputOnly),
            (Some(Mode::InputOnly), Some(_), None) => Err(
                "`input_only` keeps the outputs, so it takes no `channel_multiplier`".to_owned(),
            ),
            (Some(mode), None, None) => {
                Err(format!("`{}` needs a `channel_multiplier`", mode.name()))
            }
        }
    }
}

impl Mode {
    const ALL: [Self; 3] = [Self::OutputOnly, Self::Both, Self::InputOnly];

    fn name(self) -> &'static str {
        match self {
            Self::OutputOnly => "output_only",
            Self::Both => "both",
            Self::InputOnly => "input_only",
        }
    }

    fn read(value: &Json) -> Result<Self, String> {
        let known = Self::ALL.into_iter();
        known
            .clone()
            .find(|mode| value == mode.name())
            .ok_or_else(|| {
                let known: Vec<String> = known.map(|mode| format!("`{}`", mode.name())).collect();
                format!("`name` is {value}, expected {} or null", known.join(", "))
            })
    }
}

/// Returns whether a value says nothing: null, or the seed's spelling of it.
fn is_absent(value: &Json) -> bool {
    value.is_null() || value == "NA"
}

fn above_zero(field: &str, value: &Json) -> Result<f64, String> {
    let number = value
        .as_f64()
        .filter(|number| *number > 0.0 && number.is_finite());
    number.ok_or_else(|| format!("`{field}` is {value}, expected a number above 0"))
}

fn unknown_field(field: &str) -> String {
    format!(
        "unknown field `{field}`, expected `factor`, or `name` and `channel_multiplier`, \
         or `config`"
    )
}
