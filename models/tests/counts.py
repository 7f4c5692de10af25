"""Writes what PyTorch counts in the networks for images: the reference of `src/tests/images.rs`.

    python -m venv venv && venv/bin/pip install torch
    venv/bin/python models/tests/counts.py

The modules are written out here, not made from our graphs. Parameters are those of `parameters()`,
buffers the running statistics, and multiply-accumulates are counted where a convolution or linear
layer runs: its outputs times the weights that each of them reads. PyTorch 2.15 wrote the file.
"""

import json
import pathlib

import torch
from torch import nn

HERE = pathlib.Path(__file__).parent


def vgg7(width, shape, classes):
    def stage(inputs, outputs):
        return [
            nn.Conv2d(inputs, outputs, 3, padding=1),
            nn.BatchNorm2d(outputs, momentum=0.9),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1),
            nn.BatchNorm2d(outputs, momentum=0.9),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]

    a, b, c, hidden = (int(full * width) for full in (128, 256, 512, 1024))
    return nn.Sequential(
        *stage(shape[0], a),
        *stage(a, b),
        *stage(b, c),
        nn.Flatten(),
        nn.Linear(c * (shape[1] // 8) * (shape[2] // 8), hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, classes),
    )


def vgg_tiny(width, shape, classes):
    a, b, c, hidden = (int(full * width) for full in (16, 32, 64, 32))
    layers = []
    for inputs, outputs in ((shape[0], a), (a, b), (b, c)):
        layers.append(nn.Conv2d(inputs, outputs, 3, padding=1))
        layers += [nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.LazyLinear(hidden),
        nn.ReLU(),
        nn.Linear(hidden, classes),
    )


class Residual(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.through = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.around = nn.Identity()
        if stride == 2:
            self.around = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=2, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        return torch.relu(self.through(x) + self.around(x))


def resnet_tiny(width, shape, classes, depth=1):
    a, b, c = (int(full * width) for full in (16, 32, 64))
    first = [nn.Conv2d(shape[0], a, 3, padding=1, bias=False), nn.BatchNorm2d(a), nn.ReLU()]
    blocks = [Residual(a, a, 1) for _ in range(depth)]
    for inputs, outputs in ((a, b), (b, c)):
        blocks.append(Residual(inputs, outputs, 2))
        blocks += [Residual(outputs, outputs, 1) for _ in range(depth - 1)]
    last = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, classes)]
    return nn.Sequential(*first, *blocks, *last)


def mobile_tiny(width, shape, classes):
    def normed(conv):
        return [conv, nn.BatchNorm2d(conv.out_channels), nn.ReLU()]

    a, b, c, d = (int(full * width) for full in (16, 32, 64, 128))
    layers = normed(nn.Conv2d(shape[0], a, 3, padding=1, bias=False))
    for inputs, outputs, stride in ((a, b, 1), (b, c, 2), (c, c, 1), (c, d, 2)):
        layers += normed(
            nn.Conv2d(inputs, inputs, 3, stride=stride, padding=1, groups=inputs, bias=False)
        )
        layers += normed(nn.Conv2d(inputs, outputs, 1, bias=False))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(d, classes))


def count(name, make, args, shape, classes):
    network = make(shape=shape, classes=classes, **{"width": 1, **args}).eval()
    macs = 0

    def add(layer, _inputs, output):
        nonlocal macs
        macs += output.numel() * layer.weight[0].numel()

    with torch.no_grad():
        network(torch.zeros(1, *shape))  # fixes the sizes of lazy layers
        for layer in network.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                layer.register_forward_hook(add)
        network(torch.zeros(1, *shape))
    running = (value for key, value in network.named_buffers() if "running" in key)
    return {
        "model": name,
        "args": args,
        "shape": shape,
        "classes": classes,
        "params": sum(value.numel() for value in network.parameters()),
        "buffers": sum(value.numel() for value in running),
        "macs": macs,
    }


CASES = [
    ("vgg7", vgg7, [{}, {"width": 0.5}, {"width": 0.25}, {"width": 0.125}]),
    ("vgg-tiny", vgg_tiny, [{}, {"width": 0.5}]),
    ("resnet-tiny", resnet_tiny, [{}, {"width": 0.5}, {"depth": 3}]),
    ("mobile-tiny", mobile_tiny, [{}, {"width": 2}]),
]
INPUTS = [([3, 32, 32], 10), ([1, 28, 28], 10), ([2, 17, 11], 3)]

if __name__ == "__main__":
    counts = [
        count(name, make, args, shape, classes)
        for name, make, many in CASES
        for args in many
        for shape, classes in INPUTS
    ]
    lines = ",\n".join(json.dumps(entry) for entry in counts)
    (HERE / "counts.json").write_text(f"[\n{lines}\n]\n")
