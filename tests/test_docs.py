"""The docs name only what exists: links, anchors, files, verbs and presets; a claim of the report is always a link."""

import importlib
import re
from pathlib import Path

import pytest

from ayneh.__main__ import VERBS
from ayneh.game.losses import LOSSES
from ayneh.game.penalties import PENALTIES
from ayneh.presets import PRESETS
from ayneh.rules import Rules

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md")])
REPORT = ROOT / "docs" / "report.md"
LINK = re.compile(r"!?\[([^\]]*)\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)
FILE = re.compile(r"(?<![\w/.-])((?:[\w-]+/)+[\w-]+\.(?:py|md|toml|json|png|j2))(?![\w/])")
NAME = re.compile(r"`(?:ayneh\.)?(\w+)\.(\w+)\.(\w+)[\w.]*(?:\([^`]*\))?`")
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
ROOMS = {folder.name for folder in (ROOT / "src" / "ayneh").iterdir() if folder.is_dir()}


def text(page: Path) -> str:
    """A page without its blocks of code."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """What may follow #: the ids written into the page, and GitHub's name of each heading."""
    headings = re.findall(r"^#+ (.+)$", text(page), re.M)
    slugs = [re.sub(r"[^\w\- ]", "", LINK.sub(r"\1", heading).lower()).replace(" ", "-") for heading in headings]
    return {*re.findall(r'<a id="([^"]+)">', text(page)), *slugs}


@every_page
def test_every_relative_link_leads_somewhere(page):
    for _, target in LINK.findall(text(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        goal = (page.parent / path).resolve() if path else page
        assert goal.exists(), f"{page.name} links {target}"
        assert not anchor or anchor in anchors(goal), f"{page.name} links {target}; {goal.name} has {anchors(goal)}"


@every_page
def test_every_file_of_the_project_that_is_named_exists(page):
    for name in FILE.findall(page.read_text(encoding="utf-8")):
        room = name.split("/")[0]
        if room in ROOMS:
            assert any((base / name).exists() for base in (ROOT / "src" / "ayneh", page.parent)), f"{page.name}: {name}"
        elif room in ("bench", "docs", "src", "tests"):
            assert (ROOT / name).exists(), f"{page.name}: {name}"


@every_page
def test_every_name_of_the_code_exists(page):
    content = page.read_text(encoding="utf-8")
    names = [(f"ayneh.{room}.{module}", name) for room, module, name in NAME.findall(content) if room in ROOMS]
    for module, imported in re.findall(r"^from (ayneh[\w.]+) import (.+)$", content, re.M):
        names += [(module, name) for name in imported.split(", ")]
    for module, name in names:
        assert hasattr(importlib.import_module(module), name), f"{page.name}: {module}.{name}"


@every_page
def test_every_verb_and_preset_that_is_named_exists(page):
    code = re.findall(r"^```.*?^```|`[^`]+`", page.read_text(encoding="utf-8"), re.M | re.S)
    for verb, word in re.findall(r"\bayneh ([a-z]+)(?: ([a-z0-9][\w-]*))?", "\n".join(code)):
        assert verb in VERBS, f"{page.name}: ayneh {verb}"
        assert verb != "train" or not word or word in PRESETS, f"{page.name}: ayneh train {word}"


@every_page
def test_a_claim_of_the_report_is_a_link_so_that_it_is_not_taken_for_a_penalty(page):
    for name, target in LINK.findall(text(page)):
        path, _, anchor = target.partition("#")
        if re.fullmatch(r"R\d+", name):
            goal = (page.parent / path).resolve() if path else page
            assert (goal, anchor) == (REPORT, name.lower()), f"{page.name}: [{name}]({target})"
    words = re.sub(r"`[^`]*`", "", LINK.sub("", text(page)))
    bare = re.findall(r"\bR(?:1[0-2]|[3-9])\b", words)  # R1 and R2 alone are the penalties
    assert page == REPORT or not bare, f"{page.name}: write [{bare[0]}](docs/report.md#{bare[0].lower()})"


def test_the_report_has_its_twelve_claims():
    assert {f"r{n}" for n in range(1, 13)} <= anchors(REPORT)


def test_the_plan_of_the_rooms_names_each_file_once():
    package = ROOT / "src" / "ayneh"
    plan = FENCE.findall((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))[0]
    named, room = [], ""
    for line in plan.splitlines():
        if begins := re.match(r"^ {0,2}(\w+)/ ", line):
            room = f"{begins.group(1)}/"
        if room not in ("tests/", "bench/", "docs/"):
            # step.py may follow the room's name or a word about another file
            named += [f"{room}{name}" for name in re.findall(r"(?<![\w/])(\w+\.py)", line)]
    there = [str(path.relative_to(package)) for path in package.rglob("*.py") if path.name != "__init__.py"]
    assert sorted(named) == sorted(there)


# -- Persian pages: README.fa.md (the start, the report and the findings), and the lab --------------------------------

PERSIAN = ROOT / "README.fa.md"
PERSIANS = [PERSIAN, *sorted(ROOT.glob("docs/**/*.fa.md"))]
every_persian_page = pytest.mark.parametrize("page", PERSIANS, ids=lambda page: str(page.relative_to(ROOT)))
DIGITS = str.maketrans("۰۱۲۳۴۵۶۷۸۹٫٬،", "0123456789.,,")
UNITS = {"دانه": "seeds?", "دوره": "epochs?", "اجرا": "runs?", "عدد": "numbers", "ثانیه": "s"}


def one_line(page):
    return " ".join(page.read_text(encoding="utf-8").split())


def english_of(page):
    return page.with_name(page.name.replace(".fa.md", ".md"))


def english_words(page):
    """The English pages that a Persian one is written from, as one line."""
    linked = {target for _, target in LINK.findall(text(PERSIAN)) if target.startswith("docs/findings/")}
    more = [REPORT, *(ROOT / name for name in linked)] if page == PERSIAN else []
    return " ".join(one_line(one) for one in (english_of(page), *more))


def persian_prose(page):
    """A Persian page by paragraphs and cells: code as a Latin letter, what has a direction as a Persian one."""
    words = re.sub(r"`[^`]*`", "x", re.sub(r"!\[[^\]]*\]\S*", "", text(page)))
    words = re.sub(r'<(\w+) dir="ltr">.*?</\1>', "م", words)
    words = re.sub(r"(?<=\])\([^)]*\)|<[^>]*>", "", words)
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n|\n- |\|", words)]


@every_persian_page
def test_a_persian_page_and_the_english_one_link_each_other(page):
    for one, other in ((page, english_of(page)), (english_of(page), page)):
        assert other.name in [target for _, target in LINK.findall(text(one))]


def test_the_persian_page_of_the_lab_is_linked_and_has_the_commands_of_the_english_one():
    page = ROOT / "docs" / "lab" / "README.fa.md"
    assert "docs/lab/README.fa.md" in [target for _, target in LINK.findall(text(PERSIAN))]
    lines = [line for block in FENCE.findall(page.read_text(encoding="utf-8")) for line in block.splitlines()[1:-1]]
    assert len(lines) == 6
    for line in lines:
        assert line in english_of(page).read_text(encoding="utf-8")


def test_the_commands_of_the_persian_page_are_those_of_the_english_ones():
    def blocks(page):
        return [
            [re.sub(r"\s+# .*", "", line) for line in block.splitlines()[1:-1]]
            for block in FENCE.findall(page.read_text(encoding="utf-8"))
        ]

    english = blocks(ROOT / "README.md") + blocks(REPORT)
    assert len(blocks(PERSIAN)) >= 4
    for block in blocks(PERSIAN):
        assert any(block == [line for line in one if line in block] for one in english), block


@every_persian_page
def test_the_figures_of_a_persian_page_are_those_of_the_english_ones(page):
    english, prose = english_words(page), " ".join(persian_prose(page)).translate(DIGITS)
    for figure in re.findall(r"(?<![\w.,])\d+(?:[.,]\d+)*", prose):
        assert re.search(rf"(?<![\d.,]){re.escape(figure)}(?![\d]|[.,]\d)", english), figure
    for n, unit in re.findall(rf"([\d.,]*\d) ({'|'.join(UNITS)})\b(?! از \d)", prose):
        assert re.search(rf"(?<![\d.]){re.escape(n)}[ -](?:\w+ )?{UNITS[unit]}\b", english), (n, unit)


def test_the_intervals_shares_and_times_of_the_persian_page_are_those_of_the_english_ones():
    english, prose = english_words(PERSIAN), " ".join(persian_prose(PERSIAN)).translate(DIGITS)
    intervals = re.findall(r"([\d.]+) \(([\d.]+) تا ([\d.]+), (\d+) دانه\)", prose)
    of = re.findall(r"(\d+) (\w+) از (\d+) \2", prose)
    times = re.findall(r"(\d+) دقیقه و (\d+) ثانیه", prose)
    assert min(map(len, (intervals, of, times))) >= 1
    for value, low, high, n in intervals:
        assert f"{value} ({low} to {high}, {n} seeds)" in english
    for a, _, b in of:
        assert f"{a} of {b}" in english
    for minutes, seconds in times:
        assert f"{minutes} min {seconds} s" in english


@every_persian_page
def test_a_persian_page_runs_to_the_left_with_persian_digits_and_its_code_to_the_right(page):
    before, *pieces = page.read_text(encoding="utf-8").split('<div dir="rtl">\n')
    assert not before
    for piece in pieces:
        inside, outside = piece.split("</div>\n")
        assert "```" not in inside
        assert not FENCE.sub("", outside).strip()
    for part in persian_prose(page):
        assert not re.search("[0-9]", re.sub(r"\b[UN]\(0, 1\)|\bR\d+\b", "", part)), part
        # Latin words with a sign between them and a number or a Latin word would be laid out in the wrong order
        names = re.sub(r"\b[UN]\(0, 1\)|[A-Za-z][\w./-]*\w", "X", part)
        assert not (found := re.search(r"[A-Za-z][\])* ]*[،:؛.(][\[(* ]*[A-Za-z۰-۹]", names)), (found, part)
    for code in re.findall("`([^`\n]*)`", text(page)):
        assert re.fullmatch(r"\w.*\w", code), f'{code} begins or ends with a sign: write it as <code dir="ltr">'


def test_the_page_of_losses_has_each_loss_and_penalty_with_its_default_of_gamma():
    page = (ROOT / "docs" / "losses.md").read_text(encoding="utf-8")
    losses, penalties = page.split("## Penalties")
    assert re.findall(r"^\| `(\w.+?)` \|", losses, re.M) == list(LOSSES)
    rows = re.findall(r"^\| `(\w.+?)` \|.*\| (\d*) ?\|[^|]*\|$", penalties, re.M)
    assert rows == [("none", ""), *((name, f"{Rules(penalty=name).weight:.0f}") for name in PENALTIES)]
