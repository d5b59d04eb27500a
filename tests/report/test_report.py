"""`ayneh report` from the command line: played once in small, read, killed and gone on with."""

import contextlib
import csv
import html
import io
import os
import re
import signal
import statistics
import subprocess
import sys

import pytest

import ayneh
from ayneh.__main__ import main
from ayneh.course import claims, plan
from ayneh.course.catalogue import Catalogue
from ayneh.course.facts import TIMES, _timed, gathered
from ayneh.studies.ledger import Ledger

SMALL = plan.Size(
    seeds=2, epochs=3, scored=200, read=100, probed=2,
    set={"data.limit": 128, "data.resize": 8, "batch": 32, "rules.ema_halflife_images": 0.0},
)  # fmt: skip
CHILD = (
    "from ayneh.course import plan; from ayneh.__main__ import main; import sys;"
    f"plan.SIZES['digits', '5'] = plan.{SMALL!r}; main(sys.argv[1:])"
)


def command(out, lang="en"):
    return ["report", "--lang", lang, "--out", str(out), "--workers", "1", "--quiet"]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """The folder of a small report in both languages, not to be changed, and what it printed."""
    out, told = tmp_path_factory.mktemp("report") / "r", io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(told):
        patch.setitem(plan.SIZES, ("digits", "5"), SMALL)
        main(command(out, "both"))
    return out, told.getvalue()


def times(folder):
    """When each file of the runs was written; the tables and pages are written anew."""
    names = ("metrics.jsonl", "outcome.json", "mirror.json", "probe.json", "times.json")
    return {path: path.stat().st_mtime_ns for name in names for path in folder.rglob(name)}


def sections(page):
    """{"R1": the section of that claim as HTML, ...}."""
    return {f"R{n}": text for n, text in re.findall(r'<section id="r(\d+)".*?>(.*?)</section>', page, re.DOTALL)}


def rows_of(folder):
    with (folder / "study" / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "fa"])
def test_the_page_has_each_claim_once_with_what_was_played_for_it(played, language):
    t, mark = Catalogue(language), {"en": "", "fa": ".fa"}[language]
    page = (played[0] / f"report{mark}.html").read_text()
    found = sections(page)
    assert list(found) == [f"R{n}" for n in range(1, 13)]
    assert len(re.findall(r'<section id="r\d+"', page)) == 12
    for name, text in found.items():
        key = name.lower()
        assert text.count(t(f"{key}.title")) >= 1
        assert "ayneh train digits" in text  # a command that plays it
        assert t("page.lesson") in text
        lesson = re.sub("`.*", "", t.laid_out(t(f"{key}.lesson")))
        assert lesson.replace("'", "&#x27;").replace(">", "&gt;") in text
        assert t.digits("3") in text  # epochs
    assert ('dir="rtl"' in page) == (language == "fa")
    assert "http" not in re.sub(r"http://www\.w3\.org\S*", "", page)  # nothing is fetched
    assert page.count("data:image/png;base64,") >= 4 * 3 + 3 + 4 + 1  # strips, grids, the mirror's
    words = (played[0] / f"report{mark}.md").read_text()
    assert re.findall(r"^### (R\d+)\. ", words, re.MULTILINE) == list(found)
    for link in re.findall(r"\]\(([^)]+\.png)\)", words):
        assert (played[0] / link).is_file(), link
    heads = re.findall(r"^(\|.*\|)\n\|(?:---\|)+\n(\|.*\|)\n", words, re.MULTILINE)
    assert len(heads) > 10
    assert all(head.count("|") == row.count("|") for head, row in heads)


