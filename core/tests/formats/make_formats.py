"""Writes what the tests of number formats other than fixed point compare with.

    python -m venv venv && venv/bin/pip install numpy torch ml_dtypes qonnx
    venv/bin/python core/tests/formats/make_formats.py

Formats are computed by numpy in float64, where nothing but the rounding rounds, from the formulas of
the papers and specifications that the formats' own pages name, and as MASE writes them where a case
says `mase`. Every stored number is held against the list of all numbers of its format, if that is short:
it is one of them, and none is nearer. Beyond that they are compared with ml_dtypes (8-, 6- and 4-bit
floats), PyTorch (8-bit floats, bfloat16, and autograd for learned steps) and QONNX's FloatQuant
(IEEE-like minifloats), with whichever of these is installed; learned steps are written if PyTorch is.
Numbers are written as the bits of float32, so that NaN, infinities and the sign of zero are told apart.
numpy 2.4, PyTorch 2.15, ml_dtypes 0.6 and qonnx 1.0 wrote and checked the files.
"""

import json
import math
import pathlib
from collections import Counter

import numpy as np

try:
    import ml_dtypes
except ImportError:
    ml_dtypes = None
try:
    import torch
except ImportError:
    torch = None
try:
    from qonnx.custom_op.general.floatquant import float_quant
except ImportError:
    float_quant = None

HERE = pathlib.Path(__file__).parent
FLOAT_MAX = float(np.finfo(np.float32).max)
CHECKED = Counter()
# Exponent of the smallest normal number, mantissa bits, largest number.
OCP = {
    "e4m3": (-6, 3, 448.0),
    "e5m2": (-14, 2, 57344.0),
    "e3m2": (-2, 2, 28.0),
    "e2m3": (0, 3, 7.5),
    "e2m1": (0, 1, 6.0),
}


def floor_log2(x):
    """Exact, of float64 above 0."""
    return np.frexp(x)[1] - 1


def ceil_log2(x):
    mantissa, exponent = np.frexp(x)
    return np.where(mantissa == 0.5, exponent - 1, exponent)


def sizes(x):
    """Absolute values in float64, infinities as the largest float32, NaN as 1."""
    x = np.abs(x.astype(np.float64))
    return np.where(np.isnan(x), 1.0, np.minimum(x, FLOAT_MAX))


def finish(x, stored, passes):
    """Puts back signs, NaN and infinities."""
    stored = np.where(np.isnan(x), np.nan, np.copysign(stored, x)).astype(np.float32)
    return stored, passes & np.isfinite(x)


# Numbers one by one: each takes sizes and gives stored sizes, and where a gradient passes.


def float_of(size, exponent_min, mantissa_bits, most):
    exponent = np.maximum(floor_log2(np.where(size == 0, 1e-300, size)), exponent_min)
    step = np.ldexp(1.0, exponent - mantissa_bits)
    rounded = np.rint(size / step) * step
    return np.minimum(rounded, most), rounded <= most


def ieee_shape(width, exponent_width, bias=None):
    bias = 2 ** (exponent_width - 1) - 1 if bias is None else bias
    mantissa_bits = width - 1 - exponent_width
    exponent_max = min(2**exponent_width - 1 - bias, 127)
    return bias, mantissa_bits, math.ldexp(2.0 - 2.0**-mantissa_bits, exponent_max)


def ieee(size, width, exponent_width, bias=None, mase=False):
    bias, m, most = ieee_shape(width, exponent_width, bias)
    stored, passes = float_of(size, 1 - bias, m, most)
    if mase:
        # As MASE writes it, without what it adds to avoid the logarithm of 0.
        exponent = floor_log2(np.where(size == 0, 1e-300, size))
        exponent = np.clip(exponent, -bias, 2**exponent_width - 1 - bias)
        unit = np.ldexp(1.0, exponent)
        full = 2**m - 1
        normal = unit * (1 + np.clip(np.rint((size / unit - 1) * 2**m), 0, full) / 2**m)
        subnormal = unit * 2 * np.clip(np.rint(size / unit * 2**m / 2), 0, full) / 2**m
        stored = np.where(exponent == -bias, subnormal, normal)
    return stored, passes


