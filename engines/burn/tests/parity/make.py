"""Writes the numbers that the parity tests compare with: what PyTorch comes to.

    python -m venv venv && venv/bin/pip install torch numpy
    venv/bin/python engines/burn/tests/parity/make.py

Each file has a network (text form of a graph, first weights under PyTorch's names), rows, and
runs. A run is a recipe, the mean loss of each step, and what the network is afterwards in evaluation
mode: its running statistics and its outputs for the first rows. Most runs are one epoch that reads
the rows in the order they have in the file, its last batch a partial one; the test arranges the rows
so that the engine's order for the epoch reads them like that. Runs of several epochs have one batch
of all rows each, so that no order matters.

The modules are written out here, not made from the graph text, so that a graph that is read
wrongly does not agree. Numbers are those of float32 on a CPU; PyTorch 2.15 wrote the files.
"""

import json
import pathlib

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import lr_scheduler

HERE = pathlib.Path(__file__).parent
ROWS_JUDGED = 8


class Jets(nn.Module):
    """The jet classifier of the seed, final relu included."""

    TEXT = """x = input[16]
seq_blocks_0 = batch_norm(x)
seq_blocks_1 = relu(seq_blocks_0)
seq_blocks_2 = linear(seq_blocks_1, out=16)
seq_blocks_3 = relu(seq_blocks_2)
seq_blocks_4 = linear(seq_blocks_3, out=16)
seq_blocks_5 = relu(seq_blocks_4)
seq_blocks_6 = linear(seq_blocks_5, out=5)
seq_blocks_7 = relu(seq_blocks_6)
output = output(seq_blocks_7)
"""
    SHAPE, CLASSES, BATCH, ROWS = [16], 5, 16, 19 * 16 + 9

    def __init__(self):
        super().__init__()
        self.seq_blocks_0 = nn.BatchNorm1d(16)
        self.seq_blocks_2 = nn.Linear(16, 16)
        self.seq_blocks_4 = nn.Linear(16, 16)
        self.seq_blocks_6 = nn.Linear(16, 5)

    def forward(self, x):
        x = F.relu(self.seq_blocks_0(x))
        x = F.relu(self.seq_blocks_2(x))
        x = F.relu(self.seq_blocks_4(x))
        return F.relu(self.seq_blocks_6(x))


class Pictures(nn.Module):
    """Every op on pictures: strided, grouped and biasless convolutions, pools, sums, concats.

    Convolutions before a batch norm have no bias: its gradient is nothing but rounding, which Adam
    blows up to full steps, so two libraries would not agree on it.
    """

    TEXT = """x = input[1, 8, 7]
conv_0 = conv2d(x, out=4, kernel=3, stride=2, padding=1, bias=false)
norm_0 = batch_norm(conv_0, momentum=0.9)
relu_0 = relu(norm_0)
pool_0 = max_pool(relu_0, kernel=3, stride=1, padding=1)
conv_1 = conv2d(pool_0, out=4, kernel=3, padding=1, groups=2, bias=false)
norm_1 = batch_norm(conv_1, momentum=0.9, eps=0.001)
sum = add(norm_1, pool_0)
relu_1 = relu(sum)
both = concat(relu_1, pool_0)
conv_2 = conv2d(both, out=6, kernel=3x2, stride=2x1)
pool_1 = avg_pool(both, kernel=2, stride=2, padding=1)
flat_0 = flatten(pool_1)
flat_1 = flatten(conv_2)
mean = global_avg_pool(relu_1)
features = concat(flat_0, flat_1, mean)
classes = linear(features, out=3)
output = output(classes)
"""
    SHAPE, CLASSES, BATCH, ROWS = [1, 8, 7], 3, 6, 19 * 6 + 4

    def __init__(self):
        super().__init__()
        self.conv_0 = nn.Conv2d(1, 4, 3, stride=2, padding=1, bias=False)
        self.norm_0 = nn.BatchNorm2d(4, momentum=0.9)
        self.conv_1 = nn.Conv2d(4, 4, 3, padding=1, groups=2, bias=False)
        self.norm_1 = nn.BatchNorm2d(4, momentum=0.9, eps=0.001)
        self.conv_2 = nn.Conv2d(8, 6, (3, 2), stride=(2, 1))
        self.classes = nn.Linear(94, 3)

    def forward(self, x):
        x = F.relu(self.norm_0(self.conv_0(x)))
        pool = F.max_pool2d(x, 3, stride=1, padding=1)
        x = F.relu(self.norm_1(self.conv_1(pool)) + pool)
        both = torch.cat([x, pool], dim=1)
        flat_0 = F.avg_pool2d(both, 2, stride=2, padding=1).flatten(1)
        flat_1 = self.conv_2(both).flatten(1)
        mean = x.mean(dim=(2, 3))
        return self.classes(torch.cat([flat_0, flat_1, mean], dim=1))


