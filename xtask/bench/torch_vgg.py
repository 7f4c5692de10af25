"""Measures how fast PyTorch trains and runs VGG7 on 32x32 pictures on the CPU.

The same work as the engine's example `vgg_throughput`: six 3x3 convolutions of 128 to 512 channels
(times WIDTH) with batch normalisation and relu, three max pools, three linear layers;
cross-entropy; SGD with momentum 0.9; float32; random pictures that are at hand. Prints one line of
JSON: images a second in training (median of the steps after the first two) and in inference (the
same), and the peak memory of the process in MiB.

Usage: torch_vgg.py WIDTH BATCH THREADS SECONDS
"""

import json
import resource
import statistics
import sys
import time

import torch
from torch import nn


def network(width):
    def of(channels):
        return max(1, round(channels * width))

    layers, before = [], 3
    for nth, channels in enumerate([128, 128, 256, 256, 512, 512]):
        layers += [
            nn.Conv2d(before, of(channels), 3, padding=1),
            nn.BatchNorm2d(of(channels), momentum=0.9),
            nn.ReLU(),
        ]
        before = of(channels)
        if nth % 2 == 1:
            layers.append(nn.MaxPool2d(2))
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Linear(before * 16, of(1024)),
        nn.ReLU(),
        nn.Linear(of(1024), of(1024)),
        nn.ReLU(),
        nn.Linear(of(1024), 10),
    )


def images_per_s(batch, seconds, step):
    """Returns the images a second of the median step."""
    times, start = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        step()
        times.append(time.perf_counter() - before)
    return batch / statistics.median(times[2:])


def main():
    width, batch, threads = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    seconds = float(sys.argv[4])
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    net = network(width)
    pictures = torch.randn(batch, 3, 32, 32)
    labels = torch.randint(0, 10, (batch,))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    loss_of = nn.CrossEntropyLoss()

    def train():
        optimizer.zero_grad()
        loss_of(net(pictures), labels).backward()
        optimizer.step()

    def infer():
        with torch.inference_mode():
            net(pictures)

    trained = images_per_s(batch, seconds, train)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    net.eval()
    inferred = images_per_s(batch, seconds, infer)
    found = {
        "width": width,
        "batch_size": batch,
        "threads": threads,
        "train_images_per_s": round(trained, 1),
        "infer_images_per_s": round(inferred, 1),
        "peak_mib": round(peak),
        "torch": torch.__version__,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