def ieee_levels(width, exponent_width, bias=None):
    bias, m, _ = ieee_shape(width, exponent_width, bias)
    k = np.arange(2**m)
    levels = [np.ldexp(k / 2**m, 1 - bias)]
    codes = range(1, 2**exponent_width)
    levels += [np.ldexp(1 + k / 2**m, code - bias) for code in codes if code - bias <= 127]
    return np.concatenate(levels)


def denorm(size, width, exponent_width, bias=None, mase=False):
    bias = 2 ** (exponent_width - 1) - 1 if bias is None else bias
    m = width - 1 - exponent_width
    last = 2**exponent_width - 1 - bias
    most = math.ldexp(2**m - 1, last - m)
    exponent = np.where(size == 0, -1000, floor_log2(np.where(size == 0, 1, size)) + 1)
    step = np.ldexp(1.0, np.maximum(exponent, -bias) - m)
    rounded = np.rint(size / step) * step
    stored, passes = np.minimum(rounded, most), rounded <= most
    if mase:
        exponent = ceil_log2(np.where(size == 0, 1e-300, size))
        unit = np.ldexp(1.0, np.clip(exponent, -bias, last))
        stored = unit * np.clip(np.rint(size / unit * 2**m), 0, 2**m - 1) / 2**m
    return stored, passes


def denorm_levels(width, exponent_width, bias=None):
    bias = 2 ** (exponent_width - 1) - 1 if bias is None else bias
    m = width - 1 - exponent_width
    codes = range(2**exponent_width)
    return np.unique(
        np.concatenate([np.ldexp(np.arange(2.0**m), code - bias - m) for code in codes])
    )


def log(size, width, bias=None, mase=False):
    bias = 2 ** (width - 2) - 1 if bias is None else bias
    return log_of(size, -bias, 2 ** (width - 1) - 1 - bias, mase)


def log_of(size, zero, last, mase):
    exponent = np.rint(np.log2(np.where(size == 0, 1e-300, size)))
    stored = np.ldexp(1.0, np.clip(exponent, zero, last).astype(int))
    if not mase:
        stored = np.where(exponent <= zero, 0.0, stored)
    return stored, exponent <= last


def log_levels(width, bias=None):
    bias = 2 ** (width - 2) - 1 if bias is None else bias
    return np.concatenate([[0.0], np.ldexp(1.0, np.arange(1, 2 ** (width - 1)) - bias)])


# Inputs.


def around(numbers):
    numbers = np.asarray(numbers, np.float64)
    with np.errstate(over="ignore"):
        numbers = numbers.astype(np.float32)
    return np.concatenate(
        [numbers, np.nextafter(numbers, np.float32(0)), np.nextafter(numbers, np.float32(np.inf))]
    )


def element_inputs(levels, rng, n):
    """All sizes of numbers: levels, what lies half way between them, and beyond."""
    if len(levels) > n:
        ends = np.r_[0:3, len(levels) - 3 : len(levels)]
        levels = levels[np.unique(np.r_[ends, rng.integers(0, len(levels), n - 6)])]
    most = float(levels[-1])
    halves = (levels[1:] + levels[:-1]) / 2
    thirds = levels[:-1] + (levels[1:] - levels[:-1]) * rng.uniform(0, 1, len(levels) - 1)
    logs = levels[levels > 0] * math.sqrt(0.5)
    beyond = np.array([1.01, 1.03125, 1.0625, 1.125, 1.25, 1.5, 2, 3]) * most
    x = np.concatenate(
        [around(halves), levels, thirds, logs, beyond, around(levels[-1:] * math.sqrt(2))]
    )
    with np.errstate(over="ignore"):
        x = x.astype(np.float32)
    x = x * rng.choice(np.array([-1, 1], np.float32), len(x))
    ends = [0.0, -0.0, np.inf, -np.inf, np.nan, 3.4e38, -3.4e38, 1e-45, -1e-45, 1.2e-38, 1e-30, 1.0]
    return np.concatenate([x, np.array(ends, np.float32)])


