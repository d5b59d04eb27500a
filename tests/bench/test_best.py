"""The recipes that are compared: what fades, ends with the training; nets stay small; the choice is the table's."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import pytest
import torch
import tyro

from ayneh.__main__ import run
from ayneh.config import Config
from ayneh.engine.match import Match
from ayneh.jobs import train as verb
from ayneh.labels import Labels


@pytest.fixture
def best(bench):
    return bench("best")


def test_what_fades_is_done_with_the_last_image_of_a_trial_and_of_the_full_length(best):
    for candidate in best.CANDIDATES.values():
        for trial, images in ((True, 250_000), (False, candidate.epochs * 60_000)):
            config = candidate.config(trial)
            assert config.optimizer.decay_images == images
            assert config.rules.gamma_images in (0, images)
            assert config.rules.ema_halflife_images == images / 25
            assert (config.data.limit is None) is not trial


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


def test_the_choice_is_the_smallest_distance_with_labels_and_without(best, monkeypatch, tmp_path):
    monkeypatch.setattr(best, "TRIALS", tmp_path / "trials.csv")
    with pytest.raises(SystemExit, match="no trials of wide, wide-labels"):
        best.chosen()
    distances = dict.fromkeys(best.CANDIDATES, 9.0) | {"wider": 1.5, "r3gan-labels": 2.0, "wide": 1.6}
    rows = [f"{name},10,{fd}" for name, fd in distances.items()]
    best.TRIALS.write_text("\n".join(["name,seconds,fd", *rows, ""]))
    assert best.chosen() == ["r3gan-labels", "wider"]