@pytest.mark.slow
def test_the_numbers_of_the_page_are_those_of_the_study(played):
    t, page, rows = Catalogue("en"), (played[0] / "report.html").read_text(), rows_of(played[0])
    found = sections(page)
    for arm, claim in ((arm, "R3") for arm in plan.PART_A):
        have = [float(row["fd"]) for row in rows if row["arm"] == arm]
        assert len(have) == 2
        centre = t.shown(statistics.median(have))
        cells = f"{centre} ({t.shown(min(have))} to {t.shown(max(have))})"
        assert f'<code dir="ltr">{arm}</code></td><td>2</td>' in found[claim]
        assert cells in found[claim]
    for arm in plan.PART_B:
        have = [float(row["loss_d"]) for row in rows if row["arm"] == arm]
        assert t.shown(statistics.median(have)) in found["R9"]
    failed = sum(bool(row["failure"]) for row in rows if row["arm"] == plan.U01)
    assert f"U(0, 1) failed in {failed} of 2 runs" in found["R3"]
    lines = re.findall(r"epoch: (\d+)      last batch loss D: (\S+)      last batch loss G: (\S+)", found["R12"])
    assert [int(epoch) for epoch, _, _ in lines] == [0, 1, 2]
    text = "".join(
        path.read_text() for path in (played[0] / "study" / "runs" / "mirror-with-dropout").rglob("metrics.jsonl")
    )
    assert all(d in text and g in text for _, d, g in lines)
    assert "172,881 parameters" in found["R7"]
    assert "172,449 parameters" in found["R8"]


@pytest.mark.slow
def test_a_median_run_that_broke_down_early_has_no_losses(played, monkeypatch):
    monkeypatch.setattr(claims, "losses", lambda run, epoch: None)
    found = claims.claims(Catalogue("en"), gathered(Ledger.open(played[0] / "study"), SMALL, "", print))
    assert "D none and G none" in found[1].answer
    assert "D between none and none" in found[11].answer


@pytest.mark.slow
def test_the_same_command_repeats_nothing_and_a_killed_one_goes_on(played, tmp_path, monkeypatch, capsys, wait_until):
    monkeypatch.setitem(plan.SIZES, ("digits", "5"), SMALL)
    before = times(played[0])
    assert len(before) == 12 + 12 + 1 + 2 + 1
    main(command(played[0], "both"))
    assert capsys.readouterr().out == played[1]
    assert times(played[0]) == before
    made = ayneh.report(lang="both", out=played[0], workers=1, quiet=True)  # from Python
    assert times(played[0]) == before
    assert made.path == made.pages["en"].path == played[0] / "report.html"
    assert made.markdown["fa"] == played[0] / "report.fa.md"
    said = sections((played[0] / "report.html").read_text())
    assert list(made.answers) == list(said)
    plain_text = {name: re.sub("<[^>]*>", "", html.unescape(text)) for name, text in said.items()}
    assert all(answer.replace("`", "") in plain_text[name] for name, answer in made.answers.items())
    assert [(one.arm, one.reference) for one in made.verdicts] == [ask[:2] for ask in plan.ASKS]
    assert repr(made).startswith(f"Report(12 of 12 runs finished; {played[0] / 'report.html'}, ")
    out = tmp_path / "killed"
    child = subprocess.Popen([sys.executable, "-c", CHILD, *command(out)], start_new_session=True)
    wait_until(lambda: len(list(out.rglob("outcome.json"))) >= 2, child)
    os.killpg(child.pid, signal.SIGKILL)  # its workers, too
    child.wait()
    done = {path: path.stat().st_mtime_ns for path in out.rglob("outcome.json")}
    main(command(out))
    assert {path: path.stat().st_mtime_ns for path in done} == done
    whole, again = ([{k: v for k, v in row.items() if k != "wall_s"} for row in rows_of(f)] for f in (played[0], out))
    assert whole == again


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"step_s": -1}', '{"step_s": "a"}'])
def test_times_that_are_damaged_are_taken_anew(tmp_path, text, capsys):
    """After hours of runs: the page needs them last."""
    (tmp_path / TIMES).write_text(text)
    assert _timed(tmp_path, print) > 0
    assert "The steps are timed anew" in capsys.readouterr().err
    known = _timed(tmp_path, print)
    assert _timed(tmp_path, print) == known