# Checks.


def check_levels(x, stored, levels):
    """One of the levels, and none nearer."""
    levels = np.unique(levels)
    good = np.isfinite(x)
    size, found = sizes(x[good]), np.abs(stored[good].astype(np.float64))
    assert np.isin(found, levels).all()
    above = np.clip(np.searchsorted(levels, size), 0, len(levels) - 1)
    nearest = np.minimum(
        np.abs(levels[above] - size), np.abs(levels[np.maximum(above - 1, 0)] - size)
    )
    assert (np.abs(found - size) == nearest).all()
    CHECKED["lists of all numbers"] += 1


def check_type(x, stored, kind, most):
    """Against a type of ml_dtypes, whose casts do not saturate in 8 bits."""
    good = np.isfinite(x)
    x = np.clip(x[good], -most, most)
    if ml_dtypes is not None:
        found = x.astype(getattr(ml_dtypes, kind)).astype(np.float32)
        assert (found == stored[good]).all(), kind
        CHECKED["ml_dtypes"] += 1
    if torch is not None and hasattr(torch, kind) and kind.startswith("float8"):
        found = torch.tensor(x).to(getattr(torch, kind)).to(torch.float32).numpy()
        assert (found == stored[good]).all(), kind
        CHECKED["PyTorch"] += 1


def check_float_quant(x, stored, width, exponent_width, bias):
    bias, mantissa_bits, _ = ieee_shape(width, exponent_width, bias)
    # Its logarithm is that of float64, which may be off by one just below a power of two, and what
    # it adds to it shows in the smallest numbers.
    good = np.isfinite(x) & ((np.abs(x) > 1e-30) | (x == 0))
    if float_quant is None or width > 16 or abs(bias) > 60:
        return
    found = float_quant(
        x[good].astype(np.float64),
        1.0,
        exponent_width,
        mantissa_bits,
        exponent_bias=bias,
        has_subnormal=True,
    )
    assert (found == stored[good]).all(), (width, exponent_width, bias)
    CHECKED["qonnx"] += 1


# Files.


def case(fields, layout, x, stored, passes):
    return {
        "format": fields,
        "layout": layout,
        "x": x.view(np.uint32).tolist(),
        "quantized": stored.view(np.uint32).tolist(),
        "passes": "".join("1" if passes else "0" for passes in passes.ravel()),
    }


def write(name, cases):
    text = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (HERE / name).write_text(f"[\n{text}\n]\n")
    numbers = sum(len(case["x"]) for case in cases)
    print(f"{name}: {len(cases)} cases, {numbers} numbers, {len(text) // 1024} KiB")


def fields_of(name, width, exponent_width=None, bias=None, mase=False, **more):
    fields = {"name": name, "width": width, **more}
    if exponent_width is not None:
        fields["exponent_width"] = exponent_width
    if bias is not None:
        fields["exponent_bias"] = bias
    if mase:
        fields["mase"] = True
    return fields


