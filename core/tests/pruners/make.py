"""Writes what the tests of pruners compare with: what Optuna decides, and SciPy's p values.

    python -m venv venv && venv/bin/pip install optuna==5.0.0 scipy
    venv/bin/python core/tests/pruners/make.py

A case of `decisions.json` is a pruner with its settings, as a study file spells them, and trials one
after another, each with the values that it would report and the epoch after which Optuna stops it.
Every trial is asked after each epoch but its last. Values are multiples of 1/64, so that means are
exact and many are equal; null is NaN. Median takes the first epoch as step 0, the others as step 1.
Brackets are those that Optuna draws by its hash. A case of `signed_rank.json` is a list of differences
and `scipy.stats.wilcoxon(differences, alternative="greater", zero_method="zsplit").pvalue`.
Optuna 5.0.0, SciPy 1.17.1 and numpy 2.4.6 wrote the files.
"""

import json
import pathlib
import warnings

import numpy as np
import optuna
from optuna.pruners import HyperbandPruner, MedianPruner, SuccessiveHalvingPruner, WilcoxonPruner
from optuna.trial import TrialState
from scipy.stats import wilcoxon

HERE = pathlib.Path(__file__).parent
N_TRIALS = 50


def curves(rng, max_epochs):
    """Values that fall, each curve at its own pace, with noise, some equal and a few NaN."""
    for _ in range(N_TRIALS):
        end, start, pace = rng.uniform(0, 1), rng.uniform(1, 2), rng.uniform(0.1, 1.5)
        epochs = np.arange(max_epochs)
        values = end + (start - end) * np.exp(-pace * epochs)
        values = np.round((values + rng.normal(0, 0.1, max_epochs)) * 64) / 64
        # A trial whose last value is no number fails, so that it is compared with nothing.
        values[:-1][rng.random(max_epochs - 1) < 0.01] = np.nan
        yield values.tolist()


def decisions(settings, pruner, max_epochs, rng, first_step):
    study = optuna.create_study(study_name="golden", pruner=pruner)
    trials = []
    for values in curves(rng, max_epochs):
        trial = study.ask()
        stopped_after = None
        for epoch, value in enumerate(values, 1):
            trial.report(value, epoch - 1 + first_step)
            if epoch < max_epochs and trial.should_prune():
                stopped_after = epoch
                break
        bracket = 0
        if isinstance(pruner, HyperbandPruner):
            bracket = pruner._get_bracket_id(study, study.trials[trial.number])
        if stopped_after is None:
            study.tell(trial, values[-1])
        else:
            study.tell(trial, state=TrialState.PRUNED)
        values = [None if np.isnan(value) else value for value in values]
        trials.append({"bracket": bracket, "stopped_after": stopped_after, "values": values})
    return {"pruner": settings, "max_epochs": max_epochs, "trials": trials}


def cases(rng):
    for startup, warmup, interval, max_epochs in [(5, 0, 1, 8), (1, 2, 3, 12), (0, 1, 1, 5), (3, 0, 2, 9)]:
        settings = {"n_startup_trials": startup, "n_warmup_epochs": warmup, "interval_epochs": interval}
        pruner = MedianPruner(startup, warmup, interval)
        yield decisions({"name": "median"} | settings, pruner, max_epochs, rng, 0)
    for least, factor, max_epochs in [(1, 4, 20), (1, 2, 9), (2, 3, 20), (3, 2, 8)]:
        settings = {"min_epochs": least, "reduction_factor": factor}
        pruner = SuccessiveHalvingPruner(least, factor)
        yield decisions({"name": "asha"} | settings, pruner, max_epochs, rng, 1)
    for least, factor, max_epochs in [(1, 3, 9), (1, 3, 10), (1, 2, 16), (2, 3, 20), (1, 4, 6), (5, 3, 9)]:
        settings = {"min_epochs": least, "reduction_factor": factor}
        pruner = HyperbandPruner(least, max_epochs, factor)
        yield decisions({"name": "hyperband"} | settings, pruner, max_epochs, rng, 1)
    for threshold, startup, max_epochs in [(0.1, 2, 8), (0.3, 2, 20), (0.01, 5, 20), (0.5, 3, 60)]:
        settings = {"p_threshold": threshold, "n_startup_epochs": startup}
        pruner = WilcoxonPruner(p_threshold=threshold, n_startup_steps=startup)
        yield decisions({"name": "wilcoxon"} | settings, pruner, max_epochs, rng, 1)


def differences(rng):
    for n in [2, 3, 4, 5, 8, 12, 13, 14, 15, 20, 35, 50, 51, 52, 70]:
        shift = rng.choice([-0.3, 0.0, 0.3])
        signs = rng.choice([-1, 1], n, p=[0.5 - shift, 0.5 + shift])
        distinct = signs * (rng.permutation(4 * n)[:n] + 1) / 64
        yield distinct
        # Of few sizes, so that many are equal, and some are zero.
        yield rng.integers(-3, 5, n) / 64
        yield np.abs(distinct)
        yield np.full(n, 0.25)
        one_zero = distinct.copy()
        one_zero[0] = 0.0
        yield one_zero
    yield np.zeros(3)
    yield np.zeros(20)


def lines(entries):
    return "[\n" + ",\n".join(json.dumps(entry) for entry in entries) + "\n]\n"


def main():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    (HERE / "decisions.json").write_text(lines(cases(np.random.default_rng(7))))
    tests = [
        {
            "differences": found.tolist(),
            "p": float(wilcoxon(found, alternative="greater", zero_method="zsplit").pvalue),
        }
        for found in differences(np.random.default_rng(8))
    ]
    (HERE / "signed_rank.json").write_text(lines(tests))


if __name__ == "__main__":
    main()
