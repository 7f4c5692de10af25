"""Writes `quantized.json`: what PyTorch comes to where numbers are stored in fixed point.

    python -m venv venv && venv/bin/pip install torch numpy
    venv/bin/python engines/burn/tests/parity/make_quantized.py

The file is of the form that `make.py` describes. Numbers with the format `integer(width, frac)` go
through `fake_quantize_per_tensor_affine` with the scale 2^-frac, which rounds halves to the even
neighbour and hands gradients on inside of the limits.

Rounding is chaotic: a number that lies on a half to the last digit of float32 is rounded up by one
library and down by another, and from there on nothing agrees. So seeds are tried until no number
that is rounded comes nearer to a half than `NEAREST` steps in any run; it is printed how near one
came. Weights and biases count, since they too differ in the last digits after a step.
"""

import json

import torch
from make import HERE, numbers, run, tensors
from torch import nn
from torch.nn import functional as F

NEAREST = 1e-4


class FixedPoint:
    """A format, and how near to a half a number came that it stored."""

    nearest = 0.5

    def __init__(self, width, frac):
        self.width, self.frac = width, frac

    def __call__(self, x):
        steps = x.detach().double() * 2.0**self.frac
        inside = steps.abs() <= 2.0 ** (self.width - 1)
        off = (steps - steps.floor() - 0.5).abs()[inside]
        # Those that are on a half are sums without any rounding, which are the same everywhere.
        off = off[off > 0]
        if len(off) and self.watched:
            FixedPoint.nearest = min(FixedPoint.nearest, off.min().item())
        limit = 2 ** (self.width - 1)
        return torch.fake_quantize_per_tensor_affine(x, 2.0**-self.frac, 0, -limit, limit - 1)

    watched = True


class Quantized(nn.Module):
    """A small jet classifier with formats on most operands."""

    TEXT = """x = input[6]
norm = batch_norm(x) @ bias=integer(8, 6) data_in=integer(8, 5) weight=integer(8, 6)
first = linear(norm, out=8) @ bias=integer(8, 5) data_in=integer(6, 3) weight=integer(6, 5)
relu = relu(first) @ data_in=integer(7, 4)
classes = linear(relu, out=3) @ weight=integer(4, 3)
output = output(classes)
"""
    SHAPE, CLASSES, BATCH, ROWS = [6], 3, 8, 24 * 8 + 5

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(6)
        self.first = nn.Linear(6, 8)
        self.classes = nn.Linear(8, 3)

    def forward(self, x):
        norm, first, classes = self.norm, self.first, self.classes
        x = F.batch_norm(
            FixedPoint(8, 5)(x),
            norm.running_mean,
            norm.running_var,
            FixedPoint(8, 6)(norm.weight),
            FixedPoint(8, 6)(norm.bias),
            self.training,
            norm.momentum,
            norm.eps,
        )
        x = FixedPoint(6, 3)(x)
        x = F.linear(x, FixedPoint(6, 5)(first.weight), FixedPoint(8, 5)(first.bias))
        x = F.relu(FixedPoint(7, 4)(x))
        return F.linear(x, FixedPoint(4, 3)(classes.weight), classes.bias)


RUNS = [
    {"optimizer": "adam", "learning_rate": 0.01},
    {"optimizer": "sgd", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.01},
]


def content_of(seed):
    torch.manual_seed(seed)
    network = Quantized()
    first = {key: value.clone() for key, value in network.state_dict().items()}
    features = torch.round(torch.randn(network.ROWS, *network.SHAPE) * 100) / 100
    teacher = torch.randn(network.SHAPE[0], network.CLASSES)
    labels = (features @ teacher).argmax(dim=1)
    return {
        "graph": network.TEXT,
        "batch_size": network.BATCH,
        "weights": {key: numbers(value) for key, value in tensors(network).items()},
        "features": [round(value, 2) for value in features.flatten().tolist()],
        "labels": labels.tolist(),
        "runs": [run(network, first, recipe, features, labels) for recipe in RUNS],
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    for seed in range(10_000):
        FixedPoint.nearest = 0.5
        content = content_of(seed)
        if FixedPoint.nearest > NEAREST:
            break
    text = json.dumps(content, separators=(",", ":")).replace(',"', ',\n"')
    (HERE / "quantized.json").write_text(text + "\n")
    print(f"seed {seed}: nothing came nearer to a half than {FixedPoint.nearest:.2e} steps")
