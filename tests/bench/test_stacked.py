"""The seeds of stacked: a run each on a CPU, on a GPU the replicas of one run, and a table of either."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ayneh.errors import UserError
from ayneh.judge.scores import Score
from ayneh.presets import PRESETS
from ayneh.record.record import Record

SCRIPT = Path(__file__).parents[2] / "bench" / "stacked_seeds.sh"


@pytest.fixture
def play(tmp_path):
    """Run the script with an `ayneh` that notes what it is asked, and leaves the files of a training."""
    log, fake = tmp_path / "log", tmp_path / "bin" / "ayneh"
    fake.parent.mkdir()
    fake.write_text(
        f'#!/usr/bin/env bash\necho "$@" >> {log}\n'
        'while [ $# -gt 0 ]; do [ "$1" = --out ] && { mkdir -p "$2"; echo "{}" > "$2/config.json"; }; shift; done\n'
        "true\n"
    )
    fake.chmod(0o755)

    def run(*words, **variables):
        log.write_text("")
        environment = os.environ | {"PATH": f"{fake.parent}:{os.environ['PATH']}"} | variables
        done = subprocess.run(
            ["bash", SCRIPT, tmp_path / "runs", *words], env=environment, capture_output=True, check=False
        )
        return done.returncode, [line.replace(str(tmp_path / "runs"), "F") for line in log.read_text().splitlines()]

    return run


def test_on_a_cpu_each_seed_is_trained_and_evaluated_before_the_next(play):
    code, lines = play("3", "7")
    assert code == 0
    assert lines == [
        line
        for seed in (3, 7)
        for line in (
            f"train stacked --precision bfloat16 --keep.keep-epochs 5 --out F/stacked-{seed} --seed {seed}",
            *(f"evaluate F/stacked-{seed} --epoch {e} --n 26000 --replica 0" for e in (4, 9, 19)),
            f"evaluate F/stacked-{seed} --epoch 39 --n 1000000 --replica 0",
        )
    ]
    assert play("3")[1][0] == "resume F/stacked-3"


def test_on_a_gpu_the_seeds_are_replicas_that_are_evaluated_once(play, tmp_path):
    code, (train, *evaluated) = play(DEVICE="cuda")
    assert code == 0
    assert "--out F/stacked-0-4 --seed 0 --seeds 5 --device cuda" in train
    assert len(evaluated) == len(set(evaluated)) == 5 * 4
    for epoch in (4, 9, 19, 39):
        Record(tmp_path / "runs" / "stacked-0-4").write_report("evaluation", {}, epoch, 2)
    assert not any("--replica 2" in line for line in play(DEVICE="cuda")[1])
    assert play(DEVICE="cuda", EVALUATE="0") == (0, ["resume F/stacked-0-4"])
    assert play("1", "3", DEVICE="cuda")[0] == 2


def test_the_table_has_a_row_of_each_epoch_of_each_replica(bench, tmp_path):
    record = Record.create(tmp_path / "r", replace(PRESETS["stacked"].config, seeds=2), {})
    for epoch in range(2):
        step, seconds = 10 * (epoch + 1), 1.5 * (epoch + 1)
        record.append({"step": step, "epoch": epoch, "images": 64 * step, "wall_s": seconds})
        for replica in range(2):
            values = {"modes": 900 + 10 * epoch + replica, "kl": 0.1, "kl_corrected": 0.05}
            scores = {name: Score(x, 26_000, floor=0.02, protocol=f"{name}_26k") for name, x in values.items()}
            scores = {name: score.as_dict() for name, score in scores.items()}
            report = {"step": step, "replica": replica, "n": 26_000, "scores": scores}
            record.write_report("evaluation", report, epoch, replica)
    script = bench("stacked")
    found = script.rows_of(tmp_path / "r")
    assert list(found) == ["r, replica 0", "r, replica 1"]
    assert [[row["modes"] for row in rows] for rows in found.values()] == [[900, 910], [901, 911]]
    assert [row["epoch"] for row in found["r, replica 1"]] == [1, 2]
    with pytest.raises(UserError, match="The runs were evaluated after different epochs"):
        script.medians([found["r, replica 0"][:1], found["r, replica 1"][1:]])


@pytest.mark.parametrize(("words", "status"), [(["--help"], 0), ([], 2)])
def test_a_table_of_nothing_says_how_it_is_used(bench, monkeypatch, capsys, words, status):
    """They were folders, of which one did not exist, and a crash."""
    monkeypatch.setattr("sys.argv", ["stacked.py", *words])
    with pytest.raises(SystemExit) as ended:
        bench("stacked").main()
    assert ended.value.code == status
    assert "stacked.py [-h] runs" in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        (None, "r has no evaluations: `ayneh evaluate .*r` makes one"),
        ({}, "r is of stacked-mnist, whose modes are not"),
    ],
)
def test_a_run_without_modes_is_refused(bench, tmp_path, monkeypatch, scores, words):
    record = Record.create(tmp_path / "r", PRESETS["stacked"].config, {})
    if scores is not None:
        record.write_report("evaluation", {"step": 1, "replica": 0, "n": 9, "scores": scores})
    monkeypatch.setattr("sys.argv", ["stacked.py", str(tmp_path / "r")])
    with pytest.raises(UserError, match=words):
        bench("stacked").main()
