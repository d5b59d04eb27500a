"""The report says what the runs say: all of it, nothing else, on one page that needs nothing."""

import csv
import json
import math
import re
import shutil
import sys
import tomllib
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest

from ayneh.api.results import open_study
from ayneh.errors import UserError
from ayneh.studies import settings, strips
from ayneh.studies.comparisons import paired, pairs_needed, values
from ayneh.studies.contrast import contrast
from ayneh.studies.intervals import Interval
from ayneh.studies.ledger import Ledger
from ayneh.studies.plan import from_dict, read
from ayneh.studies.report import write_report
from ayneh.studies.results import Result, results
from ayneh.studies.sentences import plain_words
from ayneh.studies.stack import play

ODD = "<b>&$x$"  # an arm may be called anything


@pytest.fixture(scope="session")
def values_of():
    """What a file of three arms, one with an odd name, and a prior to swap holds."""
    return {
        "name": "tiny",
        "question": "Does <i>it</i> matter?",
        "base": "digits",
        "seeds": 3,
        "images": 200,
        "outcomes": ["fd", "modes", "loss_d"],
        "set": {
            "epochs": 3,
            "batch": 32,
            "data": {"resize": 8, "limit": 128},
            "net": {"width": 4},
            "prior": {"dim": 8},
            "rules": {"ema_halflife_images": 0.0},
        },
        "arms": {"plain": {}, ODD: {"optimizer": {"lr": 1e-4}}, "slow": {"optimizer": {"lr": 1e-5}, "seeds": 2}},
        "swaps": {"uniform": {"prior": {"name": "uniform"}}},
        "asks": [
            {"arm": ODD, "reference": "plain", "question": "ten times slower"},
            {"arm": "slow", "reference": "plain", "question": "a hundred times"},
        ],
    }


@pytest.fixture(scope="session")
def played(tmp_path_factory, values_of):
    """A study's folder, played once."""
    study = from_dict(values_of, "tiny")
    ledger = Ledger.create(tmp_path_factory.mktemp("study") / "tiny", study)
    for group in study.groups():
        assert play(group, ledger.folder, study)
    return ledger


@pytest.fixture
def ledger(played, tmp_path):
    """A copy that a test may spoil."""
    shutil.copytree(played.folder, tmp_path / "tiny")
    return Ledger.open(tmp_path / "tiny")


@pytest.fixture(scope="session")
def told(played, tmp_path_factory):
    """(printed lines, page) of the whole study."""
    folder = tmp_path_factory.mktemp("told") / "tiny"
    shutil.copytree(played.folder, folder)
    said = write_report(Ledger.open(folder)).lines
    return said, (folder / "report.html").read_text(), folder


class Page(HTMLParser):
    """The tags of a page with their attributes, its balance, and its text."""

    VOID = ("meta", "img", "br", "path", "use")

    def __init__(self, html):
        super().__init__()
        self.tags, self.open, self.words = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def text(html):
    return re.sub(r"\s+", " ", " ".join(Page(html).words))


def test_the_page_asks_nothing_of_a_network_and_all_its_tags_are_closed(told):
    page = Page(told[1])
    assert page.open == []
    for tag, attrs in page.tags:
        assert tag not in ("script", "link", "iframe", "object", "embed", "base")
        for name in ("src", "href", "srcset", "xlink:href", "action", "poster"):
            assert re.match(r"data:image/png;base64,|#|$", attrs.get(name) or ""), (tag, attrs)
    assert "@import" not in told[1]
    assert not re.search(r"url\((?!#)", told[1])
    assert "http" not in told[1]


def test_every_address_within_the_page_has_a_place_and_no_name_stands_twice(told):
    page = Page(told[1])
    names = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(names) == len(set(names))
    asked = [attrs["href"][1:] for _, attrs in page.tags if (attrs.get("href") or "").startswith("#")]
    asked += re.findall(r"url\(#([^)]+)\)", told[1])
    assert set(asked) <= set(names)


def test_every_verdict_that_is_printed_is_on_the_page(told):
    said, page, _ = told
    verdicts = [line.strip()[2:] for line in said if line.startswith("  ")]
    assert len(verdicts) == 2
    shown = text(page)
    for words in verdicts:
        assert words in shown
    assert [line for line in said if line.endswith(":")] == ["ten times slower:", "a hundred times:"]
    assert sum(line.startswith(("modes: ", "loss_d: ")) for line in said) == 2