class Stages(nn.Module):
    """What residual and depthwise networks have: a projection, strides, one group a channel.

    Wide enough that the engine burn takes its fastest ways.
    """

    TEXT = """x = input[3, 8, 8]
stem = conv2d(x, out=16, kernel=3, padding=1, bias=false)
norm_0 = batch_norm(stem)
relu_0 = relu(norm_0)
conv_0 = conv2d(relu_0, out=16, kernel=3, padding=1, bias=false)
norm_1 = batch_norm(conv_0)
sum_0 = add(norm_1, relu_0)
relu_1 = relu(sum_0)
depthwise = conv2d(relu_1, out=16, kernel=3, stride=2, padding=1, groups=16, bias=false)
norm_2 = batch_norm(depthwise)
relu_2 = relu(norm_2)
pointwise = conv2d(relu_2, out=24, kernel=1)
projection = conv2d(relu_1, out=24, kernel=1, stride=2)
sum_1 = add(pointwise, projection)
relu_3 = relu(sum_1)
mean = global_avg_pool(relu_3)
classes = linear(mean, out=4)
output = output(classes)
"""
    SHAPE, CLASSES, BATCH, ROWS = [3, 8, 8], 4, 3, 19 * 3 + 2

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.norm_0 = nn.BatchNorm2d(16)
        self.conv_0 = nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.norm_1 = nn.BatchNorm2d(16)
        self.depthwise = nn.Conv2d(16, 16, 3, stride=2, padding=1, groups=16, bias=False)
        self.norm_2 = nn.BatchNorm2d(16)
        self.pointwise = nn.Conv2d(16, 24, 1)
        self.projection = nn.Conv2d(16, 24, 1, stride=2)
        self.classes = nn.Linear(24, 4)

    def forward(self, x):
        x = F.relu(self.norm_0(self.stem(x)))
        x = F.relu(self.norm_1(self.conv_0(x)) + x)
        narrow = F.relu(self.norm_2(self.depthwise(x)))
        x = F.relu(self.pointwise(narrow) + self.projection(x))
        return self.classes(x.mean(dim=(2, 3)))


RUNS = {
    "jets": [
        {"optimizer": "adam", "learning_rate": 0.01},
        {"optimizer": "adam", "learning_rate": 0.01, "weight_decay": 0.1},
        {"optimizer": "adamw", "learning_rate": 0.01, "weight_decay": 0.3},
        {"optimizer": "sgd", "learning_rate": 0.1},
        {"optimizer": "sgd", "learning_rate": 0.05, "momentum": 0.9},
        {
            "optimizer": "sgd",
            "learning_rate": 0.05,
            "momentum": 0.9,
            "nesterov": True,
            "weight_decay": 0.02,
        },
        {"optimizer": "adam", "learning_rate": 0.01, "label_smoothing": 0.1},
        {
            "optimizer": "sgd",
            "learning_rate": 0.3,
            "momentum": 0.9,
            "weight_decay": 0.02,
            "gradient_clip_norm": 0.05,
        },
        {
            "optimizer": "adam",
            "learning_rate": 0.01,
            "weight_decay": 0.1,
            "label_smoothing": 0.3,
            "gradient_clip_norm": 0.02,
        },
        {
            "optimizer": "adamw",
            "learning_rate": 0.01,
            "weight_decay": 0.3,
            "lr_scheduler": "one_cycle",
        },
        {
            "optimizer": "sgd",
            "learning_rate": 0.2,
            "momentum": 0.9,
            "warmup_epochs": 0.5,
        },
        {
            "max_epochs": 24,
            "batch_size": "all",
            "optimizer": "adam",
            "learning_rate": 0.02,
            "lr_scheduler": "step",
            "lr_step_epochs": 8,
            "lr_gamma": 0.3,
            "warmup_epochs": 5.0,
        },
        {
            "max_epochs": 24,
            "batch_size": "all",
            "optimizer": "adam",
            "learning_rate": 0.02,
            "lr_scheduler": "cosine",
        },
    ],
    "pictures": [
        {"optimizer": "sgd", "learning_rate": 0.02, "momentum": 0.9},
        {"optimizer": "adamw", "learning_rate": 0.003, "weight_decay": 0.01},
        {
            "optimizer": "sgd",
            "learning_rate": 0.05,
            "momentum": 0.9,
            "nesterov": True,
            "lr_scheduler": "one_cycle",
            "label_smoothing": 0.1,
            "gradient_clip_norm": 0.2,
        },
    ],
    "stages": [
        {"optimizer": "sgd", "learning_rate": 0.02, "momentum": 0.9, "weight_decay": 0.01},
        {"optimizer": "sgd", "learning_rate": 0.1},
    ],
}

