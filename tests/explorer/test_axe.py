"""axe-core on every page that ayneh writes or serves: no serious finding."""

import shutil
from pathlib import Path

import pytest

from ayneh.__main__ import main
from ayneh.loading.pretrained import FOLDER
from ayneh.studies.ledger import Ledger
from ayneh.studies.plan import from_dict
from ayneh.studies.report import PAGE, write_report
from ayneh.studies.stack import play

DOCS = Path(__file__).parents[2] / "docs"
RECORDS = Path(__file__).parents[1] / "doctor" / "records"
pytestmark = pytest.mark.slow  # a browser


def serious(page):
    """What axe finds that is more than minor: [(rule, first element), ...]."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(page).response["violations"]
    return [(one["id"], one["nodes"][0]["html"][:120]) for one in found if one["impact"] != "minor"]


def test_the_explorer(chromium, served, opened):
    for scheme in ("light", "dark"):
        page = chromium.new_page(color_scheme=scheme)
        page.set_default_timeout(60_000)
        for view in ("plane", "directions", "path", "drawing", "epochs", "training"):
            opened(page, served, view)
            assert serious(page) == [], (view, scheme)
        page.close()


def test_a_diagnosis(chromium, tmp_path):
    ill = shutil.copytree(RECORDS / "u01", tmp_path / "u01")  # with severe findings
    main(["diagnose", str(ill)])
    assert 'class="finding severe"' in (ill / "diagnosis.html").read_text()
    check(chromium, ill / "diagnosis.html")


def test_the_explorer_with_two_sides_and_classes_on_a_phone(chromium, serve, tiny_run, tmp_path, tiny, ready):
    main(["train", "digits", *tiny, "--epochs", "1", "--rules.labels", "projection", "--out", str(tmp_path / "run")])
    page = chromium.new_page(viewport={"width": 320, "height": 800})
    page.set_default_timeout(60_000)
    with serve(tiny_run, tmp_path / "run") as server:
        for view in ("plane", "drawing", "epochs"):
            page.goto("about:blank")
            page.goto(f"{server.url}/#{view}?run=tiny&run=run&rows=&rows=1")
            ready(page, view)
            assert serious(page) == [], view
            assert page.evaluate("document.documentElement.scrollWidth") <= 320, view
    page.close()


def test_a_report(chromium, tmp_path):
    settings = {
        "epochs": 1, "batch": 32, "data": {"resize": 8, "limit": 128}, "net": {"width": 4}, "prior": {"dim": 8},
    }  # fmt: skip
    values = {"name": "tiny", "question": "Is it so?", "base": "digits", "seeds": 2, "images": 200, "set": settings}
    study = from_dict(values | {"outcomes": ["fd"], "factors": {"optimizer": {"lr": [1e-3, 1e-4]}}}, "tiny")
    ledger = Ledger.create(tmp_path / "study", study)
    for group in study.groups():
        assert play(group, ledger.folder, study)
    write_report(ledger)
    assert "These runs cannot tell whether" in (tmp_path / "study" / PAGE).read_text()  # first, in plain words
    check(chromium, tmp_path / "study" / PAGE)


@pytest.mark.parametrize(("name", "scheme"), [("report.html", "light"), ("report.fa.html", "dark")])
def test_the_course_report(chromium, name, scheme):
    check(chromium, DOCS / name, [scheme])  # a long page, of one style sheet


def test_the_figures_of_the_persian_report_are_read_from_the_right(chromium):
    page = chromium.new_page()
    page.goto((DOCS / "report.fa.html").as_uri())
    ends = page.evaluate(
        """() => [...document.querySelectorAll(".charts text")].filter((t) => / D /.test(t.textContent)).map((t) =>
          [0, t.textContent.indexOf("D")].map((k) => t.getStartPositionOfChar(k).x))"""
    )
    assert len(ends) == 4
    assert all(first > latin for first, latin in ends)  # the first word stands on the right of the Latin letter
    page.close()


def test_a_model_card_as_a_hub_shows_it(chromium, own_run):
    """The card is Markdown; the page around it, with its language and title, is the hub's."""
    from markdown_it import MarkdownIt

    main(["export", str(own_run)])
    card = own_run / "export-onnx" / "README.md"
    _, _, body = card.read_text().split("---\n", 2)
    shown = MarkdownIt("commonmark").enable("table").render(body)
    file = card.with_name("card.html")
    file.write_text(f'<!DOCTYPE html><html lang="en"><title>A card</title><main>{shown}</main></html>')
    check(chromium, file, ["light"])


def test_a_card_in_the_window(chromium, serve, opened):
    page = chromium.new_page()
    with serve(FOLDER / "fast") as server:
        opened(page, server, "plane")
        page.click("details summary")
        assert page.inner_text("details pre")
        assert serious(page) == []
    page.close()


def check(chromium, file, schemes=("light", "dark")):
    """On a phone, where wide tables scroll."""
    for scheme in schemes:
        page = chromium.new_page(color_scheme=scheme)
        page.goto(file.as_uri())
        page.evaluate("() => document.querySelectorAll('details').forEach((e) => (e.open = true))")
        page.set_viewport_size({"width": 390, "height": 800})
        assert serious(page) == [], scheme
        if "<style>" in page.content():  # of its own
            for width in (320, 390, 1280):
                page.set_viewport_size({"width": width, "height": 800})
                assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("[...document.querySelectorAll('svg[role=img]:not([aria-label])')].length") == 0
        page.close()
