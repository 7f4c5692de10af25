"""Writes `quantized*.json` and `learned_steps.json`: what PyTorch comes to with number formats.

    python -m venv venv && venv/bin/pip install torch numpy
    venv/bin/python engines/burn/tests/parity/make_quantized.py

The files are of the form that `make.py` describes. Numbers with the format `integer(width, frac)` go
through `fake_quantize_per_tensor_affine` with the scale 2^-frac, which rounds halves to the even
neighbour and hands gradients on inside of the limits. Those with `lsq(width)` go through Esser et al.,
"Learned Step Size Quantization", ICLR 2020, equations 1 to 3, with the gradient scale of section 2.2;
inside of the limits is what is rounded to a number inside of them.

A batch normalisation with formats computes `q(scale) * x + q(shift)`, the scale `weight /
sqrt(variance + eps)` and the shift `bias - mean * scale` by the statistics of the batch or, in
evaluation, the running ones. Its gradients are those of PyTorch's batch normalisation.

Rounding is chaotic: a number that lies on a half to the last digit of float32 is rounded up by one
library and down by another, and from there on nothing agrees. So seeds are tried until no number
that is rounded comes nearer to a half than `NEAREST` steps in any run, and no step that is learned
becomes smaller than `LEAST_STEP`; it is printed how near one came. Weights and biases count, since
they too differ in the last digits after a step. Steps that are learned do not decay: they lie in a
parameter group of their own.
"""

import json

import torch
from make import HERE, numbers, run, tensors
from torch import nn
from torch.nn import functional as F

NEAREST = 1e-4
LEAST_STEP = 1e-3


class Watch:
    """How near to a half a number came, in steps, and how small a step became that is learned."""

    nearest = 0.5
    least_step = 1.0

    @staticmethod
    def see(steps, least, most):
        steps = steps.detach().double()
        inside = (steps >= least - 1) & (steps <= most + 1)
        off = (steps - steps.floor() - 0.5).abs()[inside]
        # Those that are on a half are sums without any rounding, which are the same everywhere.
        off = off[off > 0]
        if len(off):
            Watch.nearest = min(Watch.nearest, off.min().item())


class FixedPoint:
    def __init__(self, width, frac, signed=True):
        self.frac = frac
        self.least = -(2 ** (width - 1)) if signed else 0
        self.most = self.least + 2**width - 1

    def __call__(self, x):
        Watch.see(x.detach().double() * 2.0**self.frac, self.least, self.most)
        return torch.fake_quantize_per_tensor_affine(
            x, 2.0**-self.frac, 0, self.least, self.most
        )


class LearnedStep(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, step, least, most, per_row):
        ctx.save_for_backward(x, step)
        ctx.limits, ctx.per_row = (least, most), per_row
        Watch.see(x / step, least, most)
        Watch.least_step = min(Watch.least_step, step.item())
        return torch.round(x / step).clamp(least, most) * step

    @staticmethod
    def backward(ctx, gradient):
        x, step = ctx.saved_tensors
        (least, most), steps = ctx.limits, x / step
        rounded = torch.round(steps)
        by_step = torch.where(rounded < least, least, torch.where(rounded > most, most, rounded - steps))
        by_step = (by_step * gradient).sum() / (ctx.per_row * most) ** 0.5
        inside = (rounded >= least) & (rounded <= most)
        return gradient * inside, by_step.reshape(1), None, None, None


def lsq(x, step, width, per_row, signed=True):
    least = -(2 ** (width - 1)) if signed else 0
    return LearnedStep.apply(x, step, float(least), float(least + 2**width - 1), per_row)


def batch_norm(x, norm, store_scale, store_shift):
    """Batch normalisation whose scale and shift are stored."""
    dims = [dim for dim in range(x.dim()) if dim != 1]
    if norm.training:
        mean, variance = x.detach().mean(dims), x.detach().var(dims, unbiased=False)
    else:
        mean, variance = norm.running_mean, norm.running_var
    exact = F.batch_norm(
        x, norm.running_mean, norm.running_var, norm.weight, norm.bias, norm.training, norm.momentum, norm.eps
    )
    scale = norm.weight.detach().double() / (variance.double() + norm.eps).sqrt()
    shift = norm.bias.detach().double() - mean.double() * scale
    shape = [1, -1] + [1] * (x.dim() - 2)
    scale, shift = (store(of.float()).reshape(shape) for store, of in [(store_scale, scale), (store_shift, shift)])
    stored = x.detach() * scale + shift
    # Adds zero that has the gradients.
    return stored + (exact - exact.detach())


