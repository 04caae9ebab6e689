"""Golden ranks, crowding distances and hypervolumes of random fronts, from pymoo.

Writes fronts.json. Needs `pip install pymoo`.

    python tests/golden/fronts.py

Objective values are multiples of 1/8 between 0 and 10/8, so that ties and equal points are common, and points beyond the
corner (1, 1) that hypervolumes are measured from occur. An infinite crowding distance is written as null. Points are
stored as eighths.
"""
import json
import pathlib

import numpy as np
from pymoo.indicators.hv import HV
from pymoo.operators.survival.rank_and_crowding.metrics import get_crowding_function
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

FRONTS = 200

rng = np.random.default_rng(2002)


def front(size):
    eighths = rng.integers(0, 11, size=(size, 2))
    # Most random points lie on small fronts: half of the sets are drawn near a line on which few dominate each other.
    if rng.integers(2) == 1:
        eighths[:, 1] = np.clip(10 - eighths[:, 0] + rng.integers(-1, 2, size=size), 0, 10)
    points = eighths / 8
    fronts, ranks = NonDominatedSorting().do(points, return_rank=True)
    crowding = np.empty(size)
    for members in fronts:
        crowding[members] = get_crowding_function("cd").do(points[members])
    return {
        "eighths": eighths.tolist(),
        "ranks": ranks.tolist(),
        "crowding": [None if np.isinf(distance) else float(distance) for distance in crowding],
        "hypervolume": float(HV(ref_point=np.array([1.0, 1.0]), norm_ref_point=False)(points)),
    }


def main():
    lines = [json.dumps(front(int(size)), separators=(",", ":")) for size in rng.integers(2, 26, size=FRONTS)]
    pathlib.Path(__file__).with_suffix(".json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
