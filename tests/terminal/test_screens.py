"""What every verb prints, from 20 to 80 columns, in ASCII, cp1252 and UTF-8: each number whole, and no traceback."""

import io
import json
import re
import shutil
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from ayneh.__main__ import VERBS, main
from ayneh.record.record import Record
from ayneh.terminal.screen import Rows, console, say, show
from ayneh.terminal.text import plain, prepare

HERE = Path(__file__).parents[1]
NUMBER = re.compile(r"\d[\d,.]*(?:e[-+]?\d+)?\d*")
COLOUR = re.compile(r"\x1b\[[\d;?]*[a-zA-Z]")
SCREENS = [(width, encoding) for width in (20, 30, 40, 80) for encoding in ("ascii", "cp1252", "utf-8")]


class Terminal(io.TextIOWrapper):
    """A stream that takes itself for a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def printed(monkeypatch):
    """``printed(work, width, encoding)`` -> what ``work()`` writes to stdout and stderr on such a screen."""

    def call(work, width, encoding="utf-8", terminal=False):
        out = io.BytesIO()
        stream = (Terminal if terminal else io.TextIOWrapper)(out, encoding=encoding, write_through=True)
        with monkeypatch.context() as patch:
            patch.setenv("COLUMNS", str(width))
            patch.setenv("TERM", "xterm")
            patch.setattr(sys, "stdout", stream)
            patch.setattr(sys, "stderr", stream)
            work()
        return COLOUR.sub("", out.getvalue().decode(encoding))

    return call


def verb(*args):
    def work():
        try:
            main([str(arg) for arg in args])
        except SystemExit as error:
            if error.code:
                raise

    return work


def direct(show, *args):
    """What a verb prints, without its work."""

    def work():
        prepare()
        show(*args)

    return work


@pytest.fixture(scope="module")
def four(tiny_run, tmp_path_factory):
    """A run of four replicas, with large and small numbers."""
    run = shutil.copytree(tiny_run, tmp_path_factory.mktemp("screens") / "four")
    head = json.loads((run / "config.json").read_text())
    head["config"]["seeds"] = 4
    (run / "config.json").write_text(json.dumps(head))
    line = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    values = [1.23456e-7, 12345.678, 0.4321, 1e9 / 7]
    line |= {name: values for name, found in line.items() if isinstance(found, list)}
    (run / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    return run


@pytest.fixture
def works(four, tmp_path, monkeypatch):
    """Every verb that prints numbers: name -> work."""
    from ayneh import doctor
    from ayneh.doctor import page
    from ayneh.jobs import mirror

    ill = shutil.copytree(HERE / "doctor" / "records" / "u01", tmp_path / "u01")
    diagnosis = doctor.diagnose(Record.open(ill))
    monkeypatch.setattr(doctor, "diagnose", lambda *more: diagnosis)
    monkeypatch.setattr(page, "write", lambda record, *more: ("", record.report_path("diagnosis", suffix=".html")))
    scores = {
        name: {"protocol": f"{name}_10k_mnist_test", "value": value, "low": value - 1, "high": value + 1, "n": 10_000}
        for name, value in (("r2_of_z", 0.123456), ("accuracy", 1234.56789))
    }
    report = {"scores": scores, "words": ["D reads 12.34 % of z, at least 0.1234."]}
    plan = SimpleNamespace(
        parts=[
            SimpleNamespace(
                name=f"net.width {width}, net.name mlp", runs=[0] * 40, minutes=1234.5,
                cost=SimpleNamespace(stack=16, step_s=0.12345, images=6_000_000),
            )
            for width in (64, 128)
        ],
        runs=80, images=480_000_000, minutes=2469.0, workers=2, device="cpu",
    )  # fmt: skip
    from ayneh.jobs import study

    asked = SimpleNamespace(name="widths", cells=lambda: {"a": 1, "b": 2})
    return {
        "show": verb("show", four),
        "presets": verb("presets"),
        "diagnose": verb("diagnose", ill),
        "study status": verb("study", "status", HERE / "old" / "study"),
        "study plan": direct(study._plan, asked, plan),
        "mirror": direct(mirror._show, report, Path("runs/a/mirror.png")),
        "evaluate": direct(evaluated),
        "judge": judged(monkeypatch),
    }


def evaluated():
    """The tables of four runs."""
    from ayneh.jobs import evaluate
    from ayneh.judge.report import Report
    from ayneh.judge.scores import Score, protocol

    def score(name, value):
        measured = protocol(name, 10_000, "mnist", "test", "cnn-1")
        return Score(value, 10_000, (value * 0.9, value * 1.1), protocol=measured, floor=value / 2)

    def report(k):
        named = {name: score(name, k + value) for name, value in (("fd", 1234.5678), ("kd", 0.01234), ("recall", 0.9))}
        return Report("mnist", 10_000, ("cnn-1",), named)

    evaluate._show({f"runs/a-name-that-is-long-{k}": report(k) for k in range(4)}, by_class=False)


def judged(monkeypatch):
    from ayneh.jobs import judge

    trained = SimpleNamespace(accuracy={"cnn-1": 0.98765, "cnn-2": None}, folder=Path("cache/judges/0123"))
    monkeypatch.setattr(judge, "train_judge", lambda *more, **named: trained)
    return verb("judge", "train", "--data", "mnist")


NAMES = ["show", "presets", "diagnose", "study status", "study plan", "mirror", "evaluate", "judge"]


@pytest.mark.parametrize("name", NAMES)
def test_every_number_is_whole_at_every_width_and_in_every_encoding(works, printed, name):
    wide = printed(works[name], 400)
    wanted = Counter(NUMBER.findall(wide))
    assert wanted
    for width, encoding in SCREENS:
        for terminal in (False, True):
            said = printed(works[name], width, encoding, terminal)
            missing = wanted - Counter(NUMBER.findall(said))
            assert not missing, (width, encoding, terminal, missing, said)


@pytest.mark.parametrize("name", NAMES)
def test_no_line_is_longer_than_the_screen_but_for_words_that_are(works, printed, name):
    """Paths and commands stay whole, so that they can be copied."""
    said = printed(works[name], 40, terminal=True)
    for line in said.splitlines():
        words = max(map(len, line.split()), default=0)
        assert len(line) <= 40 or words > 30 or re.search(r"ayneh|runs/|/|judge of", line), (line, said)


@pytest.mark.parametrize("words", [[], ["train"], *([name] for name in VERBS if name != "presets")], ids=str)
@pytest.mark.parametrize(("width", "encoding"), [(20, "ascii"), (40, "cp1252")])
def test_help_is_printed_on_every_screen(printed, words, width, encoding):
    said = printed(verb(*words, "--help"), width, encoding)
    assert "ayneh" in said
    if words == ["train"]:
        assert "part-a-uniform01" in said
        assert "--batch 64" in said


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_an_error_with_letters_that_the_screen_lacks_is_a_sentence(printed, encoding):
    def work():
        with pytest.raises(SystemExit) as caught:
            main(["show", "runs/آینه ≥ é"])
        assert caught.value.code == 2

    said = printed(work, 80, encoding)
    assert said.startswith("ayneh: There is no run in runs/")
    assert "Traceback" not in said


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 120])
@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_the_bar_of_a_training_cuts_no_number(printed, width, encoding):
    """What has no room is left out whole."""

    def work():
        from ayneh.terminal.progress import Terminal as Screen

        prepare()
        with Screen().bar(46_800, 100) as move:
            move(40_000, epoch=85, images_per_s=12_345.6, loss_d=1.386, loss_g=0.693, best="best fd 12.34")

    said = printed(work, width, encoding, terminal=True)
    assert "D 1.386  G 0.693" in said
    assert "…" not in said
    allowed = {"40000", "46800", "100", "12,346", "85", "1.386", "0.693", "12.34", "0.000", "0", "00"}
    assert set(NUMBER.findall(said)) <= allowed
    assert ("images/s" in said) == (width >= 80)


# -- the parts -----------------------------------------------------------------------------------------------------


def test_letters_that_an_encoding_lacks_are_other_signs_or_numbers(printed):
    def work():
        prepare()
        say("0.5 ≥ 0.1 ± 0.2 × 3 — “so” آ")

    assert printed(work, 80, "ascii") == '0.5 >= 0.1 +/- 0.2 x 3 - "so" \\u0622\n'
    assert printed(work, 80, "cp1252") == "0.5 >= 0.1 ± 0.2 × 3 — “so” \\u0622\n"
    assert printed(work, 80, "utf-8") == "0.5 ≥ 0.1 ± 0.2 × 3 — “so” آ\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mred\x1b]0;title\x07", r"a\x1b[31mred\x1b]0;title\x07"),
        ("a\nb\rc\td\x7f\x9b", r"a\nb\rc\td\x7f\x9b"),
        ("evil\u202egnp.exe\u2066\u200f\u2028", r"evil\u202egnp.exe\u2066\u200f\u2028"),
        ("می‌خواهم آینه", "می‌خواهم آینه"),  # with the joiner that Persian needs
        ("\udcd8\udca2\udcff", "آ\\xff"),  # a name as a locale without letters reads it
        ("\ud800 \U000e0041", r"\ud800 \U000e0041"),
        ("[bold]x[/bold] :smile:", "[bold]x[/bold] :smile:"),
    ],
)
def test_what_would_control_a_terminal_is_shown(printed, text, shown):
    assert plain(text) == shown
    assert printed(lambda: say(text), 80) == shown + "\n"
    table = printed(lambda: show(Rows(("a", "b"), [(text, "1")], title=text)), 80)
    assert table.count(shown) == 2
    assert "\x1b" not in table
    assert "\u202e" not in table


def test_a_table_that_fits_is_a_table_and_one_that_does_not_is_blocks(printed):
    rows = Rows(("seed", "loss D", "words"), [("0", "1.2345e-05", "it is long and wraps"), ("1", "", "short")], "means",
                frozenset(["words"]))  # fmt: skip
    assert "│ 0    │ 1.2345e-05 │ it is long and" in printed(lambda: show(rows), 40)
    assert printed(lambda: show(rows), 20, terminal=True).splitlines() == [
        "means", "seed 0", "  loss D: 1.2345e-05", "  words: it is long", "    and wraps", "seed 1", "  words: short",
    ]  # fmt: skip


def test_in_a_terminal_a_command_stays_on_one_line_and_a_sentence_is_wrapped(printed):
    words = "one two three four five six seven eight"
    assert printed(lambda: say(words), 20, terminal=True).splitlines() == ["one two three four", "five six seven eight"]
    assert printed(lambda: say(words, whole=True), 20, terminal=True) == words + "\n"
    assert printed(lambda: say(words), 20) == words + "\n"
    assert console().width