def elements(rng):
    cases = []

    def add(name, arguments, compute, levels, check=None):
        for mase in [False, True]:
            x = element_inputs(np.unique(levels(*arguments)), rng, 14)
            stored, passes = finish(x, *compute(sizes(x), *arguments, mase=mase))
            if not mase and name != "log":
                check_levels(x, stored, levels(*arguments))
            if not mase and check:
                check(x, stored, *arguments)
            width, *others = arguments
            # A float has its exponent's width before its bias.
            exponent_width = others.pop(0) if name != "log" else None
            cases.append(
                case(
                    fields_of(name, width, exponent_width, *others, mase=mase),
                    [1, len(x), 1],
                    x,
                    stored,
                    passes,
                )
            )

    for arguments in [
        (2, 1), (3, 2), (3, 1), (4, 2), (4, 3), (5, 2), (6, 3), (6, 2), (8, 4), (8, 3), (8, 2), (8, 7),
        (8, 4, 3), (8, 5, -20), (8, 2, -103), (8, 4, 127), (10, 5), (16, 5), (16, 8), (19, 8),
    ]:  # fmt: skip
        check = lambda x, stored, *a: check_float_quant(
            x, stored, *(a if len(a) == 3 else (*a, None))
        )
        add("minifloat_ieee", arguments, ieee, ieee_levels, check)
    for arguments in [
        (3, 1),
        (4, 2),
        (4, 1),
        (6, 3),
        (8, 4),
        (8, 4, 2),
        (8, 3, -104),
        (10, 7, 125),
        (16, 5),
    ]:
        add("minifloat_denorm", arguments, denorm, denorm_levels)
    for arguments in [
        (2,),
        (3,),
        (4,),
        (5,),
        (6,),
        (7,),
        (8,),
        (4, 0),
        (5, -112),
        (8, 0),
        (8, 126),
    ]:
        add("log", arguments, log, log_levels)
    for kind in ["e4m3", "e5m2"]:
        exponent_min, mantissa_bits, most = OCP[kind]
        levels = ieee_levels(8, 7 - mantissa_bits)
        levels = levels[levels <= most]
        x = element_inputs(levels, rng, 40)
        stored, passes = finish(x, *float_of(sizes(x), exponent_min, mantissa_bits, most))
        check_levels(x, stored, levels)
        check_type(x, stored, {"e4m3": "float8_e4m3fn", "e5m2": "float8_e5m2"}[kind], most)
        cases.append(case(fields_of(f"fp8_{kind}", 8), [1, len(x), 1], x, stored, passes))
    # All of float32, and bfloat16 but for its last exponent.
    x = rng.integers(0, 2**32, 60, np.uint64).astype(np.uint32).view(np.float32)
    x = np.concatenate(
        [x, np.array([3.4028235e38, 3.3961776e38, 1e-40, 1e-45, 0.0, -0.0, 1.0], np.float32)]
    )
    for width in [16, 32]:
        stored, passes = finish(x, *ieee(sizes(x), width, 8))
        if width == 32:
            assert (np.isnan(x) | ~np.isfinite(x) | (stored == x)).all()
        elif torch is not None:
            found = torch.tensor(x).to(torch.bfloat16).to(torch.float32).numpy()
            assert (~np.isfinite(x) | np.isinf(found) | (found == stored)).all()
            CHECKED["PyTorch"] += 1
        cases.append(case(fields_of("minifloat_ieee", width, 8), [1, len(x), 1], x, stored, passes))
    write("elements.json", cases)


# Blocks: each takes the largest size of a block and gives the exponent of the unit, and what stores
# numbers in it.


def steps(size, bits):
    step = 2.0 ** (1 - bits)
    rounded = np.rint(size / step) * step
    return np.minimum(rounded, 2 - step), rounded <= 2 - step


def block_fp(largest, width, exponent_width=8, bias=None, mase=False):
    bias = 2 ** (exponent_width - 1) - 1 if bias is None else bias
    exponent = int(ceil_log2(largest)) if mase else int(floor_log2(largest)) + 1
    exponent = min(max(exponent, -bias, -126), 2**exponent_width - 1 - bias)
    return exponent - 1, lambda size: steps(size, width - 1)


def limit(exponent):
    return min(max(exponent, -127), 127)


def block_minifloat(largest, width, exponent_width, bias_width=8, mase=False):
    codes = 2**exponent_width
    if mase:
        shared_bias = min(max(int(floor_log2(largest)), 0), 2**bias_width - 1)
        last = codes - 1 - shared_bias
    else:
        last = min(max(int(floor_log2(largest)), 1 - 2 ** (bias_width - 1)), 2 ** (bias_width - 1))
    # In units of the largest power of two its exponent is 0.
    return limit(last), lambda size: ieee(size, width, exponent_width, codes - 1, mase)


