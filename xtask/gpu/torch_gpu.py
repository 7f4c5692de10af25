"""Measures how fast PyTorch trains what `gpu-check` measures of ours, on the same device.

Cross-entropy, float32 with TF32 off, data on the device from the start, nothing read back inside an
epoch. Prints one line of JSON a figure.

  jets K         one network, or K of one shape as batched matrix products (`torch.bmm`), 16 inputs,
                 three hidden layers, 5 classes, batch norm of the inputs, batch 512, Adam: samples/s,
                 summed over the networks
  candidates     networks of the study's widths (8 to 64, drawn) one after another, 16 epochs of
                 50,000 rows each: seconds a candidate
  pictures B     VGG7 on 32x32 pictures, batch B, SGD with momentum 0.9: images/s
  small          VGG7s of an eighth of the width, one after another, batch 128, Adam: images/s

Usage: torch_gpu.py DEVICE SECONDS EPOCHS ROWS WIDTH    (EPOCHS and ROWS of `candidates`, WIDTH of
`pictures`)
"""

import json
import random
import sys
import time

import torch
import torch_vgg
from torch import nn

torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False
torch.backends.cudnn.benchmark = True


def wait(device):
    if device.type == "cuda":
        torch.cuda.synchronize()


def per_second(device, seconds, amount, step):
    """Returns how much of something is done a second, once warm."""
    for _ in range(5):
        step()
    wait(device)
    start, n = time.perf_counter(), 0
    while n < 5 or time.perf_counter() - start < seconds:
        for _ in range(10 if device.type == "cuda" else 1):
            step()
            n += 1
        wait(device)
    return amount * n / (time.perf_counter() - start)


def step_of(parameters, optimizer, loss_of_batch):
    def step():
        optimizer.zero_grad()
        loss_of_batch().backward()
        optimizer.step()

    return step


def adam(parameters, device):
    return torch.optim.Adam(parameters, lr=1e-2, fused=device.type == "cuda")


class Stacked(nn.Module):
    """K networks of one shape as batched matrix products."""

    def __init__(self, k, widths):
        super().__init__()
        self.norm = nn.BatchNorm1d(k * widths[0])
        shapes = list(zip(widths, widths[1:]))
        self.weights = nn.ParameterList(torch.randn(k, i, o) / i**0.5 for i, o in shapes)
        self.biases = nn.ParameterList(torch.zeros(k, 1, o) for _, o in shapes)

    def forward(self, x):
        k, rows, features = x.shape
        x = self.norm(x.transpose(0, 1).reshape(rows, k * features))
        x = x.reshape(rows, k, features).transpose(0, 1)
        for nth, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            x = torch.baddbmm(bias, x, weight)
            if nth + 1 < len(self.weights):
                x = torch.relu(x)
        return x


def jets(device, k, seconds):
    net = Stacked(k, [16, 64, 64, 64, 5]).to(device)
    x = torch.randn(k, 512, 16, device=device)
    y = torch.randint(0, 5, (k * 512,), device=device)
    loss_of = nn.CrossEntropyLoss()
    step = step_of(net, adam(net.parameters(), device), lambda: k * loss_of(net(x).flatten(0, 1), y))
    return per_second(device, seconds, k * 512, step)


def dense(widths):
    layers = [nn.BatchNorm1d(widths[0])]
    for nth, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        layers.append(nn.Linear(inputs, outputs))
        if nth + 2 < len(widths):
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def candidates(device, epochs, rows, n=2):
    x = torch.randn(rows, 16, device=device)
    y = torch.randint(0, 5, (rows,), device=device)
    loss_of = nn.CrossEntropyLoss()

    def train(epochs):
        net = dense([16, *(random.randint(8, 64) for _ in range(3)), 5]).to(device)
        optimizer = adam(net.parameters(), device)
        for _ in range(epochs):
            order = torch.randperm(rows, device=device)
            for first in range(0, rows, 512):
                chosen = order[first : first + 512]
                optimizer.zero_grad()
                loss_of(net(x[chosen]), y[chosen]).backward()
                optimizer.step()
        wait(device)

    train(1)
    start = time.perf_counter()
    for _ in range(n):
        train(epochs)
    return (time.perf_counter() - start) / n


def pictures(device, width, batch, seconds, make_optimizer):
    net = torch_vgg.network(width).to(device)
    x = torch.randn(batch, 3, 32, 32, device=device)
    y = torch.randint(0, 10, (batch,), device=device)
    loss_of = nn.CrossEntropyLoss()
    step = step_of(net, make_optimizer(net.parameters()), lambda: loss_of(net(x), y))
    return per_second(device, seconds, batch, step)


def main():
    device, seconds = torch.device(sys.argv[1]), float(sys.argv[2])
    epochs, rows, width = int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
    torch.manual_seed(0)
    random.seed(0)
    name = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"

    def say(what, value):
        found = {"what": what, "value": value, "torch": torch.__version__, "device": name}
        print(json.dumps(found), flush=True)

    for k in [1, 16, 128, 512]:
        say(f"jets {k}", jets(device, k, seconds))
    say("candidates", candidates(device, epochs, rows))

    def sgd(parameters):
        return torch.optim.SGD(parameters, lr=0.01, momentum=0.9)

    for batch in [128, 512]:
        say(f"pictures {batch}", pictures(device, width, batch, seconds, sgd))
    say("small", pictures(device, 0.125, 128, seconds, lambda of: adam(of, device)))


if __name__ == "__main__":
    main()
