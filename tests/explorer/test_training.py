"""A run in training in Chromium: losses, pictures and findings as they come."""

import json
import shutil

import pytest

from ayneh.record.record import Record

pytestmark = pytest.mark.slow  # a browser


@pytest.fixture
def page(page):
    """A page that asks what is new twenty times as often as for a user."""
    page.add_init_script(
        """const real = setTimeout;
        window.setTimeout = (f, ms, ...rest) => real(f, ms >= 1000 ? ms / 20 : ms, ...rest);"""
    )
    return page


@pytest.fixture
def growing(tiny_run, tmp_path):
    """A copy of the tiny run that is in training, and in which nothing was found."""
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    (run / "findings.jsonl").unlink(missing_ok=True)
    config = json.loads((run / "config.json").read_text())
    config["config"]["epochs"] = 5
    (run / "config.json").write_text(json.dumps(config))
    with Record(run).locked():  # by who trains
        yield run


def event(name, severity, title, epoch, step, replica=0, appeared=True, argv=(), evidence="It is so."):
    """A line of findings.jsonl."""
    line = {"step": step, "epoch": epoch, "replica": replica, "name": name, "severity": severity, "title": title}
    line |= {"appeared": appeared, "evidence": evidence, "advice": {"words": "Do.", "changes": {}, "argv": argv}}
    return json.dumps(line) + "\n"


def old_event(name, severity, words, epoch, step, appeared=True):
    """A line of findings.jsonl as it was before findings had fields."""
    line = {"step": step, "epoch": epoch, "replica": 0, "name": name, "severity": severity, "words": words}
    cure = {"evidence": "D is ahead.", "cure": {"words": "Do.", "changes": {}}}
    return json.dumps(line | {"appeared": appeared} | (cure if appeared else {})) + "\n"


def test_a_run_in_training_is_followed(page, serve, growing, shots, opened):
    with serve(growing) as server:
        opened(page, server, "training")
        page.wait_for_selector("text=In training: epoch 2 of 0 to 4")
        page.wait_for_selector("text=None.")
        line = json.loads((growing / "metrics.jsonl").read_text().splitlines()[-1])
        older = {"scores": [{"fd_100_digits_test": 9.0}] * 2, "images": 4000}
        fd = {"value": 8.0, "n": 100, "protocol": "fd_100_digits_test", "low": 7.0, "high": 9.0}
        newer = {"scores": {"fd": [fd, fd]}, "images": 4321}
        with (growing / "metrics.jsonl").open("a") as file:
            for step, scored in ((2, older), (4, newer)):
                file.write(json.dumps(line | scored | {"epoch": 3, "step": line["step"] + step}) + "\n")
        newest = growing / "checkpoints" / "epoch-0003.safetensors"
        shutil.copy(growing / "checkpoints" / "epoch-0002.safetensors", newest)
        shutil.copy(growing / "samples" / "epoch-0002-replica-0.png", growing / "samples" / "epoch-0003-replica-0.png")
        shutil.copy(growing / "samples" / "epoch-0002-replica-1.png", growing / "samples" / "epoch-0003-replica-1.png")
        page.wait_for_selector("text=4,321 images seen")
        page.wait_for_selector("figure:has-text('fd_100_digits_test (lower is better)') svg")
        page.wait_for_selector("text=fixed noise after epoch 3")
        page.wait_for_selector(".side-card output:text-is('3')")  # the slider followed
        page.goto("about:blank")


@pytest.mark.slow
def test_a_training_that_is_faster_than_the_page_does_not_starve_it(page, serve, growing, opened):
    def finished(epoch):
        shutil.copy(
            growing / "checkpoints" / "epoch-0002.safetensors",
            growing / "checkpoints" / f"epoch-000{epoch}.safetensors",
        )

    with serve(growing) as server:
        opened(page, server, "plane")
        held = []
        page.route("**/epochs/3/start", lambda route: held.append(route))
        with page.expect_request("**/epochs/3/start"):
            finished(3)
        page.wait_for_selector("text=Preparing this checkpoint")
        finished(4)
        page.wait_for_selector(".side-card output:text-is('4')")
        assert len(held) == 1
        with page.expect_request("**/epochs/4/start"):  # asked for when epoch 3 has been shown, and not before
            held.pop().continue_()
        page.wait_for_selector("text=mirror nets on digits")
        page.goto("about:blank")


