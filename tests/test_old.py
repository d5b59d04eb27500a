"""Folders that ayneh 0.1.0 wrote before its rooms were moved (tests/old): every verb still works on them.

``run`` is a perceptron in two replicas, scored and probed; ``*-resumed-to-5-epochs.json`` are what `resume --epochs 5`
came to then. ``mirror`` was scored while it trained, and read back; ``onnx`` and ``safetensors`` are its exports.
``study`` has two arms of two seeds.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import ayneh as package

OLD = Path(__file__).parent / "old"
SUMS = {"run --replica 1": 323812, "run --epoch 0": 322536, "mirror": 330105, "mirror --best": 330105}  # of 40 images


@pytest.fixture
def old(tmp_path):
    """``old("run")``: a copy of that folder, free to be changed."""
    return lambda name: Path(shutil.copytree(OLD / name, tmp_path / name))


@pytest.fixture
def works(ayneh):
    """``works("show", folder)``: the verb ends with status 0; what it printed."""

    def call(*args: object) -> str:
        status, out, err = ayneh(*args)
        assert status == 0, err
        return out

    return call


@pytest.mark.parametrize(("name", "epochs", "setting"), [("run", 3, "net.name mlp"), ("mirror", 4, "rescue 1")])
def test_show(name, epochs, setting, works, old):
    out = works("show", old(name))
    assert f"epoch {epochs} of {epochs}" in out
    assert setting in out
    assert "checkpoints after epochs: 0, 1, 2" in out


@pytest.mark.parametrize("asked", SUMS)
def test_sample_draws_the_same_images(asked, works, old, tmp_path):
    name, *flags = asked.split()
    works("sample", old(name), "--n", 40, "--out", tmp_path / "drawn.npy", *flags)
    assert int(np.load(tmp_path / "drawn.npy").sum()) == pytest.approx(SUMS[asked], abs=100)  # roundings elsewhere


def test_evaluate_finds_the_same_distance(works, old):
    folder = old("run")
    before = json.loads((folder / "evaluation.json").read_text())["scores"]["fd_200_digits_test"]
    out = works("evaluate", folder, "--n", 200, "--quiet")
    assert f"{before['value']:.1f}" in out
    assert f"{before['floor']['value']:.3f}" in out


@pytest.mark.parametrize("name", ["run", "mirror"])
def test_mirror(name, works, old):
    folder = old(name)
    assert "D is not an inverse of this G" in works("mirror", folder, "--images", 100, "--invert", 0, "--quiet")
    assert (folder / "mirror.png").is_file()


@pytest.mark.slow
def test_diagnose_shows_its_findings_and_the_probe_of_then(works, old):
    folder = old("run")
    out = works("diagnose", folder)
    assert "there are few training images, since step 5. 1 finding in 6 looks" in out
    assert "replica 1, note: few images" in out
    text = (folder / "diagnosis.html").read_text()
    assert "held-out error 0.150 (95 %: 0.120 to 0.180) at step 5" in text


@pytest.mark.slow
def test_diagnose_of_a_run_that_may_be_rescued(works, old):
    assert "1 finding in 8 looks" in works("diagnose", old("mirror"))


@pytest.mark.parametrize("name", ["run", "mirror"])
def test_resume_comes_to_what_it_came_to_then(works, old, comes_to, name):
    folder = old(name)
    works("resume", folder, "--epochs", 5, "--quiet")
    expected = json.loads((OLD / f"{name}-resumed-to-5-epochs.json").read_text())
    comes_to(folder, expected, expected.pop("arithmetic"))


@pytest.mark.parametrize(("name", "score"), [("run", "140.8"), ("mirror", "153.9")])
def test_export_writes_a_card_with_the_scores_of_then(name, score, works, old, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    works("export", old(name), "--out", tmp_path / "exported")
    card = (tmp_path / "exported" / "README.md").read_text()
    assert score in card.split("## Scores")[1]
    assert "note, since step 5: few images" in card.split("## Findings")[1]
    assert package.load(tmp_path / "exported").dim == 8


def test_the_explorer_answers(old):
    pytest.importorskip("onnx")
    from ayneh.explorer.library import Library

    library = Library([old("run"), old("mirror")])
    assert [run["epochs"] for run in json.loads(library.runs().body)["runs"]] == [[0, 1, 2], [0, 1, 2, 3]]
    for run, findings in ((0, 2), (1, 1)):
        live = json.loads(library.live(run).body)
        assert len(live["findings"]) == findings
        assert live["lines"][-1]["epoch"] == live["epochs"][-1]
        assert library.picture(run, 0, live["pictures"][-1]).body.startswith(b"\x89PNG")
        for part in Library.PARTS:
            least = 500 if part in ("start", "levels") else 1000  # bytes: latents or logits, else nets or pictures
            assert len(library.part(run, 0, live["epochs"][-1], part).body) > least


def test_an_exported_model_makes_the_same_images():
    pytest.importorskip("onnxruntime")
    model = package.load(OLD / "onnx")
    z = np.linspace(-2, 2, 64, dtype=np.float32).reshape(8, 8)
    images = model.generate(z)
    assert int(images.sum()) == pytest.approx(65980, abs=8)
    assert float(model.generate(z, "float32").sum()) == pytest.approx(5.483516, abs=1e-3)
    assert float(model.encode(images).sum()) == pytest.approx(30.0007, abs=1e-2)
    assert float(model.read_z(images).sum()) == pytest.approx(-4.0428, abs=1e-2)
    assert float(model.sample_z(3, seed=0).sum()) == pytest.approx(-2.739322, abs=1e-4)


def test_exported_weights_make_the_same_images():
    import torch

    from ayneh.export.players import modules

    players = modules(OLD / "safetensors")
    z = torch.from_numpy(np.linspace(-2, 2, 64, dtype=np.float32).reshape(8, 8))
    image = players.outputs("generator", z)["image"]
    assert float(image.sum()) == pytest.approx(5.483516, abs=1e-3)
    assert float(players.outputs("discriminator", image)["logit"].sum()) == pytest.approx(0.686212, abs=1e-3)
    encoded = players.outputs("encoder", image)
    assert float(encoded["features"].sum()) == pytest.approx(30.0508, abs=1e-2)
    assert float(encoded["z"].sum()) == pytest.approx(-4.0813, abs=1e-2)


def test_a_study_is_whole(works, old):
    assert "4 of 4 runs done; 0 being played now" in works("study", "status", old("study"))


@pytest.mark.slow
def test_a_study_is_reported_and_has_nothing_left_to_play(works, old, tmp_path):
    folder = old("study")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("runs/**/*") if path.is_file()}
    report = works("study", "report", folder)
    assert "on fd: cannot tell with n = 2 and 2" in report  # 0.1.0 said equivalent: two seeds cannot show that
    assert "median 161 against 161" in report
    asked = json.loads((folder / "study.json").read_text())["study"]
    file = tmp_path / "small.toml"
    file.write_text(toml({name: value for name, value in asked.items() if name != "config"}))
    assert works("study", "run", file, "--out", folder, "--workers", 1, "--quiet") == report
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("runs/**/*") if path.is_file()} == before


def toml(values: dict, head: str = "") -> str:
    """Nested values as TOML, each leaf on a line under its quoted path."""
    lines = ""
    for name, value in values.items():
        path = f"{head}{json.dumps(name)}"
        if isinstance(value, dict):
            lines += toml(value, f"{path}.")
        elif value is not None:
            lines += f"{path} = {json.dumps(value)}\n"
    return lines
