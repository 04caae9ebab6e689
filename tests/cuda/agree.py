"""Compares the trials of one search on two devices, and says how far they are apart.

usage: agree.py CPU_TRIALS.jsonl CUDA_TRIALS.jsonl
"""

import json
import statistics
import sys

# Of the losses of most trials.
TOLERANCE = 1e-4
# Of every single one: where a value lies within rounding of ReLU's corner or of another maximum, its gradient goes elsewhere.
# Channels of a tiny network have so few values at its end that one of them shows.
ODD_ONE = 0.05


def main(cpu, cuda):
    trials = [[json.loads(line) for line in open(path)] for path in (cpu, cuda)]
    trials = [sorted(side, key=lambda trial: trial["index"]) for side in trials]
    assert [trial["index"] for trial in trials[0]] == [trial["index"] for trial in trials[1]]
    differences = []
    for left, right in zip(*trials):
        for name in ("training_loss_sum", "validation_loss"):
            expected, got = left["outcome"][name], right["outcome"][name]
            differences.append(abs(got - expected) / expected)
            print(f"trial {left['index']}: {name} {expected:.6f} on the CPU, {got:.6f} on CUDA, {differences[-1]:.1e} apart")
    assert statistics.median(differences[0::2]) < TOLERANCE, "most training losses are further apart than rounding takes them"
    assert max(differences) < ODD_ONE, f"more than {ODD_ONE} apart"


if __name__ == "__main__":
    main(*sys.argv[1:])
