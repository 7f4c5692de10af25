"""Searches widths as a user of Optuna and PyTorch writes it, on two cores: two processes with one
thread each share a study.

The same work as the studies beside this file: batch norm of 16 inputs, linear layers of the widths
of the trial with relus between them, a last one to 5 classes; cross-entropy, Adam, float32; loss
and accuracy on the validation rows after every epoch. Rows are random: what they hold costs
nothing.

Loops:
  tight   the data lies in tensors, the rows of a batch are gathered by index, all validation rows
          go through at once; PyTorch's Adam as it comes
  fused   the same under PyTorch's fastest Adam
  loader  `DataLoader`s over `TensorDataset`s, as tutorials have it; PyTorch's Adam as it comes

Spaces:
  wide    three widths from 8 to 64, drawn evenly
  pairs   all 36 pairs of two widths of 16 to 160

Time is taken from when both processes have loaded everything until the last trial ends: the start
of Python is not counted. Prints one line of JSON.

Usage: optuna_widths.py LOOP SPACE TRIALS EPOCHS BATCH ROWS VALIDATION_ROWS
"""

import json
import multiprocessing
import os
import sys
import tempfile
import time

import optuna
import torch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

N_PROCESSES = 2
PAIRS = [16, 32, 64, 96, 128, 160]


def network(widths):
    layers = [nn.BatchNorm1d(16)]
    inputs = 16
    for width in widths:
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, 5))


def suggest(trial, space):
    if space == "wide":
        return [trial.suggest_int(f"width_{idx}", 8, 64) for idx in range(3)]
    return [trial.suggest_categorical(f"width_{idx}", PAIRS) for idx in range(2)]


class Tight:
    def __init__(self, train, validation, batch):
        self.train, self.validation, self.batch = train, validation, batch

    def train_batches(self):
        features, labels = self.train
        order = torch.randperm(len(labels))
        for first in range(0, len(labels), self.batch):
            chosen = order[first : first + self.batch]
            yield features[chosen], labels[chosen]

    def validation_batches(self):
        yield self.validation


class Loader:
    def __init__(self, train, validation, batch):
        self.train = DataLoader(TensorDataset(*train), batch_size=batch, shuffle=True)
        self.validation = DataLoader(TensorDataset(*validation), batch_size=batch)

    def train_batches(self):
        return self.train

    def validation_batches(self):
        return self.validation


def judge(net, data, loss_of):
    net.eval()
    loss, right, rows = 0.0, 0, 0
    with torch.no_grad():
        for features, labels in data.validation_batches():
            logits = net(features)
            loss += loss_of(logits, labels).item() * len(labels)
            right += (logits.argmax(1) == labels).sum().item()
            rows += len(labels)
    net.train()
    return loss / rows, right / rows


def objective(trial, data, space, epochs, fused):
    net = network(suggest(trial, space))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2, fused=fused)
    loss_of = nn.CrossEntropyLoss()
    best = 0.0
    for _ in range(epochs):
        for features, labels in data.train_batches():
            optimizer.zero_grad()
            loss_of(net(features), labels).backward()
            optimizer.step()
        _, accuracy = judge(net, data, loss_of)
        best = max(best, accuracy)
    params = sum(tensor.numel() for tensor in net.parameters())
    return best, params


def random_rows(rows):
    return torch.randn(rows, 16), torch.randint(0, 5, (rows,))


def storage_of(path):
    return JournalStorage(JournalFileBackend(path))


def work(number, path, barrier, times, loop, space, n_trials, epochs, batch, rows, validation_rows):
    torch.set_num_threads(1)
    torch.manual_seed(number)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    make = Loader if loop == "loader" else Tight
    data = make(random_rows(rows), random_rows(validation_rows), batch)
    study = optuna.load_study(
        study_name="widths",
        storage=storage_of(path),
        sampler=optuna.samplers.RandomSampler(seed=number),
    )
    # One epoch of the smallest network warms up what is loaded on first use.
    warm = optuna.trial.FixedTrial({f"width_{idx}": 16 for idx in range(3)})
    objective(warm, data, space, 1, loop == "fused")
    barrier.wait()
    start = time.time()
    # Each stops as soon as the last trial is done or in the other's hands.
    enough = optuna.study.MaxTrialsCallback(
        n_trials, states=(TrialState.COMPLETE, TrialState.RUNNING)
    )
    study.optimize(
        lambda trial: objective(trial, data, space, epochs, loop == "fused"), callbacks=[enough]
    )
    times.put((start, time.time()))


def main():
    loop, space = sys.argv[1], sys.argv[2]
    n_trials, epochs, batch, rows, validation_rows = map(int, sys.argv[3:])
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    context = multiprocessing.get_context("spawn")
    barrier, times = context.Barrier(N_PROCESSES), context.Queue()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "journal.log")
        study = optuna.create_study(
            study_name="widths", storage=storage_of(path), directions=["maximize", "minimize"]
        )
        if space == "pairs":
            for first in PAIRS:
                for second in PAIRS:
                    study.enqueue_trial({"width_0": first, "width_1": second})
        rest = (path, barrier, times, loop, space, n_trials, epochs, batch, rows, validation_rows)
        workers = [context.Process(target=work, args=(number, *rest)) for number in range(N_PROCESSES)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if any(worker.exitcode != 0 for worker in workers):
            sys.exit("a worker failed")
        spans = [times.get() for _ in workers]
        done = len(study.get_trials(states=(TrialState.COMPLETE,)))
    found = {
        "loop": loop,
        "space": space,
        "trials": done,
        "seconds": max(end for _, end in spans) - min(start for start, _ in spans),
        "optuna": optuna.__version__,
        "torch": torch.__version__,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
