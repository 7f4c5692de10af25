"""Writes what the tests of number formats compare with.

    python -m venv venv && venv/bin/pip install torch numpy
    venv/bin/python core/tests/formats/make.py

Fixed point is computed by numpy in float64, where nothing but the rounding rounds, and checked
against PyTorch's `fake_quantize_per_tensor_affine`, value and gradient, wherever that is defined:
its limits are int32, it makes -0 to 0, and far beyond the limits it overflows. Numbers are written
as the bits of float32, so that NaN, infinities and the sign of zero are told apart. numpy 2.4 and
PyTorch 2.15 wrote the file.
"""

import json
import pathlib

import numpy as np
import torch

HERE = pathlib.Path(__file__).parent
FORMATS = [(2, 0), (2, 1), (2, -126), (2, 126), (3, 1), (4, 4), (4, -3), (5, 9), (6, 3), (8, 0)]
FORMATS += [(8, 4), (8, 8), (8, 7), (10, 5), (12, 12), (16, 8), (16, -100), (18, 10), (24, 12)]
FORMATS += [(24, 23), (25, 0), (26, 0), (26, 13), (28, 14), (31, 16), (32, 16), (32, 126), (32, -96)]
UNSIGNED = [(1, 0), (1, 1), (1, -126), (2, 0), (4, 4), (6, 3), (8, 4), (8, 8), (8, -3), (16, 8), (24, 12)]
UNSIGNED += [(25, 0), (32, 16), (32, -95), (32, 126)]


def limits(width, signed):
    return (-(2.0 ** (width - 1)), 2.0 ** (width - 1) - 1) if signed else (0.0, 2.0**width - 1)


def inputs(width, frac_width, signed, rng):
    step, limit = 2.0**-frac_width, limits(width, signed)[1] + 1
    steps = np.concatenate(
        [
            [0.0, -0.0, 0.25, -0.25, 0.5, -0.5, 0.75, 1.0, 1.5, -1.5, 2.5, -2.5],
            [limit - 2, limit - 1.5, limit - 1, limit - 0.75, limit - 0.5, limit, 2 * limit],
            [-limit + 0.5, -limit, -limit - 0.25, -limit - 0.5, -limit - 0.75, -limit - 1],
            rng.uniform(-1.2, 1.2, 24) * limit,
            rng.normal(0, 1, 12) * limit**0.5,
        ]
    )
    with np.errstate(over="ignore", under="ignore"):
        x = (steps * step).astype(np.float32)
    ends = [np.inf, -np.inf, np.nan, 3.4e38, -3.4e38, 1e-45, -1e-45, 1.2e-38]
    return np.concatenate([x, np.array(ends, np.float32)])


def fixed_point(x, width, frac_width, signed):
    """The stored numbers, and where a gradient passes."""
    least, most = limits(width, signed)
    if np.float64(np.float32(most)) > most:
        most = np.float64(np.nextafter(np.float32(most), np.float32(0)))
    steps = np.rint(x.astype(np.float64) * 2.0**frac_width)
    # Not `clip`, which may make 0 of -0.
    stored = np.where(steps < least, least, np.where(steps > most, most, steps))
    stored = (stored * 2.0**-frac_width).astype(np.float32)
    return stored, (steps >= least) & (steps <= most)


def check_against_torch(x, stored, passes, width, frac_width, signed):
    near = np.isfinite(x) & (np.abs(x.astype(np.float64)) * 2.0**frac_width < 2.0**30)
    if width > 24 or not -30 <= frac_width <= 30:
        return False
    numbers = torch.tensor(x[near], requires_grad=True)
    least, most = limits(width, signed)
    found = torch.fake_quantize_per_tensor_affine(numbers, 2.0**-frac_width, 0, int(least), int(most))
    found.sum().backward()
    assert (found.detach().numpy() == stored[near]).all(), (width, frac_width)
    assert (numbers.grad.numpy() == passes[near]).all(), (width, frac_width)
    return True


if __name__ == "__main__":
    rng = np.random.default_rng(1)
    cases, n_checked = [], 0
    formats = [(*format, True) for format in FORMATS] + [(*format, False) for format in UNSIGNED]
    for width, frac_width, signed in formats:
        x = inputs(width, frac_width, signed, rng)
        stored, passes = fixed_point(x, width, frac_width, signed)
        n_checked += check_against_torch(x, stored, passes, width, frac_width, signed)
        cases.append(
            {
                "width": width,
                "frac_width": frac_width,
                "signed": signed,
                "x": x.view(np.uint32).tolist(),
                "quantized": stored.view(np.uint32).tolist(),
                "passes": passes.tolist(),
            }
        )
    text = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (HERE / "fixed_point.json").write_text(f"[\n{text}\n]\n")
    print(f"{len(cases)} formats, {n_checked} of them checked against PyTorch")
