"""Runs Optuna and rustuna as their users do, beside the strategies of this project.

    samplers.py quality FOLDER   every problem that `samplers tables` wrote to FOLDER, 20 seeds
    samplers.py speed            the CPU time of asking for a trial, after many

Prints lines of JSON. `quality` prints what a run asked for, the row of the table for each trial;
the scores are computed where those of our strategies are. A repeated point is told from the table
like any other, and the run goes on until as many distinct points as the problem's budget were
evaluated or four times as many trials are done.

Optuna's time grows so fast that its univariate TPE is left out of `speed`.
"""

import json
import math
import random
import sys
import time
import warnings
from pathlib import Path

import optuna
import rustuna

N_SEEDS = 20
N_TRIALS_PER_EVALUATION = 4

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)

QUALITY = {
    "optuna tpe": (optuna, lambda seed, n: optuna.samplers.TPESampler(seed=seed, multivariate=True)),
    "optuna tpe univariate": (
        optuna,
        lambda seed, n: optuna.samplers.TPESampler(seed=seed, multivariate=False),
    ),
    "optuna random": (optuna, lambda seed, n: optuna.samplers.RandomSampler(seed=seed)),
    "optuna nsga2": (optuna, lambda seed, n: optuna.samplers.NSGAIISampler(seed=seed)),
    "rustuna tpe": (rustuna, lambda seed, n: rustuna.samplers.TPESampler(seed=seed, multivariate=True)),
    "rustuna tpe univariate": (
        rustuna,
        lambda seed, n: rustuna.samplers.TPESampler(seed=seed, multivariate=False),
    ),
    "rustuna nsga2": (rustuna, lambda seed, n: rustuna.samplers.NSGAIISampler(seed=seed)),
}
SPEED = ["optuna tpe", "rustuna tpe", "rustuna tpe univariate", "rustuna nsga2"]


def run(problem, library, sampler):
    """Returns the rows of the table that a study asked for."""
    study = library.create_study(directions=problem["directions"], sampler=sampler)
    rows, seen = [], set()
    budget = problem["budget"]
    while len(seen) < budget and len(rows) < N_TRIALS_PER_EVALUATION * budget:
        trial = study.ask()
        row = 0
        for dimension in problem["dimensions"]:
            name, size = dimension["name"], dimension["size"]
            if dimension["is_ordered"]:
                value = trial.suggest_int(name, 0, size - 1)
            else:
                value = trial.suggest_categorical(name, list(range(size)))
            row = row * size + value
        rows.append(row)
        seen.add(row)
        study.tell(trial.number, problem["values"][row])
    return rows


def quality(folder):
    problems = [json.loads(path.read_text()) for path in sorted(Path(folder).glob("*.json"))]
    for problem in problems:
        for name, (library, sampler) in QUALITY.items():
            for seed in range(N_SEEDS):
                rows = run(problem, library, sampler(seed, problem["budget"]))
                line = {"problem": problem["name"], "sampler": name, "rows": rows}
                print(json.dumps(line), flush=True)


# The kinds of parameters of each kind of space, in turn.
SPACES = {
    # Choices of 4, whole numbers from 1 to 32, and logarithmic real numbers.
    "mixed": ("cat", "int", "float"),
    # Whole numbers from 1 to 1,000, and logarithmic ones from 1 to 1,024.
    "wide": ("wide int", "log int"),
}
# The limits of the kinds that are whole numbers, and whether they are logarithmic.
WHOLE = {"int": (1, 32, False), "wide int": (1, 1000, False), "log int": (1, 1024, True)}
CASES = [
    ("mixed", 6, 1),
    ("mixed", 6, 2),
    ("mixed", 20, 1),
    ("mixed", 20, 2),
    ("wide", 6, 1),
    ("wide", 20, 1),
]


def whole(kind, stream):
    low, high, log = WHOLE[kind]
    if not log:
        return stream.randint(low, high)
    place = stream.uniform(math.log(low - 0.5), math.log(high + 0.5))
    return min(max(round(math.exp(place)), low), high)


