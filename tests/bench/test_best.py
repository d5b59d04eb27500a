"""The recipes that are compared: what fades, ends with the training; nets stay small; the choice is the table's."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import pytest
import torch
import tyro

import ayneh as package
from ayneh.__main__ import run
from ayneh.config import Config
from ayneh.engine.match import Match
from ayneh.errors import Stopped, UserError
from ayneh.jobs import train as verb
from ayneh.labels import Labels
from ayneh.presets import PRESETS
from ayneh.record.record import Record


@pytest.fixture
def best(bench):
    return bench("best")


def test_what_fades_is_done_with_the_last_image_of_a_trial_and_of_the_full_length(best):
    for name, candidate in best.CANDIDATES.items():
        falls = not name.startswith("steady")
        for trial, images in ((True, 250_000), (False, candidate.epochs * 60_000)):
            config = candidate.config(trial)
            assert (config.optimizer.decay_images, config.optimizer.schedule) == (
                (images, "cosine") if falls else (0, PRESETS["fast"].config.optimizer.schedule)
            )
            assert config.rules.gamma_images in (0, images)
            assert config.rules.ema_halflife_images == images / 25
            assert (config.data.limit is None) is not trial


def test_the_preset_is_the_full_length_of_its_candidate(best):
    assert PRESETS["best"].config == best.CANDIDATES["steady-labels-lazy"].config(trial=False)


def test_nets_have_at_most_two_million_parameters(best):
    pixels = torch.zeros(800, 1, 28, 28, dtype=torch.uint8)
    labels = torch.arange(800) % 10, Labels(tuple(map(str, range(10))), (0.1,) * 10)
    for candidate in best.CANDIDATES.values():
        match = Match([replace(candidate.config(False), device="cpu")], pixels, torch.device("cpu"), labelled=labels)
        assert all(sum(shape.numel() for shape in net.shapes.values()) < 2e6 for net in match.players.values())


def test_the_command_line_has_the_same_settings(best, monkeypatch):
    read = []

    def train(config: Annotated[Config, tyro.conf.arg(name="")], out: Path) -> None:
        read.append((config, out))

    monkeypatch.setattr(verb, "train", train)
    for name, trial in (("wide-labels", True), ("r3gan", False), ("wide-bfloat16", False)):
        config = best.CANDIDATES[name].config(trial)
        word, *words = best.command(config, 3, Path("runs/x"))
        run(word, words)
        assert read.pop() == (replace(config, seed=3), Path("runs/x"))


def test_the_choice_is_the_smallest_distance_with_labels_and_without(best, tmp_path):
    table = tmp_path / "trials.csv"
    with pytest.raises(UserError, match="no trials of wide, wide-labels"):
        best.chosen(table)
    distances = dict.fromkeys(best.CANDIDATES, 9.0) | {"wider": 1.5, "r3gan-labels": 2.0, "wide": 1.6}
    rows = [f"{name},10,{fd}" for name, fd in distances.items()]
    table.write_text("\n".join(["name,seconds,fd", *rows, ""]))
    assert best.chosen(table) == ["r3gan-labels", "wider"]


@pytest.fixture
def asked(best, monkeypatch):
    """The commands that are given; each leaves what its verb would leave."""
    commands = []

    def ayneh(*words: str) -> None:
        commands.append(words)
        folder = Path(words[words.index("--out") + 1] if words[0] == "train" else words[1])
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text("{}")
        if words[0] == "evaluate":
            Record(folder).write_report("evaluation", {}, replica=int(words[-1]))

    monkeypatch.setattr(best, "ayneh", ayneh)
    return commands


def test_on_a_gpu_the_seeds_are_the_replicas_of_one_run_and_each_is_judged(best, asked, tmp_path):
    best.full(tmp_path, ["wide"], [0, 1, 2], "cuda", 2)
    (train, *evaluate), folder = asked, str(tmp_path / "best-wide-0-1-2")
    flags = dict(zip(train[2::2], train[3::2], strict=True))
    assert (flags["--device"], flags["--seeds"], flags["--seed"]) == ("cuda", "3", "0")
    game = {name for name in flags if not name.startswith("--keep.")}
    alone = best.command(best.CANDIDATES["wide"].config(False), 0, tmp_path)[2::2]
    assert game == {*alone, "--device", "--seeds"}
    assert sorted(evaluate) == [("evaluate", folder, "--replica", str(r)) for r in range(3)]
    asked.clear()
    best.full(tmp_path, ["wide"], [0, 1, 2], "cuda", 2)
    assert asked == [("resume", folder)]  # what was judged is not judged again
    with pytest.raises(UserError, match="follow one another"):
        best.full(tmp_path, ["wide"], [0, 2], "cuda", 1)


def test_on_a_cpu_each_seed_is_a_run_and_every_candidate_has_the_first_soon(best, asked, tmp_path):
    best.full(tmp_path, ["wide", "r3gan"], [0, 5], "cpu", 1)
    runs = [f"best-{name}-{seed}" for seed in (0, 5) for name in ("wide", "r3gan")]
    assert [words[0] for words in asked] == ["train", "evaluate"] * 4
    assert [Path(words[1]).name for words in asked[1::2]] == runs
    assert [words[words.index("--seed") + 1] for words in asked[::2]] == ["0", "0", "5", "5"]
    assert not any("--seeds" in words for words in asked)


def test_a_training_that_breaks_down_is_a_row_without_scores_and_is_not_played_again(best, monkeypatch, tmp_path):
    """Else one candidate whose numbers stop being finite would keep all others from being compared."""
    small = {"data.limit": 128, "data.resize": 8, "net.width": 4, "prior.dim": 4, "batch": 32, "epochs": 1}
    hot = package.preset("digits").changed({**small, "optimizer.lr": 1e30})
    played = []

    def ayneh(*words: str) -> None:
        played.append(words)
        with pytest.raises(Stopped, match="broke down"):
            package.train(hot, out=words[words.index("--out") + 1], quiet=True)
        raise SystemExit(1)

    monkeypatch.setattr(best, "ayneh", ayneh)
    for _ in range(2):
        row = best.trial(tmp_path, "cpu", "wide")
        assert (row["name"], row["device"], [row[name] for name in best.SCORES]) == ("wide", "cpu", [None] * 6)
    best.full(tmp_path, ["wide"], [100], "cpu", 1)
    assert [words[0] for words in played] == ["train", "train"]
    monkeypatch.setattr(best, "ayneh", lambda *words: (_ for _ in ()).throw(SystemExit(2)))
    with pytest.raises(SystemExit):  # any other failure ends it
        best.trial(tmp_path, "cpu", "wider")


@pytest.mark.slow
def test_the_jobs_of_parallel_processes_are_all_done_and_failures_named_at_the_end(bench):
    found = bench("each").each(math.factorial, [2, -1, 4], 2)
    assert sorted([next(found), next(found)]) == [(2, 2), (4, 24)]
    with pytest.raises(SystemExit, match="^-1: ValueError: "):
        next(found)