# What a run does not say.
RECIPE = {
    "max_epochs": 1,
    "lr_scheduler": "constant",
    "lr_step_epochs": None,
    "lr_gamma": 1.0,
    "warmup_epochs": 0.0,
    "weight_decay": 0.0,
    "momentum": 0.0,
    "nesterov": False,
    "label_smoothing": 0.0,
    "gradient_clip_norm": None,
    "keep": "last",
    "patience": None,
    "log_every_n_steps": 1,
}


def optimizer_of(recipe, network):
    """Returns the optimiser; a step that is learned is no weight, so that it does not decay."""
    rate, decay = recipe["learning_rate"], recipe["weight_decay"]
    named = list(network.named_parameters())
    steps = [value for name, value in named if name.endswith("_step")]
    parameters = [{"params": [value for name, value in named if not name.endswith("_step")]}]
    if steps:
        parameters.append({"params": steps, "weight_decay": 0.0})
    if recipe["optimizer"] == "sgd":
        momentum = {"momentum": recipe["momentum"], "nesterov": recipe["nesterov"]}
        return torch.optim.SGD(parameters, lr=rate, weight_decay=decay, **momentum)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe["optimizer"]]
    return kind(parameters, lr=rate, weight_decay=decay)


def schedulers_of(recipe, optimizer, n_steps):
    """Returns what is stepped after each epoch and what after each step."""
    epochs, rate = recipe["max_epochs"], recipe["learning_rate"]
    by_epoch, by_step = [], []
    if recipe["lr_scheduler"] == "step":
        by_epoch.append(lr_scheduler.StepLR(optimizer, recipe["lr_step_epochs"], recipe["lr_gamma"]))
    elif recipe["lr_scheduler"] == "cosine":
        floor = 0.0 if recipe["optimizer"] == "sgd" else 1e-6
        by_epoch.append(lr_scheduler.CosineAnnealingLR(optimizer, epochs, floor))
    elif recipe["lr_scheduler"] == "one_cycle":
        total = epochs * n_steps
        by_step.append(lr_scheduler.OneCycleLR(optimizer, rate, total, cycle_momentum=False))
    warming = int(recipe["warmup_epochs"] * n_steps)
    if warming:
        by_step.append(lr_scheduler.LinearLR(optimizer, 1 / warming, 1.0, warming - 1))
    return by_epoch, by_step


def run(network, first, recipe, features, labels):
    recipe = {**RECIPE, "batch_size": network.BATCH, **recipe}
    if recipe["batch_size"] == "all":
        recipe["batch_size"] = network.ROWS
    network.load_state_dict(first)
    network.train()
    optimizer = optimizer_of(recipe, network)
    batches = list(zip(features.split(recipe["batch_size"]), labels.split(recipe["batch_size"])))
    by_epoch, by_step = schedulers_of(recipe, optimizer, len(batches))
    losses, norms = [], []
    for _ in range(recipe["max_epochs"]):
        for x, y in batches:
            optimizer.zero_grad()
            loss = F.cross_entropy(network(x), y, label_smoothing=recipe["label_smoothing"])
            loss.backward()
            if recipe["gradient_clip_norm"]:
                norm = nn.utils.clip_grad_norm_(network.parameters(), recipe["gradient_clip_norm"])
                norms.append(norm.item())
            optimizer.step()
            for scheduler in by_step:
                scheduler.step()
            losses.append(loss.item())
        for scheduler in by_epoch:
            scheduler.step()
    clipped = [norm > recipe["gradient_clip_norm"] for norm in norms]
    assert all(clipped), "a run that clips clips every gradient"
    network.eval()
    with torch.no_grad():
        outputs = network(features[:ROWS_JUDGED])
    running = {key: numbers(value) for key, value in tensors(network).items() if "running" in key}
    return {"recipe": recipe, "losses": losses, "running": running, "outputs": numbers(outputs)}


def tensors(network):
    state = network.state_dict()
    return {key: value for key, value in state.items() if not key.endswith("batches_tracked")}


def numbers(tensor):
    # The shortest text that reads back as the same float32 has at most 9 digits.
    return [float(f"{value:.9g}") for value in tensor.flatten().tolist()]


def write(name, network):
    first = {key: value.clone() for key, value in network.state_dict().items()}
    # Rows of two decimals, and classes that can be learned from them.
    features = torch.round(torch.randn(network.ROWS, *network.SHAPE) * 100) / 100
    teacher = torch.randn(features[0].numel(), network.CLASSES)
    labels = (features.flatten(1) @ teacher).argmax(dim=1)
    content = {
        "graph": network.TEXT,
        "weights": {key: numbers(value) for key, value in tensors(network).items()},
        "features": [round(value, 2) for value in features.flatten().tolist()],
        "labels": labels.tolist(),
        "runs": [run(network, first, recipe, features, labels) for recipe in RUNS[name]],
    }
    text = json.dumps(content, separators=(",", ":")).replace(',"', ',\n"')
    (HERE / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    torch.manual_seed(1)
    torch.set_num_threads(1)
    write("jets", Jets())
    write("pictures", Pictures())
    write("stages", Stages())
