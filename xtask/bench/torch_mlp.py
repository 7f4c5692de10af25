"""Measures how fast PyTorch trains small dense networks on one core, and how fast that core
multiplies large matrices.

The same work as the engine's example `mlp_throughput`: batch norm of 16 inputs, linear layers of
the given widths with relus between them, a last one to 5 classes; cross-entropy, Adam, float32,
every epoch in a new order. Written for speed: the data lies in two tensors, the rows of a batch are
gathered by index, and nothing is read back from a step. `fused` is PyTorch's fastest Adam, not the
one that is made by default.

Prints one line of JSON a setting; first one a library that multiplies matrices.

Usage: torch_mlp.py ROWS SECONDS WIDTHS:BATCH...   (WIDTHS of the hidden layers, as in 64,32)
"""

import os

# Before NumPy is loaded: its library reads it then.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import json
import sys
import time

import numpy
import torch
from torch import nn

SIZE = 1024


def gflops(product):
    """Returns the best of many products: whatever disturbs one makes it slower."""
    best = float("inf")
    for _ in range(24):
        start = time.perf_counter()
        product()
        best = min(best, time.perf_counter() - start)
    return 2 * SIZE**3 / best / 1e9


def network(widths):
    layers = [nn.BatchNorm1d(16)]
    inputs = 16
    for width in widths:
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, 5))


def samples_per_s(rows, seconds, widths, batch, fused):
    torch.manual_seed(0)
    features = torch.randn(rows, 16)
    labels = torch.randint(0, 5, (rows,))
    net = network(widths)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=fused)
    loss_of = nn.CrossEntropyLoss()
    steps = 0
    done = 0
    start = None
    while True:
        order = torch.randperm(rows)
        for first in range(0, rows, batch):
            # The first steps are slower than all others: they warm up.
            steps += 1
            if steps == 50:
                start = time.perf_counter()
                done = 0
            chosen = order[first : first + batch]
            optimizer.zero_grad()
            loss = loss_of(net(features[chosen]), labels[chosen])
            loss.backward()
            optimizer.step()
            done += len(chosen)
            if start is not None and time.perf_counter() - start >= seconds:
                return done / (time.perf_counter() - start)


def main():
    torch.set_num_threads(1)
    rows, seconds = int(sys.argv[1]), float(sys.argv[2])
    a, b = torch.randn(SIZE, SIZE), torch.randn(SIZE, SIZE)
    for library, product in (("PyTorch", lambda: a @ b), ("NumPy", lambda: a.numpy() @ b.numpy())):
        print(json.dumps({"matrix_product": library, "gflops": gflops(product)}), flush=True)
    for setting in sys.argv[3:]:
        hidden, batch = setting.split(":")
        widths = [int(width) for width in hidden.split(",")]
        for fused in (False, True):
            found = {
                "widths": hidden,
                "batch_size": int(batch),
                "fused": fused,
                "samples_per_s": samples_per_s(rows, seconds, widths, int(batch), fused),
                "torch": torch.__version__,
                "numpy": numpy.__version__,
            }
            print(json.dumps(found), flush=True)


main()