def test_findings_come_and_clear_without_asking(page, serve, growing, shots, opened):
    with serve(growing) as server, (growing / "findings.jsonl").open("a") as file:

        def notes(*events):
            file.write("".join(events))
            file.flush()

        opened(page, server, "training")
        page.wait_for_selector("text=None.")
        notes(
            event("collapse", "severe", "<b>G draws one shape</b>", 1, 5),
            event("memory", "note", "not of this replica", 1, 5, replica=1),
            event("overpowering", "warning", "D leads", 2, 9, argv=["ayneh", "train", "--a", "it's 1"]),
            half := event("memory", "note", "not yet", 2, 9)[:40],
        )
        page.wait_for_selector("text=<b>G draws one shape</b>")  # words, not markup
        assert page.locator(".finding .when").all_inner_texts() == ["warning since epoch 2", "severe since epoch 1"]
        assert page.locator("figure:first-child .span").count() == 2  # shaded in the curves
        page.screenshot(path=shots / "training-findings.png", full_page=True)
        assert page.inner_text(".finding.warning p:nth-child(2)") == "D leads. It is so. Do."
        assert page.inner_text(".finding.warning code") == """ayneh train --a 'it'"'"'s 1'"""
        notes(
            event("memory", "note", "by now", 2, 9)[len(half) :],
            event("collapse", "severe", "no longer", 2, 10, appeared=False),
        )
        page.wait_for_selector("text=over from epoch 1 to 2")
        assert page.locator(".finding .when").all_inner_texts() == [
            *("note since epoch 2", "warning since epoch 2"),
            "over from epoch 1 to 2",
        ]
        page.select_option(".side-card .choice:nth-child(2) select", "1")
        page.wait_for_selector("text=not of this replica")
        assert page.locator(".finding").count() == 1
        page.goto("about:blank")


def test_a_resumed_run_s_findings_of_two_versions_are_one_list(page, serve, growing, opened):
    (growing / "findings.jsonl").write_text(
        old_event("overpowering", "warning", "step 5, warning: D leads. D is ahead. Do. Try: ayneh train x", 1, 5)
        + old_event("collapse", "severe", "step 5, severe: few. D is ahead. Do.", 1, 5)
        + old_event("overpowering", "warning", "step 7: no longer: D leads", 1, 7, appeared=False)
        + event("collapse", "severe", "few", 2, 9, appeared=False)
        + event("memory", "note", "copies", 2, 10)
    )
    with serve(growing) as server:
        opened(page, server, "training")
        page.wait_for_selector("text=Copies. It is so. Do.")
        assert page.locator(".finding").all_inner_texts() == [
            "note since epoch 2\n\nCopies. It is so. Do.",
            "over from epoch 1 to 2\n\nFew. D is ahead. Do.",
            "over in epoch 1\n\nD leads. D is ahead. Do.\n\nayneh train x",
        ]
        page.goto("about:blank")


@pytest.mark.slow
def test_a_run_without_a_checkpoint_opens_when_there_is_one(page, serve, growing, tmp_path, ready):
    shutil.move(growing / "checkpoints", tmp_path / "kept")
    (growing / "checkpoints").mkdir()
    with serve(growing) as server:
        page.goto(server.url)
        page.wait_for_selector("text=No checkpoint has been written yet")
        shutil.copy(tmp_path / "kept" / "epoch-0001.safetensors", growing / "checkpoints")
        page.wait_for_selector(".side-card")
        page.click("#tab-plane")
        ready(page, "plane")
        page.goto("about:blank")


def test_a_link_to_a_run_without_a_checkpoint_is_followed_when_there_is_one(
    page, serve, growing, tiny_run, tmp_path, ready
):
    shutil.move(growing / "checkpoints", tmp_path / "kept")
    (growing / "checkpoints").mkdir()
    with serve(tiny_run, growing) as server:
        page.goto(f"{server.url}/#plane?run=run")
        page.wait_for_selector("text=The run run has no checkpoint yet: tiny is shown until it has one.")
        ready(page, "plane")
        chosen = page.locator(".side-card select").first
        assert chosen.locator("option").all_inner_texts() == ["tiny"]
        page.reload()
        page.wait_for_selector("text=The run run has no checkpoint yet")
        shutil.copy(tmp_path / "kept" / "epoch-0001.safetensors", growing / "checkpoints")
        page.wait_for_function("() => location.hash.includes('run=run&') && location.hash.includes('epoch=1')")
        ready(page, "plane")
        assert page.is_hidden("#message")
        assert chosen.locator("option").all_inner_texts() == ["tiny", "run"]
        chosen.focus()
        page.keyboard.press("ArrowUp")
        page.wait_for_function("() => location.hash.includes('run=tiny')")
        assert page.evaluate("document.activeElement.matches('.side-card select')")  # by the keys to the next one
        page.goto("about:blank")