def block_log(largest, width, bias_width=8, mase=False):
    last = 2 ** (width - 1) - 1
    if mase:
        shared_bias = min(max(last - int(ceil_log2(largest)), 0), 2**bias_width - 1)
        exponent = last - shared_bias
    else:
        exponent = int(np.rint(np.log2(largest)))
        exponent = min(max(exponent, 1 - 2 ** (bias_width - 1)), 2 ** (bias_width - 1))
    return limit(exponent), lambda size: log_of(size, -last, 0, mase)


def mx(largest, kind):
    if kind == "int8":
        return limit(int(floor_log2(largest))), lambda size: steps(size, 7)
    exponent_min, mantissa_bits, most = OCP[kind]
    unit = limit(int(floor_log2(largest)) - int(floor_log2(most)))
    return unit, lambda size: float_of(size, exponent_min, mantissa_bits, most)


def in_blocks(x, layout, size, fit):
    outer, channels, inner = layout
    x = x.reshape(layout)
    stored, passes = np.zeros_like(x), np.zeros(x.shape, bool)
    for row in range(outer):
        for place in range(inner):
            for start in range(0, channels, size):
                at = (row, slice(start, start + size), place)
                block = sizes(x[at])
                largest = np.max(block, initial=0.0, where=~np.isnan(x[at]))
                unit, element = fit(largest if largest > 0 else 1.0)
                found, inside = element(block * 2.0**-unit)
                stored[at], passes[at] = finish(x[at], found * 2.0**unit, inside)
    return stored, passes


def check_block_of_type(x, stored, layout, size, kind):
    if ml_dtypes is None:
        return
    names = {"e4m3": "float8_e4m3fn", "e5m2": "float8_e5m2", "e3m2": "float6_e3m2fn"}
    names |= {"e2m3": "float6_e2m3fn", "e2m1": "float4_e2m1fn"}
    most = OCP[kind][2]
    outer, channels, inner = layout
    x, stored = x.reshape(layout), stored.reshape(layout)
    for row in range(outer):
        for place in range(inner):
            for start in range(0, channels, size):
                at = (row, slice(start, start + size), place)
                block, found = x[at], stored[at]
                if not np.isfinite(block).all() or not block.any():
                    continue
                # Largest exponents of block and type, by the text of the specification; the unit is
                # cast to the type of OCP's scales, which has all of them.
                unit = np.float64(2.0) ** (
                    np.floor(np.log2(np.abs(block.astype(np.float64)).max()))
                    - np.floor(np.log2(most))
                )
                unit = np.clip(unit, 2.0**-127, 2.0**127)
                assert unit == unit.astype(ml_dtypes.float8_e8m0fnu).astype(np.float64)
                scaled = np.clip(block / unit, -most, most).astype(np.float32)
                again = scaled.astype(getattr(ml_dtypes, names[kind])).astype(np.float64) * unit
                assert (again == found).all(), kind
                CHECKED["ml_dtypes"] += 1


def block_inputs(layout, size, rng):
    """Blocks of all sizes, some of zeros, and some with infinities and NaN."""
    outer, channels, inner = layout
    x = rng.normal(0, 1, layout) * rng.choice([1.0, 1.0, 0.1, 0.01, 0.0], layout)
    for row in range(outer):
        for place in range(inner):
            for start in range(0, channels, size):
                block = x[row, start : start + size, place]
                block *= 2.0 ** rng.choice([0, 0, -3, 5, -20, 12, 60, 120, -60, -110, -135, -147])
                if rng.random() < 0.12:
                    block[:] = np.copysign(0.0, block)
                if rng.random() < 0.25:
                    block[0] = 2.0 ** rng.integers(-8, 8)
                if rng.random() < 0.12:
                    block[-1] = rng.choice([np.inf, -np.inf])
                if rng.random() < 0.12:
                    block[0] = np.nan
    with np.errstate(over="ignore"):
        return x.astype(np.float32).ravel()