def contrast_of(verdict, value, low, high, scale="ratio"):
    """A decided comparison of "a" with "b", as far as its plain sentence needs it."""
    found = contrast("a", {0: 1.0, 1: 2.0}, "b", {0: 1.5, 1: 2.5}, outcome="fd", better="lower", scale=scale)
    return replace(found, verdict=verdict, effect=Interval(value, low, high))


def test_the_answer_is_a_plain_sentence_with_effect_and_interval():
    words = plain_words(contrast_of("worse", 2.31, 1.9, 2.8), "Fréchet distance")
    assert words == (
        "A is worse than b: a has 2.31 times the Fréchet distance of b (95 % interval 1.9 to 2.8, 2 against 2 runs)."
    )
    words = plain_words(contrast_of("lower", -0.2, None, None, "difference"), "loss of D")
    assert words == "A has a lower loss of D than b: the loss of D of a is 0.2 less than that of b (2 against 2 runs)."
    assert "no finite ratio" in plain_words(contrast_of("worse", math.inf, None, None), "Fréchet distance")


def test_the_answer_is_read_first_and_the_statistics_are_folded_away(told):
    page = re.sub(r"<style.*?</style>", "", told[1], flags=re.DOTALL)
    assert page.index('class="answer"') < page.index("<nav")
    sentence, rest = re.search(r'class="answer">(.*?)</p>', page, re.DOTALL)[1].split(" This is the clearest of ")
    assert sentence.startswith("These runs cannot tell whether")
    assert " runs)." in sentence
    assert rest == "2 comparisons of the last images&#39; Fréchet distance: 2 cannot tell."
    folded = "".join(re.findall(r"<details>.*?</details>", page, re.DOTALL))
    assert "Holm" in folded
    assert "Mann-Whitney" not in page[: page.index("<details>")]
    assert re.search(r'class="effect">[\d.,]+ × ?\(?', page)
    assert all('aria-label="' in svg for svg in re.findall(r"<svg[^>]*role=\"img\"[^>]*>", page))


def test_names_are_words_not_markup(told):
    assert ODD in text(told[1])
    assert "Does <i>it</i> matter?" in text(told[1])
    assert "<b>&" not in told[1]
    assert "<i>it" not in told[1]


def test_the_table_holds_what_the_runs_left(told):
    folder = told[2]
    table = list(csv.DictReader((folder / "results.csv").read_text().splitlines()))
    assert len(table) == 8
    for row in table:
        run = next(r for r in Ledger.open(folder).runs if (r.arm, str(r.seed)) == (row["arm"], row["seed"]))
        lines = [json.loads(line) for line in (folder / run.place / "metrics.jsonl").read_text().splitlines()]
        outcome = json.loads((folder / run.place / "outcome.json").read_text())
        assert float(row["fd"]) == lines[-1]["scores"]["fd"][0]["value"]
        assert float(row["loss_d"]) == lines[-1]["mean_loss_d"][0]
        assert float(row["fd_swap_uniform"]) == outcome["swaps"]["uniform"]["fd"]["value"]


@pytest.mark.slow
def test_the_same_runs_make_the_same_page(told, ledger):
    write_report(ledger)
    other = (ledger.folder / "report.html").read_text().replace(str(ledger.folder), str(told[2]))
    assert other == told[1]


def test_an_unfinished_study_says_what_is_missing_and_tells_the_rest(ledger):
    for seed in (0, 1):
        (ledger.folder / f"runs/slow/seed-{seed:03d}/outcome.json").unlink()
    (ledger.folder / "runs/plain/seed-002/outcome.json").unlink()
    said = write_report(ledger).lines
    assert said[0].startswith("Not complete: 5 of 8 runs are finished.")
    assert any(line.startswith("  ") and ODD in line for line in said)
    assert "Comparisons that wait for their runs: 1." in said
    shown = text((ledger.folder / "report.html").read_text())
    assert "5 of 8 runs are finished" in shown
    assert "slow: 0 of 2 finished" in shown
    assert "plain: 2 of 3 finished" in shown
    assert "slow against plain" in shown


def test_a_study_without_a_finished_run_is_told_what_to_do(ledger):
    for path in ledger.folder.rglob("outcome.json"):
        path.unlink()
    with pytest.raises(UserError, match="No run of .* is finished yet"):
        write_report(ledger)


