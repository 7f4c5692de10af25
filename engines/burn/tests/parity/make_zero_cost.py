"""Writes the zero-cost metrics that the tests of the engine burn compare with: those of PyTorch.

    venv/bin/python engines/burn/tests/parity/make_zero_cost.py

Each file has a network (text form of a graph, weights under PyTorch's names), rows, and the four
metrics as defined by Tanaka 2020 (synflow, here its logarithm), Abdelfattah 2021 (grad_norm), Mellor
2020 (jacob_cov) and Mellor 2021 (naswot). Everything is computed in float64 by autograd; the rows
and weights themselves are those of float32. Networks have more relus than there are rows, so that
the kernel of naswot has a determinant.
"""

import copy
import json

import torch
from torch import nn
from torch.nn import functional as F

from make import HERE, numbers, tensors

ROWS = 24


class Dense(nn.Module):
    """A chain, with a dropout that is out of action."""

    TEXT = """x = input[6]
norm = batch_norm(x)
dense_0 = linear(norm, out=40)
relu_0 = relu(dense_0)
drop = dropout(relu_0, p=0.5)
dense_1 = linear(drop, out=24)
relu_1 = relu(dense_1)
classes = linear(relu_1, out=3)
output = output(classes)
"""
    SHAPE, CLASSES = [6], 3

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(6)
        self.dense_0 = nn.Linear(6, 40)
        self.dense_1 = nn.Linear(40, 24)
        self.classes = nn.Linear(24, 3)
        self.relu_0, self.relu_1 = nn.ReLU(), nn.ReLU()

    def forward(self, x):
        x = self.relu_0(self.dense_0(self.norm(x)))
        return self.classes(self.relu_1(self.dense_1(x)))


class Convolutions(nn.Module):
    """Batch norms, a residual sum, a group a channel, pools: what the widths of networks change."""

    TEXT = """x = input[3, 6, 6]
stem = conv2d(x, out=8, kernel=3, padding=1, bias=false)
norm_0 = batch_norm(stem)
relu_0 = relu(norm_0)
depthwise = conv2d(relu_0, out=8, kernel=3, padding=1, groups=8)
norm_1 = batch_norm(depthwise)
sum = add(norm_1, relu_0)
relu_1 = relu(sum)
pool = max_pool(relu_1, kernel=2)
wide = conv2d(pool, out=12, kernel=3, padding=1)
relu_2 = relu(wide)
mean = global_avg_pool(relu_2)
classes = linear(mean, out=4)
output = output(classes)
"""
    SHAPE, CLASSES = [3, 6, 6], 4

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm_0 = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.norm_1 = nn.BatchNorm2d(8)
        self.wide = nn.Conv2d(8, 12, 3, padding=1)
        self.classes = nn.Linear(12, 4)
        self.relu_0, self.relu_1, self.relu_2 = nn.ReLU(), nn.ReLU(), nn.ReLU()

    def forward(self, x):
        x = self.relu_0(self.norm_0(self.stem(x)))
        x = self.relu_1(self.norm_1(self.depthwise(x)) + x)
        x = self.relu_2(self.wide(F.max_pool2d(x, 2)))
        return self.classes(x.mean(dim=(2, 3)))


def layers(network):
    return [one for one in network.modules() if isinstance(one, (nn.Linear, nn.Conv2d))]


def synflow(network):
    network = copy.deepcopy(network)
    for name, module in list(network.named_modules()):
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            setattr(network, name, nn.Identity())
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    network(torch.ones(1, *network.SHAPE, dtype=torch.float64)).sum().backward()
    flows = [(layer.weight * layer.weight.grad).abs().sum() for layer in layers(network)]
    return torch.stack(flows).sum().log().item()


def grad_norm(network, x, y):
    network = copy.deepcopy(network)
    F.cross_entropy(network(x), y).backward()
    return sum(layer.weight.grad.norm().item() for layer in layers(network))


def jacob_cov(network, x):
    network, x = copy.deepcopy(network), x.clone().requires_grad_()
    network(x).sum().backward()
    values = torch.linalg.eigvalsh(torch.corrcoef(x.grad.flatten(1)))
    return -(torch.log(values + 1e-5) + 1 / (values + 1e-5)).sum().item()


def naswot(network, x):
    network, kernels = copy.deepcopy(network), []

    def hook(_module, _inputs, output):
        code = (output.flatten(1) > 0).double()
        kernels.append(code @ code.T + (1 - code) @ (1 - code).T)

    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(hook)
    network(x)
    sign, logarithm = torch.linalg.slogdet(torch.stack(kernels).sum(dim=0))
    assert sign > 0 and logarithm > 0, "the kernel has a determinant"
    return logarithm.item()


def write(name, network):
    features = torch.round(torch.randn(ROWS, *network.SHAPE) * 100) / 100
    labels = torch.randint(network.CLASSES, (ROWS,))
    with torch.no_grad():
        for norm in network.modules():
            if isinstance(norm, (nn.BatchNorm1d, nn.BatchNorm2d)):
                norm.weight.add_(torch.rand_like(norm.weight))
                norm.bias.add_(torch.rand_like(norm.bias))
    weights = {key: numbers(value) for key, value in tensors(network).items()}
    network, x = network.double(), features.double()
    content = {
        "graph": network.TEXT,
        "weights": weights,
        "features": [round(value, 2) for value in features.flatten().tolist()],
        "labels": labels.tolist(),
        "scores": {
            "synflow": synflow(network),
            "grad_norm": grad_norm(network, x, labels),
            "jacob_cov": jacob_cov(network, x),
            "naswot": naswot(network, x),
        },
    }
    text = json.dumps(content, separators=(",", ":")).replace(',"', ',\n"')
    (HERE / f"zero_cost_{name}.json").write_text(text + "\n")
    print(name, content["scores"])


if __name__ == "__main__":
    torch.manual_seed(2)
    torch.set_num_threads(1)
    write("dense", Dense())
    write("convolutions", Convolutions())