def drawn(kinds, stream):
    values = {}
    for idx, kind in enumerate(kinds):
        if kind in WHOLE:
            values[f"p{idx}"] = whole(kind, stream)
        elif kind == "cat":
            values[f"p{idx}"] = stream.randrange(4)
        else:
            values[f"p{idx}"] = 10 ** stream.uniform(-5, 0)
    return values


def costs(kinds, params, n_objectives):
    """How far a point is from each of two opposite corners of the space."""
    corners = [0.0, 0.0]
    for idx, kind in enumerate(kinds):
        value = params[f"p{idx}"]
        if kind in WHOLE:
            low, high, _ = WHOLE[kind]
            coordinate = (value - low) / (high - low)
        elif kind == "cat":
            coordinate = value / 3
        else:
            coordinate = 1 + math.log10(value) / 5
        for corner, place in enumerate((0.25, 0.75)):
            corners[corner] += (coordinate - place) ** 2
    return corners[:n_objectives]


def distributions(library, kinds):
    if library is optuna:
        make = {
            "cat": lambda: optuna.distributions.CategoricalDistribution(list(range(4))),
            "whole": lambda *limits: optuna.distributions.IntDistribution(
                limits[0], limits[1], log=limits[2]
            ),
            "float": lambda: optuna.distributions.FloatDistribution(1e-5, 1.0, log=True),
        }
    else:
        distribution = rustuna.distributions.Distribution
        make = {
            "cat": lambda: distribution.categorical(list(range(4))),
            "whole": lambda *limits: distribution.int(limits[0], limits[1], log=limits[2]),
            "float": lambda: distribution.float(1e-5, 1.0, log=True),
        }

    def of(kind):
        return make["whole"](*WHOLE[kind]) if kind in WHOLE else make[kind]()

    return {f"p{idx}": of(kind) for idx, kind in enumerate(kinds)}


def suggest(trial, kinds):
    values = {}
    for idx, kind in enumerate(kinds):
        name = f"p{idx}"
        if kind == "cat":
            values[name] = trial.suggest_categorical(name, list(range(4)))
        elif kind in WHOLE:
            low, high, log = WHOLE[kind]
            values[name] = trial.suggest_int(name, low, high, log=log)
        else:
            values[name] = trial.suggest_float(name, 1e-5, 1.0, log=True)
    return values


def ask_ms(library, sampler, n_trials, space, n_parameters, n_objectives):
    kinds = [SPACES[space][idx % len(SPACES[space])] for idx in range(n_parameters)]
    stream = random.Random(0)
    study = library.create_study(directions=["minimize"] * n_objectives, sampler=sampler)
    known = distributions(library, kinds)
    for _ in range(n_trials):
        params = drawn(kinds, stream)
        values = costs(kinds, params, n_objectives)
        create = optuna.trial.create_trial if library is optuna else rustuna.trial.create_trial
        study.add_trial(create(params=params, distributions=known, values=values))
    n_asks = max(1, min(n_trials // 20, 50))
    if library is optuna:
        n_asks = max(1, min(n_asks, 2_000 // n_trials))
    n_rounds = 2 if library is optuna and n_trials == 10_000 else 7
    times = []
    for _ in range(n_rounds + 1):
        start = time.process_time()
        for _ in range(n_asks):
            trial = study.ask()
            params = suggest(trial, kinds)
            study.tell(trial.number, costs(kinds, params, n_objectives))
        times.append((time.process_time() - start) * 1e3 / n_asks)
    times = sorted(times[1:])
    return times[len(times) // 2]


def speed():
    for name in SPEED:
        library, sampler = QUALITY[name]
        for n_trials in (100, 1_000, 10_000):
            for space, n_parameters, n_objectives in CASES:
                case = (n_trials, space, n_parameters, n_objectives)
                ms = ask_ms(library, sampler(0, n_trials), *case)
                line = {
                    "sampler": name,
                    "space": space,
                    "n_trials": n_trials,
                    "n_parameters": n_parameters,
                    "n_objectives": n_objectives,
                    "ask_ms": ms,
                }
                print(json.dumps(line), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "quality":
        quality(sys.argv[2])
    else:
        speed()
