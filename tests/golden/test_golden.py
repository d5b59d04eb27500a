"""Six small games against what they came to when their values were recorded: weights, metrics, findings.

``python tests/golden/test_golden.py`` records them anew, which is right only where a change of results is meant.
The recorded files name the arithmetic that they were made with: where another machine rounds differently, the first
metrics are compared to three figures and the bits are not.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

RECORDED = Path(__file__).parent / "recorded"
CLOCK = ("wall_s", "images_per_s")

SMALL = ["--data.resize", "16", "--data.limit", "640", "--keep.tick-steps", "5", "--device", "cpu"]
GAMES = {
    # Under --rescue a run is scored whatever the clock says, and keeps healthy checkpoints.
    "digits": ["train", "digits", *SMALL, "--epochs", "8", "--net.width", "8", "--keep.vitals-steps", "5",
               "--keep.score-epochs", "2", "--keep.score-images", "500", "--rescue", "1"],
    "uniform01": ["train", "part-a-uniform01", "--data.name", "digits", *SMALL, "--epochs", "40", "--batch", "64",
                  "--optimizer.lr", "1e-3", "--keep.vitals-steps", "10", "--keep.sample-epochs", "20"],
    "relativistic": ["train", "stacked", "--data.name", "digits", *SMALL, "--epochs", "3", "--net.width", "8",
                     "--rules.translation", "0.125", "--rules.instance-noise", "0.2",
                     "--rules.instance-noise-images", "1000",
                     "--optimizer.decay-images", "3000", "--rules.mirror-weight", "0.5"],
    "rescued": ["train", "part-a-uniform01", "--data.name", "digits", *SMALL, "--epochs", "24", "--batch", "32",
                "--optimizer.lr", "2e-3", "--keep.vitals-steps", "5", "--keep.sample-epochs", "8", "--rescue", "2"],
    "seeds": ["train", "digits", *SMALL, "--seeds", "3", "--epochs", "4", "--net.width", "8", "--keep.vitals-steps",
              "10", "--keep.score-epochs", "0", "--net.init", "torch", "--net.spectral"],
}  # fmt: skip
STUDY = """
name = "dropout-small"
base = "digits"
seeds = 1
images = 500
looks = [0, 2]
outcomes = ["fd", "spread", "modes", "loss_d"]
[set]
"epochs" = 4
"data.resize" = 16
"data.limit" = 640
"net.width" = 8
"keep.tick_steps" = 5
"keep.vitals_steps" = 5
[factors]
"rules.dropout" = [0.0, 0.3, 0.6]
[swaps.uniform]
"prior.name" = "uniform"
"""


def play(name: str, folder: Path) -> list[Path]:
    """Play a game by the command line with one thread; its run folders."""
    out = folder / name
    if name == "study":
        (folder / "dropout-small.toml").write_text(STUDY)
        args = ["study", "run", str(folder / "dropout-small.toml"), "--workers", "1", "--out", str(out)]
    else:
        args = [*GAMES[name], "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "ayneh", *args], env={**os.environ, "OMP_NUM_THREADS": "1"}, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return sorted(path.parent for path in out.rglob("config.json"))


def observed(folder: Path) -> dict:
    """What a run folder holds but for the clock: tensors of its checkpoints by their sums, metrics, findings."""
    from safetensors.torch import load_file

    found: dict = {"checkpoints": {}}
    for path in sorted((folder / "checkpoints").glob("*.safetensors")):
        tensors = load_file(path)
        found["checkpoints"][path.stem] = {
            key: hashlib.sha256(x.numpy().tobytes()).hexdigest()[:16] for key, x in sorted(tensors.items())
        }
    for name in ("metrics", "findings"):
        path = folder / f"{name}.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        found[name] = [{key: value for key, value in line.items() if key not in CLOCK} for line in lines]
    if (folder / "outcome.json").exists():
        outcome = json.loads((folder / "outcome.json").read_text())
        found["outcome"] = {key: value for key, value in outcome.items() if key not in CLOCK}
    return found


def arithmetic() -> str:
    """A sum over results that depend on the order in which this machine adds."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    chance = torch.Generator().manual_seed(0)
    x, w = torch.randn(8, 16, 16, 16, generator=chance), torch.randn(32, 16, 4, 4, generator=chance)
    y = torch.nn.functional.conv2d(x, w, stride=2, padding=1)
    z = y.flatten(1) @ y.flatten(1).T
    torch.set_num_threads(threads)
    return hashlib.sha256(y.numpy().tobytes() + z.numpy().tobytes()).hexdigest()[:16]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*GAMES, "study"])
def test_a_game_comes_to_what_was_recorded(name, tmp_path):
    recorded = json.loads((RECORDED / f"{name}.json").read_text())
    runs = play(name, tmp_path)
    assert [str(run.relative_to(tmp_path)) for run in runs] == list(recorded["runs"])
    for run, expected in zip(runs, recorded["runs"].values(), strict=True):
        found = observed(run)
        if recorded["arithmetic"] == arithmetic():
            assert found == expected
        else:
            first, wanted = found["metrics"][0], expected["metrics"][0]
            assert first["mean_loss_d"] == pytest.approx(wanted["mean_loss_d"], rel=1e-3)
            assert first["mean_loss_g"] == pytest.approx(wanted["mean_loss_g"], rel=1e-3)


if __name__ == "__main__":
    import tempfile

    for name in sys.argv[1:] or [*GAMES, "study"]:
        with tempfile.TemporaryDirectory() as folder:
            runs = play(name, Path(folder))
            values = {str(run.relative_to(folder)): observed(run) for run in runs}
        (RECORDED / f"{name}.json").write_text(json.dumps({"arithmetic": arithmetic(), "runs": values}, indent=0))
        print(name, [len(v["findings"]) for v in values.values()], [list(v["checkpoints"]) for v in values.values()])
