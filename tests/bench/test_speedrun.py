"""The speedrun's referee: what it looks at, counts and refuses; and that an entry plays ayneh's own game."""

import io
import math
from itertools import count, islice
from types import SimpleNamespace

import pytest
import torch

from ayneh.config import Data
from ayneh.data.images import Images
from ayneh.engine import sampler
from ayneh.engine.match import Match
from ayneh.engine.sampler import sampler_in
from ayneh.errors import UserError
from ayneh.evaluation import read_images
from ayneh.game.frame import take
from ayneh.presets import PRESETS


@pytest.fixture
def speedrun(bench):
    return bench("speedrun")


class Clock:
    """Goes on by one second for each training step and by a hundred for each judging."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now, 2 * self.now


def played(speedrun, clock, step=64, parameters=(1, 2), asked=None):
    for n in count(1):
        clock.now += 1
        yield speedrun.Progress(n * step, parameters, lambda purpose, size: (asked.append(purpose), size)[1])


def raced(speedrun, distances, look_from=0, asked=None, **rest):
    clock, left = Clock(), iter(distances)

    def judge(fakes):
        assert fakes == speedrun.SAMPLES
        clock.now += 100
        return next(left)

    asked = [] if asked is None else asked
    return list(speedrun.race(played(speedrun, clock, asked=asked, **rest), look_from, judge, clock))


def test_looks_come_each_10000_images_and_the_clock_stands_while_the_judge_looks(speedrun):
    looks = raced(speedrun, [9, 5, 2.4, 2.3])
    assert [look.images for look in looks] == [10_048, 20_032, 30_016]  # the first step at or after each
    assert [look.seconds for look in looks] == [157, 313, 469]
    assert [look.processor_seconds for look in looks] == [314, 626, 938]
    assert [look.reached for look in looks] == [False, False, True]


def test_a_second_draw_has_to_agree_and_no_other_is_drawn(speedrun):
    asked = []
    looks = raced(speedrun, [2.4, 2.6, 2.6, 2.5, 2.5], asked=asked)
    assert [(look.fd, look.fd_again, look.reached) for look in looks] == [
        (2.4, 2.6, False), (2.6, None, False), (2.5, 2.5, True),
    ]  # fmt: skip
    assert asked == ["evaluate 0", "evaluate 1", "evaluate 0", "evaluate 0", "evaluate 1"]


def test_an_entry_may_begin_its_looks_late_and_steps_may_be_large(speedrun):
    assert raced(speedrun, [1, 1], look_from=25_000)[0].images == 30_016
    assert [look.images for look in raced(speedrun, [9, 1, 1], step=16_000)] == [16_000, 32_000]


def test_a_race_ends_after_600000_images_or_with_the_entry(speedrun):
    looks = raced(speedrun, [3.0] * 100)
    assert len(looks) == 60
    assert not any(look.reached for look in looks)
    clock = Clock()
    few = islice(played(speedrun, clock, asked=[]), 10)
    assert list(speedrun.race(few, 0, lambda fakes: 1.0, clock)) == []


def test_nets_that_are_too_large_are_refused_at_the_first_step(speedrun):
    with pytest.raises(UserError, match="175,001 parameters; at most 175,000"):
        raced(speedrun, [1, 1], parameters=(175_001, 10))


def test_the_log_counts_a_failed_seed_as_never(speedrun, tmp_path):
    path = tmp_path / "entry.csv"
    with path.open("w") as file:
        for seed in range(5):
            looks = raced(speedrun, [9, 2, 2] if seed else [9] * 60)
            speedrun.write_log(file, seed, looks, "a machine, with a comma", head=seed == 0)
    record = speedrun.record_of(speedrun.read_log(path))
    assert record["seeds"] == 5
    assert record["failed"] == 1
    assert record["images"] == (20_032, 20_032, math.inf)
    assert "| entry | 5 | 1 | 20,032 (20,032 to never) | 313.0 (313.0 to never) |" in speedrun.table(tmp_path)


def test_a_seed_without_a_look_is_in_the_log_and_failed(speedrun):
    file = io.StringIO()
    speedrun.write_log(file, 3, [], "here", head=True)
    file.seek(0)
    rows = list(speedrun.csv.DictReader(file))
    assert speedrun.record_of(rows)["failed"] == 1
    assert speedrun.record_of(rows)["images"][0] == math.inf


def test_an_entry_plays_the_game_of_its_preset(speedrun, tmp_path, monkeypatch):
    monkeypatch.setattr(sampler, "STANDING_LATENTS", 64)
    path = tmp_path / "small.toml"
    path.write_text('base = "digits"\nlook_from = 7\n[set]\nbatch = 32\n[set.net]\nwidth = 4\n')
    config = PRESETS["digits"].config.changed({"batch": 32, "net.width": 4, "seed": 3, "device": "cpu"})
    train: Images = read_images(Data("digits", resize=16))
    entry = speedrun.entry_of(path)
    assert entry.look_from == 7
    *_, last = islice(entry.play(train)(train.pixels, train.labels, 3), 3)
    match = Match([config], train.pixels, torch.device("cpu"))
    state = match.start()
    for i in range(3):
        state, _ = match.play(state, i)
    assert last.images == 96
    assert last.parameters == (state["gen"].shape[1], state["dis"].shape[1])
    assert torch.equal(last.draw("evaluate 0", 20), take(sampler_in(match, state, 0).draw("evaluate 0", 20), 16))
    assert not torch.equal(last.draw("evaluate 0", 20), last.draw("evaluate 1", 20))


def test_an_entry_may_be_a_file_of_python(speedrun, tmp_path):
    path = tmp_path / "own.py"
    path.write_text("LOOK_FROM = 10\ndef play(pixels, labels, seed):\n    yield seed\n")
    entry = speedrun.entry_of(path)
    assert entry.look_from == 10
    assert list(entry.play(None)(None, None, 5)) == [5]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("e.toml", "look_from = 7", "e.toml has look_from; an entry has base, look_from and a table, set"),
        ("e.toml", "", "e.toml has nothing; an entry has"),
        ("e.toml", 'base = "fast"\nlook_from = 7\nset = 3', "an entry has base, look_from and a table, set"),
        ("e.toml", 'base = "fast"\nlook_from = 7\n[sett]\nbatch = 3', "e.toml has base, look_from, sett; an entry"),
        ("e.toml", 'base = "fastt"\nlook_from = 7', "e.toml: .*'fastt'.*fast"),
        ("e.toml", 'base = "fast"\nlook_from = 7\n[set]\nbach = 3', "e.toml: .*'bach'.*batch"),
        ("e.toml", 'base = "fast"\nlook_from = "soon"', "look_from is 'soon'; it is a number of images"),
        ("e.toml", 'base = "fast"', "look_from is None; it is a number of images"),
        ("e.py", "LOOK_FROM = 7", "e.py has no function play"),
        ("e.py", "def play(images, classes, seed): ...", "look_from is None"),
        ("e.py", "def play(", "e.py cannot be read as Python .SyntaxError"),
    ],
)
def test_an_entry_that_cannot_be_played_is_a_sentence_before_mnist_is_read(
    speedrun, tmp_path, monkeypatch, name, text, words
):
    path = tmp_path / name
    path.write_text(text)
    monkeypatch.setattr(speedrun, "read_images", None)
    monkeypatch.setattr("sys.argv", ["speedrun.py", "play", str(path)])
    with pytest.raises(UserError, match=words):
        speedrun.main()


def test_a_seed_that_is_named_twice_is_played_once(speedrun, tmp_path, monkeypatch):
    images = SimpleNamespace(pixels=torch.zeros(4, 1, 28, 28), labels=torch.zeros(4))
    monkeypatch.setattr(speedrun, "read_images", lambda data: images)
    monkeypatch.setattr(speedrun, "judge_for", lambda train, choose: None)
    played, path = [], tmp_path / "e.py"
    entry = speedrun.Entry(lambda pixels, labels, seed: iter(played.append(seed) or ()), 0)
    for _ in range(2):
        speedrun.play(path, entry, [3, 3, 1, 3], 1, False, 10_000)
    assert played == [3, 1]
    assert [row["seed"] for row in speedrun.read_log(path.with_suffix(".csv"))] == ["3", "1"]


def test_a_table_of_no_logs_is_refused(speedrun, tmp_path):
    with pytest.raises(UserError, match="There are no logs in .*/none: name a folder"):
        speedrun.table(tmp_path / "none")
