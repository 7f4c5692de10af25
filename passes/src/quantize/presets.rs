//! Formats of all operands under one name.

use firebrick_core::graph::{NumberFormat, Op, Scale};

/// Formats of all operands under one name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Preset {
    pub(super) name: &'static str,
    /// What it is, for users.
    pub(super) summary: &'static str,
    data_in: Number,
    weight: Number,
    /// The format of what there is once a channel: biases, and scale and shift of batch norm. They
    /// are few, and an error in one of them is an error of a whole channel.
    channel: Number,
}

/// The format of one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    /// None.
    Float32,
    /// Fixed point, its fraction width chosen from the numbers.
    Fixed(u32),
    /// Fixed point with a learned step.
    Learned(u32),
    /// A format that has no other numbers than its width.
    Plain(&'static str, u32),
    /// Levels times the power of two nearest to the mean.
    Levels(&'static str, u32),
    /// A sign, an exponent of so many bits, and the rest.
    Minifloat { width: u32, exponent_width: u32 },
    /// A block of so many numbers with one exponent of 8 bits.
    Block { width: u32, size: u32 },
}

use Number::{Block, Fixed, Float32, Learned, Levels, Minifloat, Plain};

/// All presets, those of one family together.
pub(super) const PRESETS: [Preset; 34] = [
    preset(
        "float32",
        "No format: numbers stay as they are trained.",
        [Float32; 3],
    ),
    int(
        "int2",
        "Fixed point of 2 bits, 8 where there is one number a channel.",
        2,
    ),
    int(
        "int3",
        "Fixed point of 3 bits, 8 where there is one number a channel.",
        3,
    ),
    int(
        "int4",
        "Fixed point of 4 bits, 8 where there is one number a channel.",
        4,
    ),
    int(
        "int5",
        "Fixed point of 5 bits, 8 where there is one number a channel.",
        5,
    ),
    int(
        "int6",
        "Fixed point of 6 bits, 8 where there is one number a channel.",
        6,
    ),
    int(
        "int7",
        "Fixed point of 7 bits, 8 where there is one number a channel.",
        7,
    ),
    int("int8", "Fixed point of 8 bits.", 8),
    int("int10", "Fixed point of 10 bits.", 10),
    int("int12", "Fixed point of 12 bits.", 12),
    int("int16", "Fixed point of 16 bits.", 16),
    lsq(
        "lsq2",
        "Learned steps, 2 bits; fixed point of 8 where there is one number a channel.",
        2,
    ),
    lsq(
        "lsq3",
        "Learned steps, 3 bits; fixed point of 8 where there is one number a channel.",
        3,
    ),
    lsq(
        "lsq4",
        "Learned steps, 4 bits; fixed point of 8 where there is one number a channel.",
        4,
    ),
    lsq(
        "lsq6",
        "Learned steps, 6 bits; fixed point of 8 where there is one number a channel.",
        6,
    ),
    lsq(
        "lsq8",
        "Learned steps, 8 bits; fixed point of 8 where there is one number a channel.",
        8,
    ),
    preset(
        "binary",
        "Weights of two levels times a power of two, all else int8.",
        [Fixed(8), Levels("binary", 1), Fixed(8)],
    ),
    preset(
        "ternary",
        "Weights of three levels times a power of two, all else int8.",
        [Fixed(8), Levels("ternary", 2), Fixed(8)],
    ),
    plain(
        "fp8_e4m3",
        "8-bit floats of the OCP with 3 mantissa bits.",
        "fp8_e4m3",
        8,
    ),
    plain(
        "fp8_e5m2",
        "8-bit floats of the OCP with 2 mantissa bits.",
        "fp8_e5m2",
        8,
    ),
    minifloat(
        "minifloat8_e4m3",
        "IEEE-like 8-bit floats without infinities.",
        8,
        4,
    ),
    minifloat(
        "minifloat6_e3m2",
        "IEEE-like 6-bit floats without infinities, 8 where there is one number a channel.",
        6,
        3,
    ),
    minifloat(
        "minifloat6_e2m3",
        "IEEE-like 6-bit floats without infinities, 8 where there is one number a channel.",
        6,
        2,
    ),
    minifloat(
        "minifloat4_e2m1",
        "IEEE-like 4-bit floats without infinities, 8 where there is one number a channel.",
        4,
        2,
    ),
    mx("mxfp8_e4m3", "MXFP8 with 3 mantissa bits.", "mxfp8_e4m3", 8),
    mx("mxfp8_e5m2", "MXFP8 with 2 mantissa bits.", "mxfp8_e5m2", 8),
    mx(
        "mxfp6_e3m2",
        "MXFP6 with 2 mantissa bits, MXFP8 for one number a channel.",
        "mxfp6_e3m2",
        6,
    ),
    mx(
        "mxfp6_e2m3",
        "MXFP6 with 3 mantissa bits, MXFP8 for one number a channel.",
        "mxfp6_e2m3",
        6,
    ),
    mx(
        "mxfp4",
        "MXFP4, MXFP8 for one number a channel.",
        "mxfp4_e2m1",
        4,
    ),
    plain("mxint8", "MXINT8.", "mxint8", 8),
    preset(
        "msfp12",
        "Microsoft's 12-bit block floating point: 4 bits a number, 8 for 16 of them together.",
        [
            Block { width: 4, size: 16 },
            Block { width: 4, size: 16 },
            Block { width: 8, size: 16 },
        ],
    ),
    log(
        "log4",
        "Powers of two, 4 bits; fixed point of 8 where there is one number a channel.",
        4,
    ),
    log(
        "log5",
        "Powers of two, 5 bits; fixed point of 8 where there is one number a channel.",
        5,
    ),
    log(
        "log6",
        "Powers of two, 6 bits; fixed point of 8 where there is one number a channel.",
        6,
    ),
];

impl Preset {
    /// Returns the format of an operand; `None` where it stays in float32.
    pub(super) fn stored(
        &self,
        op: &Op,
        operand: &str,
        reads_no_negatives: bool,
    ) -> Option<NumberFormat> {
        let number = match (op, operand) {
            (_, "data_in") => self.data_in,
            (Op::BatchNorm { .. }, _) | (_, "bias") => self.channel,
            _ => self.weight,
        };
        // What is never negative needs no sign, which leaves one bit more for the number.
        let signed = !(operand == "data_in" && reads_no_negatives);
        let format = match number {
            Float32 => return None,
            Fixed(width) => NumberFormat {
                signed,
                ..NumberFormat::new("integer", width)
            },
            Learned(width) => NumberFormat {
                signed,
                ..NumberFormat::new("lsq", width)
            },
            Plain(name, width) => NumberFormat::new(name, width),
            Levels(name, width) => NumberFormat {
                scale: Some(Scale::PowerOfTwo),
                ..NumberFormat::new(name, width)
            },
            Minifloat {
                width,
                exponent_width,
            } => NumberFormat {
                exponent_width: Some(exponent_width),
                ..NumberFormat::new("minifloat_ieee", width)
            },
            Block { width, size } => NumberFormat {
                exponent_width: Some(8),
                block_size: Some(size),
                ..NumberFormat::new("block_fp", width)
            },
        };
        Some(format)
    }
}

/// Returns a preset of what is read, weights, and what there is once a channel.
const fn preset(name: &'static str, summary: &'static str, numbers: [Number; 3]) -> Preset {
    let [data_in, weight, channel] = numbers;
    Preset {
        name,
        summary,
        data_in,
        weight,
        channel,
    }
}

const fn int(name: &'static str, summary: &'static str, width: u32) -> Preset {
    let channel = if width < 8 { 8 } else { width };
    preset(name, summary, [Fixed(width), Fixed(width), Fixed(channel)])
}

const fn lsq(name: &'static str, summary: &'static str, width: u32) -> Preset {
    preset(name, summary, [Learned(width), Learned(width), Fixed(8)])
}

const fn plain(
    name: &'static str,
    summary: &'static str,
    format: &'static str,
    width: u32,
) -> Preset {
    preset(name, summary, [Plain(format, width); 3])
}

const fn mx(name: &'static str, summary: &'static str, format: &'static str, width: u32) -> Preset {
    let own = Plain(format, width);
    let channel = if width < 8 {
        Plain("mxfp8_e4m3", 8)
    } else {
        own
    };
    preset(name, summary, [own, own, channel])
}

const fn minifloat(
    name: &'static str,
    summary: &'static str,
    width: u32,
    exponent_width: u32,
) -> Preset {
    let own = Minifloat {
        width,
        exponent_width,
    };
    let channel = if width < 8 {
        Minifloat {
            width: 8,
            exponent_width: 4,
        }
    } else {
        own
    };
    preset(name, summary, [own, own, channel])
}

const fn log(name: &'static str, summary: &'static str, width: u32) -> Preset {
    preset(
        name,
        summary,
        [Plain("log", width), Plain("log", width), Fixed(8)],
    )
}