class Quantized(nn.Module):
    """A small jet classifier with formats on most operands."""

    NAME = "quantized"
    TEXT = """x = input[6]
norm = batch_norm(x) @ bias=integer(8, 6) data_in=integer(8, 5) weight=integer(8, 6)
first = linear(norm, out=8) @ bias=integer(8, 5) data_in=integer(6, 3) weight=integer(6, 5)
relu = relu(first) @ data_in=integer(7, 4)
classes = linear(relu, out=3) @ weight=integer(4, 3)
output = output(classes)
"""
    SHAPE, CLASSES, BATCH, ROWS, RATE = [6], 3, 8, 24 * 8 + 5, 0.05

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(6)
        self.first = nn.Linear(6, 8)
        self.classes = nn.Linear(8, 3)

    def forward(self, x):
        first, classes = self.first, self.classes
        x = batch_norm(FixedPoint(8, 5)(x), self.norm, FixedPoint(8, 6), FixedPoint(8, 6))
        x = FixedPoint(6, 3)(x)
        x = F.linear(x, FixedPoint(6, 5)(first.weight), FixedPoint(8, 5)(first.bias))
        x = F.relu(FixedPoint(7, 4)(x))
        return F.linear(x, FixedPoint(4, 3)(classes.weight), classes.bias)


class Pictures(nn.Module):
    """Convolutions, one of them with a channel a group, a sum and a pool, all of them stored."""

    NAME = "quantized_pictures"
    TEXT = """x = input[2, 5, 4]
conv = conv2d(x, out=4, kernel=3, padding=1, bias=false) @ data_in=integer(8, 5) weight=integer(5, 4)
norm = batch_norm(conv) @ bias=integer(8, 5) data_in=integer(10, 6) weight=integer(8, 4)
relu = relu(norm)
depthwise = conv2d(relu, out=4, kernel=3, padding=1, groups=4) @ bias=integer(6, 4) data_in=integer(6, 4, unsigned) weight=integer(6, 5)
sum = add(depthwise, relu) @ data_in=integer(7, 3)
pool = max_pool(sum, kernel=2)
flat = flatten(pool)
classes = linear(flat, out=3) @ bias=integer(8, 6) data_in=integer(6, 3) weight=integer(6, 5)
output = output(classes)
"""
    SHAPE, CLASSES, BATCH, ROWS, RATE = [2, 5, 4], 3, 5, 19 * 5 + 4, 0.05

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.depthwise = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.classes = nn.Linear(16, 3)

    def forward(self, x):
        depthwise, classes = self.depthwise, self.classes
        x = F.conv2d(FixedPoint(8, 5)(x), FixedPoint(5, 4)(self.conv.weight), padding=1)
        x = F.relu(batch_norm(FixedPoint(10, 6)(x), self.norm, FixedPoint(8, 4), FixedPoint(8, 5)))
        weight, bias = FixedPoint(6, 5)(depthwise.weight), FixedPoint(6, 4)(depthwise.bias)
        y = F.conv2d(FixedPoint(6, 4, signed=False)(x), weight, bias, padding=1, groups=4)
        x = F.max_pool2d(FixedPoint(7, 3)(y) + FixedPoint(7, 3)(x), 2).flatten(1)
        return F.linear(FixedPoint(6, 3)(x), FixedPoint(6, 5)(classes.weight), FixedPoint(8, 6)(classes.bias))


class LearnedSteps(nn.Module):
    """A small jet classifier whose steps are learned, those of a batch normalisation too."""

    NAME = "learned_steps"
    # The first seed beyond 1e-4 goes apart under Adam nevertheless.
    NEAREST = 9e-5
    TEXT = """x = input[6]
norm = batch_norm(x) @ bias=lsq(7) data_in=lsq(6) weight=lsq(6)
first = linear(norm, out=8) @ bias=lsq(6) data_in=lsq(5) weight=lsq(4)
relu = relu(first)
classes = linear(relu, out=3) @ data_in=lsq(4, unsigned) weight=lsq(3)
output = output(classes)
"""
    # A larger rate would learn steps below zero.
    SHAPE, CLASSES, BATCH, ROWS, RATE = [6], 3, 8, 24 * 8 + 5, 0.01
    STEPS = {
        "norm": {"bias": 0.03, "data_in": 0.08, "weight": 0.05},
        "first": {"bias": 0.02, "data_in": 0.2, "weight": 0.07},
        "classes": {"data_in": 0.1, "weight": 0.11},
    }

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(6)
        self.first = nn.Linear(6, 8)
        self.classes = nn.Linear(8, 3)
        for name, steps in self.STEPS.items():
            for operand, step in steps.items():
                self.get_submodule(name).register_parameter(
                    f"{operand}_step", nn.Parameter(torch.tensor([step]))
                )

    def forward(self, x):
        norm, first, classes = self.norm, self.first, self.classes
        x = self.norm_of(lsq(x, norm.data_in_step, 6, 6))
        x = lsq(x, first.data_in_step, 5, 6)
        x = F.linear(x, lsq(first.weight, first.weight_step, 4, 48), lsq(first.bias, first.bias_step, 6, 8))
        x = lsq(F.relu(x), classes.data_in_step, 4, 8, signed=False)
        return F.linear(x, lsq(classes.weight, classes.weight_step, 3, 24), classes.bias)

    def norm_of(self, x):
        """Weight and bias learn as if nothing were stored, the steps as they store scale and shift."""
        norm = self.norm

        def store(of, step, width):
            return lsq(of, step, width, 6)

        exact = batch_norm(x, norm, lambda of: of, lambda of: of)
        if norm.training:
            mean, variance = x.detach().mean(0), x.detach().var(0, unbiased=False)
        else:
            mean, variance = norm.running_mean, norm.running_var
        scale = norm.weight.detach().double() / (variance.double() + norm.eps).sqrt()
        shift = norm.bias.detach().double() - mean.double() * scale
        scale = store(scale.float(), norm.weight_step, 6)
        shift = store(shift.float(), norm.bias_step, 7)
        return x.detach() * scale + shift + (exact - exact.detach())


