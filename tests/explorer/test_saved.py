"""The page saved as one file, opened from the disk in Chromium."""

import json
import shutil

import numpy as np
import pytest
import torch

from ayneh.engine.critic import critic_of
from ayneh.explorer.library import Library
from ayneh.explorer.single import answers
from ayneh.jobs.explore import explore
from ayneh.record.record import Record

pytestmark = pytest.mark.slow  # a browser


def test_a_saved_page_works_alone(page, tiny_run, tmp_path, shots, ready, pixels):
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    line = {"step": 5, "epoch": 1, "name": "collapse", "title": "all alike", "severity": "severe", "appeared": True}
    line |= {"evidence": None, "advice": None}
    (run / "findings.jsonl").write_text("".join(json.dumps(line | {"replica": r}) + "\n" for r in (0, 1)))
    explore([run], save=tmp_path / "page.html", save_epochs=2, replica=1)
    page.context.set_offline(True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.partition(":")[0]))
    page.goto((tmp_path / "page.html").as_uri())
    ready(page, "plane")
    assert pixels(page, ".map canvas")[..., 0].max() > 0
    page.screenshot(path=shots / "saved.png", full_page=True)
    page.click("#tab-drawing")
    page.wait_for_selector("text=A training image")
    page.wait_for_selector("text=The nearest of 128 training images")
    page.click("#tab-path")
    ready(page, "path")
    page.click("#tab-epochs")
    page.wait_for_selector("text=after the epochs 0, 2.")
    page.click("#tab-training")
    page.wait_for_selector("text=Epoch 2 of 0 to 2")
    page.wait_for_function("() => document.querySelector('.picture').naturalWidth > 0")
    assert page.locator(".finding").all_inner_texts() == ["severe since epoch 1\n\nAll alike."]
    page.click("#tab-directions")
    page.wait_for_selector("#view-directions .opinion:not(:empty)")
    checkpoint = Record.open(tiny_run).checkpoints.at_epoch(2)
    sampler = critic_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, 1).sampler
    z = sampler.latents("some", 5)
    with torch.no_grad():
        expected = sampler.gen(z).flatten().numpy()
    assert set(asked) <= {"file", "data", "blob"}
    found = page.evaluate("(z) => explorer.generate(z)", z.tolist())
    assert np.array(found) == pytest.approx(expected, abs=5e-3)  # weights in half precision


def test_a_saved_page_names_no_path_of_the_data(tiny_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    config = json.loads((run / "config.json").read_text())
    config["config"]["data"]["name"] = "npz:/home/me/private-moved.npy"
    (run / "config.json").write_text(json.dumps(config))
    argv = ["ayneh", "train", "digits", "--data.name", "npz:/home/me/private.npy"]
    line = {"step": 5, "epoch": 1, "replica": 0, "name": "few images", "title": "few", "severity": "note"}
    line |= {"appeared": True, "evidence": "", "advice": {"words": "", "changes": {}, "argv": argv}}
    (run / "findings.jsonl").write_text(json.dumps(line) + "\n")
    kept = answers(Library([run]), 0, 1)
    (event,) = json.loads(kept["/api/runs/0/live"])["findings"]
    assert event["advice"]["argv"] == ["ayneh", "train", "digits", "--data.name", "npz:..."]
    assert not [path for path, body in kept.items() if b"private" in body]
