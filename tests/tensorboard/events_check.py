"""Has TensorBoard read what `trials --tensorboard` wrote, and holds every value against trials.jsonl.

    pip install tensorboard
    inception-nas run --space tiny.toml --results DIR --name NAME
    inception-nas trials --results DIR --run NAME --tensorboard LOGS
    python tests/tensorboard/events_check.py DIR/NAME LOGS
"""

import json
import math
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
from tensorboard import program
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

SCORES = ["accuracy", "accuracy_se", "validation_loss", "training_loss_sum"]
BRANCHES = ["b1x1", "b3x3_reduce", "b3x3", "b5x5_reduce", "b5x5", "pool_proj"]


def hparams(trial):
    """What a session of this trial has to begin with."""
    values = dict(trial["fidelity"], macs=trial["cost"]["macs"], parameters=trial["cost"]["parameters"])
    values["origin"] = trial["origin"]["kind"]
    # googlenet/1 stem=8,8,32 3a=8,16,24,8,8,8 ... classes=2 aux=false
    for part in trial["architecture"].split()[1:-2]:
        block, widths = part.split("=")
        names = ["conv1", "conv2_reduce", "conv2"] if block == "stem" else BRANCHES
        values.update({f"{block}.{name}": int(width) for name, width in zip(names, widths.split(","), strict=True)})
    return values


def scalars(trial):
    """What was measured of it."""
    outcome = trial["outcome"]
    return {score: outcome[score] for score in SCORES if score in outcome} | {"seconds": trial["seconds"]}


def python(value):
    """A value of JSON in protobuf."""
    return getattr(value, value.WhichOneof("kind"))


def check_events(folder, trial):
    """Reads the file as TensorBoard's reader does."""
    events = EventAccumulator(str(folder)).Reload()
    expected = scalars(trial)
    assert set(events.Tags()["scalars"]) == set(expected), events.Tags()
    for tag, value in expected.items():
        (scalar,) = events.Scalars(tag)
        assert (scalar.step, scalar.value) == (trial["index"], np.float32(value)), (tag, scalar, value)
    content = events.PluginTagToContent(metadata.PLUGIN_NAME)
    start = metadata.parse_session_start_info_plugin_data(content[metadata.SESSION_START_INFO_TAG])
    assert {name: python(value) for name, value in start.hparams.items()} == hparams(trial)
    end = metadata.parse_session_end_info_plugin_data(content[metadata.SESSION_END_INFO_TAG])
    assert math.isclose(end.end_time_secs - start.start_time_secs, trial["seconds"], abs_tol=1e-6)
    assert end.status == (1 if trial["outcome"]["status"] == "done" else 2), end


def check_table(logs, run, trials):
    """Asks TensorBoard's server for the table of the plugin hparams, as its page does."""
    board = program.TensorBoard()
    board.configure(argv=[None, "--logdir", str(logs), "--port", "0"])
    url = board.launch()
    question = {
        "allowedStatuses": ["STATUS_SUCCESS", "STATUS_FAILURE"],
        "aggregationType": "AGGREGATION_AVG",
        "sliceSize": len(trials) + 1,
    }
    request = urllib.request.Request(
        f"{url}data/plugin/hparams/session_groups", json.dumps(question).encode(), {"Content-Type": "application/json"}
    )
    for _ in range(60):
        with urllib.request.urlopen(request) as reply:
            groups = json.load(reply).get("sessionGroups", [])
        # It reads the files in the background.
        if len(groups) == len(trials) and all(group["sessions"][0].get("endTimeSecs") for group in groups):
            break
        time.sleep(0.5)
    table = {group["name"]: group for group in groups}
    for trial in trials:
        group = table[f"{run.name}/trial-{trial['index']:04}"]
        values = {value["name"]["tag"]: value["value"] for value in group["metricValues"]}
        assert values == {tag: np.float32(value) for tag, value in scalars(trial).items()}, (values, trial)
        assert group["hparams"] == hparams(trial), group


def main(run, logs):
    trials = [json.loads(line) for line in (run / "trials.jsonl").read_text().splitlines()]
    folders = sorted((logs / run.name).iterdir())
    assert len(folders) == len(trials), folders
    for trial in trials:
        check_events(logs / run.name / f"trial-{trial['index']:04}", trial)
    check_table(logs, run, trials)
    print(f"{logs}: TensorBoard reads {len(trials)} trials as they stand in trials.jsonl")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
