"""Hostile and damaged runs in a real browser: names and values are text, and one bad run leaves the others open."""

import json
import shutil

import pytest

from ayneh.jobs.explore import explore

pytestmark = pytest.mark.slow  # many trainings, or a browser

NAME = '<img src=x onerror="window.hit=1"> آینه \'"\u202e & `${1}`'
SCRIPT = "</script><script>window.hit = 1</script>\u202e\x1b[31m"


@pytest.fixture
def hostile(tiny_run, tmp_path):
    """A run whose name and files hold tags, quotes, control characters and Persian."""
    run = shutil.copytree(tiny_run, tmp_path / "home of me" / NAME)
    head = json.loads((run / "config.json").read_text())
    head["config"]["data"]["name"] = f"npz:/home/me/secret/{SCRIPT}"
    (run / "config.json").write_text(json.dumps(head))
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    protocol = f"fd_{SCRIPT}"
    lines[-1]["scores"] = {"fd": [{"value": 1.0, "n": 10, "protocol": protocol}] * 2}
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    event = {"step": 5, "epoch": 1, "replica": 0, "name": SCRIPT, "title": SCRIPT, "severity": "severe"}
    event |= {"appeared": True, "evidence": SCRIPT, "since_step": 5}
    event |= {"advice": {"words": SCRIPT, "changes": {}, "argv": ["ayneh", SCRIPT, "folder:/home/me/secret"]}}
    (run / "findings.jsonl").write_text(json.dumps(event) + "\n")
    return run


def untouched(page):
    assert page.evaluate("window.hit") is None
    assert page.locator("img[src=x]").count() == 0
    assert "secret" not in page.content()
    assert "\u202e" not in page.content()
    assert "\x1b" not in page.content()
    assert "home of me" not in page.content()


def test_a_hostile_run_is_text_in_the_window(page, serve, hostile, opened, shots):
    with serve(hostile) as server:
        opened(page, server, "training")
        page.wait_for_selector(".finding")
        untouched(page)
        name = page.locator("#view-training h2").first.inner_text()
        assert name == NAME.replace("\u202e", "\\u202e")
        assert SCRIPT.split("\u202e")[0] in page.locator(".finding").inner_text()
        page.screenshot(path=shots / "hostile.png", full_page=True)


def test_a_hostile_run_is_text_in_the_saved_page(page, hostile, tmp_path, ready, shots):
    explore([hostile], save=tmp_path / "page.html", save_epochs=1)
    text = (tmp_path / "page.html").read_text()
    assert "window.hit" not in text
    assert "secret" not in text
    page.goto((tmp_path / "page.html").as_uri() + "#training")
    ready(page, "training")
    page.wait_for_selector(".finding")
    untouched(page)


def test_a_damaged_run_leaves_the_others_open(chromium, serve, tiny_run, tmp_path, shots):
    """The browser reports the answer 422 of the damaged one as an error of its own."""
    runs = [shutil.copytree(tiny_run, tmp_path / name) for name in ("one", "two")]
    with serve(*runs) as server:
        (runs[0] / "config.json").write_text("{")
        page = chromium.new_page()
        wrong = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"{server.url}/#training")
        page.wait_for_selector("text=one/config.json is not readable JSON")
        page.click("#tab-plane")
        page.wait_for_selector('html[data-shown="plane"]')
        page.click("#tab-training")
        page.wait_for_selector("text=Epoch 2 of 0 to 2")
        page.screenshot(path=shots / "damaged.png", full_page=True)
        page.close()
    assert wrong == []


def test_of_a_long_run_the_new_lines_are_added(page, serve, tiny_run, tmp_path, opened, shots):
    run = shutil.copytree(tiny_run, tmp_path / "long")
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])

    def write(numbers, mode):
        with (run / "metrics.jsonl").open(mode) as file:
            for i in numbers:
                file.write(json.dumps(last | {"step": i + 1, "epoch": i, "images": 100 * i}) + "\n")

    write(range(9000), "w")
    with serve(run) as server:
        opened(page, server, "training")
        page.wait_for_selector("text=Epoch 8999 of")
        write(range(9000, 9003), "a")
        page.click("#tab-plane")
        page.click("#tab-training")  # a run that is not in training is asked about when the view is opened
        page.wait_for_selector("text=Epoch 9002 of")
        page.screenshot(path=shots / "long.png", full_page=True)