def diverge(ledger, place):
    path = ledger.folder / place / "outcome.json"
    fallen = {"step": 5, "epoch": 1, "words": "loss_d was not finite"}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"diverged": fallen, "swaps": {}}))


def test_a_run_that_diverged_is_counted_and_has_the_worst_rank(ledger):
    diverge(ledger, "runs/b-x/seed-001")
    found = [r for r in results(ledger) if r.run.arm == ODD]
    assert values(found, "fd")[1] == math.inf
    assert values(found, "modes")[1] == -math.inf
    assert set(values(found, "loss_d")) == {0, 2}  # neither high nor low is worst
    assert strips.median_run(found, "fd").run.seed != 1
    write_report(ledger)
    shown = text((ledger.folder / "report.html").read_text())
    assert re.search(re.escape(ODD) + r" 3 1 \(seed 1\)", shown)


@pytest.mark.slow
def test_an_arm_of_which_every_run_diverged_is_told_too(ledger):
    for seed in range(3):
        diverge(ledger, f"runs/b-x/seed-{seed:03d}")
    said = write_report(ledger).lines
    assert any(ODD in line for line in said)
    assert "broke down" in text((ledger.folder / "report.html").read_text())


@pytest.mark.slow
def test_a_study_of_which_every_run_diverged_gives_its_test_of_failures(ledger):
    """It ended without a word on the result, in the terminal, on the page and in Python."""
    for run in ledger.runs:
        diverge(ledger, run.place)
    said = write_report(ledger).lines
    assert said[0].startswith("All 8 finished runs diverged (their numbers stopped being finite)")
    (verdict,) = (line for line in said if line.startswith(f"  ? {ODD} against plain on fd: cannot tell"))
    assert "median infinite against infinite; " in verdict
    assert "failures 3 of 3 against 3 of 3 (Fisher's exact test, Holm-adjusted p = 1)" in verdict
    assert not any("loss_d" in line or "wait for their runs" in line for line in said)  # neither high nor low is worst
    shown = text((ledger.folder / "report.html").read_text())
    assert "All 8 finished runs diverged" in shown
    assert "1 times the" not in shown
    found = open_study(ledger.folder)
    assert [one.verdict for one in found.verdicts] == ["cannot tell", "cannot tell"]
    assert [math.isnan(one.ratio) for one in found.verdicts] == [True, True]
    assert found.verdicts_on("loss_d") == []


def test_without_the_extra_the_tables_are_there_and_the_command_is_told(ledger, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(UserError, match=r"pip install 'ayneh\[study\]'"):
        write_report(ledger)
    assert (ledger.folder / "results.csv").is_file()
    assert not (ledger.folder / "report.html").exists()


def test_the_study_file_on_the_page_is_the_study(told, values_of):
    blocks = re.findall(r"<pre[^>]*>(.*?)</pre>", told[1], flags=re.DOTALL)
    again = from_dict(tomllib.loads(unescape(blocks[1])), "the page")
    assert again == from_dict(values_of, "tiny")


@pytest.mark.parametrize("name", ["prior", "dropout"])
def test_built_in_studies_survive_being_written_out(name):
    study = read(name)
    assert from_dict(tomllib.loads(settings.as_toml(study)), name) == study
    assert settings.command(study, "here") == f"ayneh study run {name} --out here"
    assert settings.command(replace(study, images=200), "here") == f"ayneh study run {name}.toml --out here"


def test_a_report_names_the_last_folder_of_the_data_and_none_above_it(tiny_values):
    values = tiny_values | {"set": {**tiny_values["set"], "data": {"name": "folder:/home/me/private/cats"}}}
    study = from_dict(values, "tiny")
    assert settings.base_settings(study)["data.name"] == "folder:cats"
    assert "folder:cats" in settings.as_toml(study)
    assert "private" not in settings.as_toml(study)


def test_the_pictured_run_is_the_one_in_the_middle(played):
    found = [r for r in results(played) if r.run.arm == "plain"]
    chosen: Result = strips.median_run(found, "fd")
    assert chosen.value("fd") == sorted(r.value("fd") for r in found)[1]


def test_pairs_are_tested_only_where_they_could_tell():
    assert [pairs_needed(m) for m in (1, 2, 41)] == [6, 7, 11]  # 2/2^6 = 0.031 < 0.05; 2/2^7 < 0.025; 2/2^11 < 0.05/41
    assert not paired(5, 1)
    assert paired(11, 41)
    assert not paired(10, 41)