class StraightThrough(torch.autograd.Function):
    """What a function makes of numbers, with the gradients of those up to a limit."""

    @staticmethod
    def forward(ctx, x, store, limit):
        ctx.save_for_backward(x)
        ctx.limit = limit
        return store(x.detach())

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * (x.abs() <= ctx.limit), None, None


def fp8_e4m3(x):
    """PyTorch's own type, whose conversion is made to saturate."""

    def store(x):
        exponent = torch.frexp(x.double())[1].clamp(min=-5) - 1
        Watch.see(x.double() / 2.0 ** (exponent - 3), -16, 16)
        return x.clamp(-448, 448).to(torch.float8_e4m3fn).to(torch.float32)

    return StraightThrough.apply(x, store, 464.0)


def ternary(x):
    """Li et al., "Ternary Weight Networks", 2016: equations 3, 5 and 6, whatever the shape."""

    def store(x):
        size = x.double().abs()
        threshold = 0.7 * size.mean()
        # What lies on the threshold counts as on a half.
        Watch.see(size - threshold + 0.5, 0, 1)
        kept = size > threshold
        return torch.where(kept, x.sign() * size[kept].mean().float(), 0.0)

    return StraightThrough.apply(x, store, torch.inf)


class Mixed(nn.Module):
    """A small jet classifier with floats of eight bits, ternary weights and data without sign."""

    NAME = "quantized_mixed"
    TEXT = """x = input[6]
first = linear(x, out=8) @ bias=integer(8, 5) data_in=fp8_e4m3(8) weight=fp8_e4m3(8)
relu = relu(first)
second = linear(relu, out=7, bias=false) @ data_in=integer(6, 4, unsigned) weight=ternary(2, scale=mean)
classes = linear(second, out=3) @ bias=fp8_e4m3(8) data_in=fp8_e4m3(8) weight=integer(6, 5)
output = output(classes)
"""
    SHAPE, CLASSES, BATCH, ROWS, RATE = [6], 3, 8, 24 * 8 + 5, 0.05

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 8)
        self.second = nn.Linear(8, 7, bias=False)
        self.classes = nn.Linear(7, 3)

    def forward(self, x):
        first, second, classes = self.first, self.second, self.classes
        x = F.relu(F.linear(fp8_e4m3(x), fp8_e4m3(first.weight), FixedPoint(8, 5)(first.bias)))
        x = F.linear(FixedPoint(6, 4, signed=False)(x), ternary(second.weight))
        return F.linear(fp8_e4m3(x), FixedPoint(6, 5)(classes.weight), fp8_e4m3(classes.bias))


def runs(rate):
    return [
        {"optimizer": "adam", "learning_rate": 0.01},
        {"optimizer": "sgd", "learning_rate": rate, "momentum": 0.9, "weight_decay": 0.01},
    ]


def content_of(kind, seed):
    torch.manual_seed(seed)
    network = kind()
    first = {key: value.clone() for key, value in network.state_dict().items()}
    features = torch.round(torch.randn(network.ROWS, *network.SHAPE) * 100) / 100
    teacher = torch.randn(features[0].numel(), network.CLASSES)
    labels = (features.flatten(1) @ teacher).argmax(dim=1)
    return {
        "graph": network.TEXT,
        "batch_size": network.BATCH,
        "weights": {key: numbers(value) for key, value in tensors(network).items()},
        "features": [round(value, 2) for value in features.flatten().tolist()],
        "labels": labels.tolist(),
        "runs": [run(network, first, recipe, features, labels) for recipe in runs(network.RATE)],
    }


def write(kind):
    nearest = getattr(kind, "NEAREST", NEAREST)
    for seed in range(10_000):
        Watch.nearest, Watch.least_step = 0.5, 1.0
        content = content_of(kind, seed)
        if Watch.nearest > nearest and Watch.least_step > LEAST_STEP:
            break
    text = json.dumps(content, separators=(",", ":")).replace(',"', ',\n"')
    (HERE / f"{kind.NAME}.json").write_text(text + "\n")
    near = f"nothing came nearer to a half than {Watch.nearest:.2e} steps"
    print(f"{kind.NAME}, seed {seed}: {near}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for kind in [Quantized, Pictures, LearnedSteps, Mixed]:
        write(kind)
