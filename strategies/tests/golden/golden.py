"""Computes the numbers that the estimator is tested against: `python golden.py > golden.json`.

Needs scipy and mpmath. Nothing here is shared with the estimator: masses come from mpmath with 60
digits, kernels from scipy.stats.truncnorm, and the formulas are written down once more.
"""

import json
import math

import mpmath
import numpy as np
from scipy.stats import truncnorm

mpmath.mp.dps = 60


def log_mass(low, high):
    """The logarithm of the standard normal mass between low and high."""
    if low > 0:
        low, high = -high, -low
    return float(mpmath.log(mpmath.ncdf(high) - mpmath.ncdf(low)))


def sigmas(means, low, high):
    """The deviation of each kernel; means need not be sorted."""
    n = len(means)
    order = sorted(range(n), key=lambda i: means[i])
    result = [0.0] * n
    for rank, i in enumerate(order):
        left = means[i] - means[order[rank - 1]] if rank > 0 else None
        right = means[order[rank + 1]] - means[i] if rank + 1 < n else None
        if n == 1:
            left, right = means[i] - low, high - means[i]
        distance = max(gap for gap in (left, right) if gap is not None)
        result[i] = min(max(distance, (high - low) / min(100, n + 2)), high - low)
    return result


def normals(axis, observations):
    """The truncated normals of an axis, the prior last, and a function from x to what they give."""
    low, high, step, log = axis["low"], axis["high"], axis.get("step"), axis.get("log", False)
    scaled = math.log if log else (lambda x: x)
    margin = step / 2 if step else 0.0
    bottom, top = scaled(low - margin), scaled(high + margin)
    means = [scaled(x) for x in observations]
    deviations = sigmas(means, bottom, top)
    means.append((bottom + top) / 2)
    deviations.append(top - bottom)
    kernels = [
        truncnorm((bottom - m) / s, (top - m) / s, loc=m, scale=s)
        for m, s in zip(means, deviations)
    ]

    def densities(x):
        if not step:
            return [kernel.pdf(scaled(x)) for kernel in kernels]
        under, over = scaled(x - step / 2), scaled(x + step / 2)
        return [kernel.cdf(over) - kernel.cdf(under) for kernel in kernels]

    return densities


def choices(axis, observations):
    n_choices, n = axis["n_choices"], len(observations)
    rows = [[1 / (n + 1) + (c == seen) for c in range(n_choices)] for seen in observations]
    rows.append([1.0] * n_choices)
    return lambda c: [row[c] / sum(row) for row in rows]


def mixture(axes, trials, weights):
    """The density of a mixture of products with a weight a trial and 1 for the prior."""
    columns = [[trial[i] for trial in trials] for i in range(len(axes))]
    kernels = [
        (choices if "n_choices" in axis else normals)(axis, column)
        for axis, column in zip(axes, columns)
    ]
    weights = np.array([*weights, 1.0])
    weights /= weights.sum()

    def density(point):
        products = np.ones(len(weights))
        for of_axis, x in zip(kernels, point):
            products *= np.array(of_axis(x))
        return float(weights @ products)

    return density


def ramp(n):
    return [1.0] * n if n <= 25 else [*np.linspace(1 / n, 1, n - 25), *[1.0] * 25]


def mixture_case(name, axes, trials, points):
    density = mixture(axes, trials, ramp(len(trials)))
    logs = [math.log(density(point)) for point in points]
    return {"name": name, "axes": axes, "trials": trials, "points": points, "log_densities": logs}


# One step of the estimator over 0..=20 with ten trials told: one of them, the least, is good.
STEP_TRIALS = [[3, 5.0], [17, 90.0], [8, 1.5], [12, 20.0], [0, 40.0], [20, 150.0], [5, 4.0],
               [14, 33.0], [3, 5.0], [10, 7.0]]


def step():
    axis = {"low": 0, "high": 20, "step": 1}
    best = min(STEP_TRIALS, key=lambda trial: trial[1])
    good = mixture([axis], [[best[0]]], [1.0])
    others = [[x] for x, cost in STEP_TRIALS if cost != best[1]]
    rest = mixture([axis], others, [1.0] * len(others))
    scores = [math.log(good([x])) - math.log(rest([x])) for x in range(21)]
    return {"trials": STEP_TRIALS, "scores": scores}


intervals = [(-1, 1), (0, 3), (-0.5, 8), (2, 2.5), (-9, -8.5), (15, 15.2), (-40, -39), (-100, -99.5),
             (98, 100), (-3, -2.9999), (7, 7.00001), (-0.000004, 0.000005), (-37.6, 2), (-12.1, -11.9)]
line = {"low": 0.0, "high": 10.0}
ratio = {"low": 1e-4, "high": 1.0, "log": True}
odd = {"low": 1, "high": 9, "step": 2}
whole = {"low": 1, "high": 1000, "step": 1, "log": True}
choice = {"n_choices": 4}
many = [[(7 * i) % 41 / 4.1] for i in range(40)]
print(json.dumps({
    "log_masses": [[a, b, log_mass(a, b)] for a, b in intervals],
    "mixtures": [
        mixture_case("one observation", [line], [[2.0]], [[0.0], [2.0], [9.0]]),
        mixture_case("several", [line], [[1.0], [4.5], [4.0]], [[0.0], [2.0], [5.0], [9.9]]),
        mixture_case("none", [line], [], [[0.0], [5.0]]),
        mixture_case("more than 25", [line], many, [[0.0], [3.3], [10.0]]),
        mixture_case("logarithmic", [ratio], [[1e-3], [2e-3], [0.5]], [[1e-4], [1e-2], [1.0]]),
        mixture_case("steps", [odd], [[3], [3], [3], [9]], [[1], [3], [5], [9]]),
        mixture_case("logarithmic steps", [whole], [[1], [30], [1000]], [[1], [2], [500], [1000]]),
        mixture_case("choices", [choice], [[0], [2], [2]], [[0], [1], [2]]),
        mixture_case("a product", [line, choice, odd], [[1.0, 0, 3], [4.5, 2, 3], [4.0, 2, 9]],
                     [[1.0, 0, 3], [4.2, 2, 9], [9.0, 3, 1]]),
    ],
    "step": step(),
}, indent=1))