def blocks(rng):
    cases = []

    def add(fields, fit, size=None, kind=None):
        default = 32 if fields["name"].startswith("mx") else 16
        for layout in [[5, 37, 1], [2, 7, 5]] if size is None else [[3, 11, 2]]:
            x = block_inputs(layout, size or default, rng)
            stored, passes = in_blocks(x, layout, size or default, fit)
            if kind in OCP:
                check_block_of_type(x, stored, layout, size or default, kind)
            sized = fields if size is None else {**fields, "block_size": size}
            cases.append(case(sized, layout, x, stored.ravel(), passes))

    for mase in [False, True]:
        for width, exponent_width, bias, size in [
            (4, None, None, None), (8, 8, None, None), (2, None, None, 3), (6, 4, None, 4),
            (5, 3, 6, 1), (24, None, None, 5), (6, 4, -5, 64),
        ]:  # fmt: skip
            fields = fields_of("block_fp", width, exponent_width, bias, mase)
            add(
                fields,
                lambda largest: block_fp(largest, width, exponent_width or 8, bias, mase),
                size,
            )
        for width, exponent_width, bias_width, size in [
            (8, 4, None, None), (4, 2, 8, None), (6, 3, 4, 4), (6, 2, 1, 4),
            (3, 2, 8, 5), (8, 6, 8, 2), (24, 3, 8, 4),
        ]:  # fmt: skip
            fields = fields_of("block_minifloat", width, exponent_width, mase=mase)
            if bias_width is not None:
                fields["exponent_bias_width"] = bias_width
            add(
                fields,
                lambda largest: block_minifloat(
                    largest, width, exponent_width, bias_width or 8, mase
                ),
                size,
            )
        for width, bias_width, size in [
            (5, None, None),
            (4, 8, None),
            (2, 8, 4),
            (3, 4, 4),
            (7, 8, 6),
            (4, 2, 3),
        ]:
            fields = fields_of("block_log", width, mase=mase)
            if bias_width is not None:
                fields["exponent_bias_width"] = bias_width
            add(fields, lambda largest: block_log(largest, width, bias_width or 8, mase), size)
    for name, width, kind in [
        ("mxfp8_e4m3", 8, "e4m3"), ("mxfp8_e5m2", 8, "e5m2"), ("mxfp6_e3m2", 6, "e3m2"),
        ("mxfp6_e2m3", 6, "e2m3"), ("mxfp4_e2m1", 4, "e2m1"), ("mxint8", 8, "int8"),
    ]:  # fmt: skip
        for size in [None, 4]:
            add(fields_of(name, width), lambda largest: mx(largest, kind), size, kind)
    write("blocks.json", cases)


# Levels.


def level_of(scale, mean):
    if scale == "power_of_two":
        return np.ldexp(1.0, min(round(math.log2(mean)), 127)) if mean > 0 else 0.0
    return {"one": 1.0, "mean": float(np.float32(mean))}[scale]


def mean(sizes):
    return math.fsum(sizes) / len(sizes) if len(sizes) else 0.0


def levels(rng):
    cases = []
    ends = np.array([0.0, -0.0, np.inf, -np.inf, np.nan], np.float32)
    tensors = [
        rng.normal(0, 0.2, 45),
        rng.normal(0.5, 2, 21),
        np.zeros(6),
        rng.uniform(-1e-3, 1e-3, 30),
    ]
    tensors = [x.astype(np.float32) for x in tensors]
    tensors += [
        np.concatenate([tensors[0], ends]),
        np.array([0.5, -0.5, 0.50000006, 1.0, -1.0, 1.5, 1.0000001], np.float32),
    ]
    for x in tensors:
        there = sizes(x)[~np.isnan(x)]
        for scale in ["one", "mean", "power_of_two"]:
            for signed in [True, False]:
                counted = there if signed else sizes(x)[x > 0]
                high = level_of(scale, mean(counted))
                stored = np.where(x >= 0 if signed else x > 0, high, -high if signed else 0.0)
                stored = np.where(np.isnan(x), np.nan, stored).astype(np.float32)
                fields = {
                    "name": "binary",
                    "width": 1,
                    "scale": scale,
                    **({} if signed else {"signed": False}),
                }
                cases.append(case(fields, [1, len(x), 1], x, stored, np.abs(x) <= 1))
            for mase in [False, True]:
                threshold = (0.75 if mase else 0.7) * mean(there)
                if scale == "one" and not mase:
                    threshold = 0.5
                high = level_of(scale, mean(there[there > threshold]))
                stored = np.where(
                    np.isnan(x), np.nan, np.copysign(np.where(sizes(x) > threshold, high, 0.0), x)
                )
                passes = np.abs(x) <= 1 if scale == "one" else ~np.isnan(x)
                fields = fields_of("ternary", 2, mase=mase, scale=scale)
                cases.append(case(fields, [1, len(x), 1], x, stored.astype(np.float32), passes))
    write("levels.json", cases)


