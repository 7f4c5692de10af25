"""Computes what the scores of the bench are tested against: `python hypervolume.py > hypervolume.json`.

Needs optuna 5.0.0 and numpy. Volumes and fronts are Optuna's, quantiles are numpy's, and nothing is
shared with the bench.
"""

import json

import numpy as np
from optuna._hypervolume import compute_hypervolume
from optuna.study._multi_objective import _is_pareto_front


def case(n_points, directions, stream):
    values = stream.normal(size=(n_points, len(directions))) ** 3
    # Equal values, and points that are nowhere better than the reference.
    values[1] = values[0]
    values[2, 0] = values[3, 0]
    signs = np.array([1.0 if direction == "minimize" else -1.0 for direction in directions])
    costs = values * signs
    reference = np.quantile(costs, 0.9, axis=0)

    def volume(rows):
        inside = costs[rows]
        inside = inside[np.all(inside < reference, axis=1)]
        return compute_hypervolume(inside, reference) if len(inside) else 0.0

    whole = volume(list(range(n_points)))
    subsets = [stream.choice(n_points, size, replace=False).tolist() for size in (1, 2, 5, 12)]
    front = np.flatnonzero(_is_pareto_front(costs, assume_unique_lexsorted=False)).tolist()
    return {
        "directions": directions,
        "values": values.tolist(),
        "front": front,
        "subsets": [{"rows": rows, "score": volume(rows) / whole} for rows in subsets],
    }


def main():
    stream = np.random.default_rng(0)
    kinds = [
        ["minimize", "minimize"],
        ["maximize", "minimize"],
        ["minimize", "maximize", "maximize"],
    ]
    print(json.dumps([case(40, kind, stream) for kind in kinds], indent=1))


if __name__ == "__main__":
    main()
