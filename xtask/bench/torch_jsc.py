"""Measures how fast PyTorch trains the three-linear JSC network on the CPU.

The same work as the engine's example `throughput`: batch norm 16, relu, linear 16-16, relu,
linear 16-16, relu, linear 16-5, relu; cross-entropy, Adam; float32; every epoch in a new order.
Prints one line of JSON a setting. `fused` is PyTorch's fastest Adam, not the one that is made by
default.

Usage: torch_jsc.py ROWS SECONDS BATCH...
"""

import json
import sys
import time

import torch
from torch import nn


def network():
    return nn.Sequential(
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.Linear(16, 16),
        nn.ReLU(),
        nn.Linear(16, 16),
        nn.ReLU(),
        nn.Linear(16, 5),
        nn.ReLU(),
    )


def samples_per_s(rows, seconds, batch, fused):
    torch.manual_seed(0)
    features = torch.randn(rows, 16)
    labels = torch.randint(0, 5, (rows,))
    net = network()
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
            if steps == 100:
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
    rows, seconds = int(sys.argv[1]), float(sys.argv[2])
    for batch in map(int, sys.argv[3:]):
        for threads in (1, 2):
            torch.set_num_threads(threads)
            for fused in (False, True):
                found = {
                    "batch": batch,
                    "threads": threads,
                    "fused": fused,
                    "samples_per_s": samples_per_s(rows, seconds, batch, fused),
                    "torch": torch.__version__,
                }
                print(json.dumps(found), flush=True)


main()
