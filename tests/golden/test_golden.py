"""Six small games against what they came to when their values were recorded: weights, metrics, findings.

``python -m pytest -m slow tests/golden --record`` records them anew, which is right only where a change of results is
meant.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

RECORDED = Path(__file__).parent / "recorded"

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
    done = subprocess.run([sys.executable, "-m", "ayneh", *args], text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return sorted(path.parent for path in out.rglob("config.json"))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*GAMES, "study"])
def test_a_game_comes_to_what_was_recorded(name, tmp_path, observed, comes_to, arithmetic, request):
    runs = play(name, tmp_path)
    path = RECORDED / f"{name}.json"
    if request.config.getoption("--record"):
        values = {str(run.relative_to(tmp_path)): observed(run) for run in runs}
        path.write_text(json.dumps({"arithmetic": arithmetic, "runs": values}, indent=0))
    recorded = json.loads(path.read_text())
    assert [str(run.relative_to(tmp_path)) for run in runs] == list(recorded["runs"])
    for run, expected in zip(runs, recorded["runs"].values(), strict=True):
        comes_to(run, expected, recorded["arithmetic"])