# Learned steps.


def round_through(x):
    """Rounds, and hands gradients on."""
    return torch.round(x).detach() + (x - x.detach())


def limited(x, least, most):
    """Cuts off, and hands gradients on up to the limits themselves, unlike `clamp`."""
    return torch.where(x < least, least, torch.where(x > most, most, x))


def learned(rng):
    cases = []
    for width, signed, step, per_row in [
        (2, True, 0.3, 40), (3, True, 0.11, 8), (4, False, 0.07, 20), (8, True, 0.01, 40),
        (8, False, 1.7, 10), (24, True, 1e-6, 40),
    ]:  # fmt: skip
        least, most = (
            (-(2.0 ** (width - 1)), 2.0 ** (width - 1) - 1) if signed else (0.0, 2.0**width - 1)
        )
        x = rng.normal(0.0, 0.6, 40) * step * most
        x[:4] = [0.0, 1.25 * step, 10 * step * most, -10 * step * most]
        x = x.astype(np.float32)
        gradient = rng.normal(0, 1, 40).astype(np.float32)
        single = torch.tensor(step, dtype=torch.float32)
        numbers = torch.tensor(x)
        stored = torch.round(numbers / single).clamp(least, most) * single
        # Gradients in float64 from the same step and numbers.
        numbers = numbers.to(torch.float64).requires_grad_()
        learned = single.to(torch.float64).requires_grad_()
        # The paper's own order, clamped first, is the same but within half a step beyond the limits.
        found = [
            torch.autograd.grad(
                (made * torch.tensor(gradient, dtype=torch.float64)).sum(), [numbers, learned]
            )
            for made in [
                limited(round_through(numbers / learned), least, most) * learned,
                round_through(limited(numbers / learned, least, most)) * learned,
            ]
        ]
        count = (numbers / learned).detach()
        band = ((count < least) & (count >= least - 0.5)) | ((count > most) & (count <= most + 0.5))
        if not band.any():
            for one, other in zip(*found):
                assert torch.allclose(one, other, rtol=1e-12, atol=0), width
            CHECKED["the paper's order of clamping and rounding"] += 1
        by_x, by_step = found[0]
        scale = 1 / math.sqrt(per_row * most)
        cases.append(
            {
                "width": width,
                "signed": signed,
                "step": int(np.float32(step).view(np.uint32)),
                "per_row": per_row,
                "x": x.view(np.uint32).tolist(),
                "gradient": gradient.view(np.uint32).tolist(),
                "quantized": stored.numpy().view(np.uint32).tolist(),
                "passes": "".join("1" if g != 0 else "0" for g in by_x.numpy()),
                "by_step": by_step.item() * scale,
                "first_step": 2 * mean(sizes(x)) / math.sqrt(most),
            }
        )
    write("learned.json", cases)


if __name__ == "__main__":
    elements(np.random.default_rng(2))
    blocks(np.random.default_rng(3))
    levels(np.random.default_rng(4))
    if torch is not None:
        learned(np.random.default_rng(5))
    print("checked against", dict(CHECKED))
