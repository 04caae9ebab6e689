"""Compares the trials of one search on two devices, and says how far they are apart.

usage: agree.py CPU_TRIALS.jsonl CUDA_TRIALS.jsonl
"""

import json
import sys

# A few steps of training let differences in the last bits grow; a wrong gradient shows at once.
TOLERANCE = 0.02


def main(cpu, cuda):
    trials = [[json.loads(line) for line in open(path)] for path in (cpu, cuda)]
    trials = [sorted(side, key=lambda trial: trial["index"]) for side in trials]
    assert [trial["index"] for trial in trials[0]] == [trial["index"] for trial in trials[1]]
    worst = 0.0
    for left, right in zip(*trials):
        for name in ("training_loss_sum", "validation_loss"):
            expected, got = left["outcome"][name], right["outcome"][name]
            difference = abs(got - expected) / expected
            worst = max(worst, difference)
            print(f"trial {left['index']}: {name} {expected:.6f} on the CPU, {got:.6f} on CUDA, {difference:.1e} apart")
    assert worst < TOLERANCE, f"more than {TOLERANCE} apart"


if __name__ == "__main__":
    main(*sys.argv[1:])
