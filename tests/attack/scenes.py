"""Verbs to be cut short: what is there before, the command, the command that follows, and what must not be lost."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from child import Result, call, in_child
from observe import is_left, observed
from traps import Kind, Trap

TINY = (
    *("--data.resize", 8, "--data.limit", 128, "--batch", 32, "--net.width", 4, "--prior.dim", 8),
    *("--rules.ema-halflife-images", 0, "--keep.score-epochs", 0, "--quiet"),
    *("--keep.sample-epochs", 1, "--keep.checkpoint-epochs", 1, "--keep.keep-epochs", 1),
)
SCORED = ("--keep.score-epochs", 1, "--keep.score-images", 100)
STUDY = """
question = "Does the learning rate matter?"
base = "digits"
seeds = 1
images = 100
outcomes = ["fd", "loss_d"]
[set]
epochs = 2
batch = 32
data.resize = 8
data.limit = 128
net.width = 4
prior.dim = 8
rules.ema_halflife_images = 0.0
[factors]
optimizer.lr = [1e-3, 1e-4]
"""
Verb = Callable[[], int]


@dataclass(frozen=True)
class Scene:
    """A verb that is cut short. Everything happens in a folder of its own, which is the working folder."""

    name: str
    act: Verb
    follow: Verb  # after a kill or a full disk
    before: Verb = lambda: 0
    kept: Callable[[dict[str, Any]], str] = lambda before: ""  # what is lost just after the cut; before: the folder's


class Stage:
    """The folder of a scene, set anew for each attempt at the same path."""

    def __init__(self, scene: Scene, root: Path) -> None:
        self.scene, self.root, self.template = scene, root / "stage", root / f"{scene.name}.before"
        for name in ("work", "cache"):
            (self.root / name).mkdir(parents=True)
        result = in_child(lambda: self.enter(scene.before))
        assert result.status == 0, result
        shutil.copytree(self.root, self.template)
        self.held = observed(self.root)
        self.set()
        counted = in_child(lambda: self.trapped("count", 0))
        assert counted.status == 0, f"{scene.name}: {counted}"
        self.operations: list[str] = counted.value  # those on files, in order
        self.expected = observed(self.root)

    def close(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.root)
        shutil.rmtree(self.template)

    def set(self) -> None:
        """Everything as it was before the act."""
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self.template, self.root, copy_function=shutil.copy2)

    def enter(self, verb: Verb) -> int:
        """In a child: do this in the scene's working folder, with its cache."""
        os.chdir(self.root / "work")
        os.environ["AYNEH_CACHE"] = str(self.root / "cache")
        try:
            soften()
        except KeyboardInterrupt:  # before the verb
            return 130
        return verb()

    def lost(self) -> str:
        """What is lost right after the cut, in words."""
        os.chdir(self.root / "work")
        words = self.scene.kept(self.held)
        os.chdir("/")
        return words

    def finish(self) -> Result:
        """The command that follows, in another child."""
        return in_child(lambda: self.enter(self.scene.follow))

    def left(self) -> int:
        """How many temporary files are left."""
        return sum(is_left(path) for path in self.root.rglob("*"))

    def trapped(self, kind: Kind, at: int) -> list[str] | int:
        """In a child: the act with a trap set; its status, or the operations that were counted."""
        trap = Trap(self.root, kind, at)

        def act() -> int:
            trap.set()
            return self.scene.act()

        status = self.enter(act)
        return trap.log if kind == "count" and status == 0 else status


def soften() -> None:
    """Studies play in this process, replicas too, and studies save at every epoch."""
    from ayneh.engine import stacks
    from ayneh.studies import local, play, stack

    def here(shares: Any, folder: Path, study: Any, workers: int, stop: Any, show: Any, *more: Any) -> None:
        local.run_here(shares, folder, study, "cpu", stop, show)

    play.run_in_processes = here  # type: ignore[assignment]
    stack.CHECKPOINT_S = 0.0
    stacks.choose_workers = lambda *args: 0


def sicken() -> None:
    """A doctor that is content until step 12, and then finds once that the run is ill since step 10."""
    from ayneh.training import fit, journal

    ill = SimpleNamespace(
        cure=SimpleNamespace(changes={"optimizer.lr": 1e-4}), name="sudden jump", evidence="It fell.", since_step=10
    )

    class Doctor:
        rescued = False

        def __init__(self, config: Any, labels: Any = None) -> None:
            self.step = 0

        def look(self, line: dict[str, Any]) -> list[Any]:
            self.step = line["step"]
            return []

        def treatable(self) -> list[Any]:
            return [ill] if self.step >= 12 and not Doctor.rescued else []

        def content(self) -> bool:
            return not self.treatable()

    begin = fit.Fit._begin

    def begun(self: Any, checkpoint: Any) -> None:
        Doctor.rescued = bool(self.rescues)
        begin(self, checkpoint)

    journal.APART_LOOKS = 1
    journal.Doctor = Doctor  # type: ignore[assignment, misc]
    fit.Fit._begin = begun  # type: ignore[method-assign]


def train(*more: object) -> int:
    return call("train", "digits", *TINY, "--epochs", 3, "--out", "run", *more)


def train_or_resume(*more: object) -> int:
    """The run goes on if there is one; else it is started again."""
    if Path("run/config.json").is_file():
        return call("resume", "run", "--quiet")
    return train(*more)


def rescued() -> int:
    sicken()
    return train(*RESCUE)


def rescued_or_resumed() -> int:
    sicken()
    return train_or_resume(*RESCUE)


RESCUE = ("--epochs", 5, "--keep.vitals-steps", 4, "--keep.tick-steps", 4, "--rescue", 2)


def interrupted() -> int:
    """A run of three epochs that was stopped within its second."""
    from ayneh.training.play import Play

    run = Play.run

    def cut(self: Any, config: Any, stop: Callable[[], bool]) -> Any:
        return run(self, config, lambda: stop() or self.stack.step >= 6)

    Play.run = cut  # type: ignore[method-assign]
    status = train("--seeds", 2, *SCORED, "--keep.tick-steps", 2)
    return 0 if status == 1 else 3


def owned() -> int:
    """A finished run with a person's own file and reports on it."""
    status = call("train", "digits", *TINY, "--epochs", 2, "--seed", 5, "--out", "run")
    Path("run/samples/mine.txt").write_text("mine")
    return status or call("evaluate", "run", "--n", 100, "--quiet")


def exported(form: str) -> Verb:
    """Over an export of an earlier epoch."""
    return lambda: train() or call("export", "run", "--to", form, "--epoch", 0, "--quiet")


def judged_images() -> int:
    import numpy as np

    chance = np.random.default_rng(0)
    x = chance.integers(0, 255, (320, 8, 8), np.uint8)
    np.savez("own.npz", x_train=x[:256], y_train=np.arange(256) % 3, x_test=x[256:], y_test=np.arange(64) % 3)
    return 0


def planned() -> int:
    Path("tiny.toml").write_text(STUDY)
    return 0


def study(*words: object) -> int:
    return call("study", *words, "--quiet")


def played() -> int:
    return study("run", "tiny.toml", "--out", "study", "--workers", 1)


# -- what must not be lost ---------------------------------------------------------------------------------------------


def an_export(held: dict[str, Any]) -> str:
    """A whole export, the old or the new."""
    wholes = []
    for config in Path("run").rglob("config.json"):
        try:
            nets = json.loads(config.read_bytes()).get("nets", {})
        except ValueError:
            continue
        places = [config.parent] + [config.parent.parent] * config.parent.name.startswith(".")  # on their way there
        whole = nets and all(
            any(_sha(place / net["file"]) == net["sha256"] for place in places) for net in nets.values()
        )
        wholes.append(bool(whole) and any((place / "README.md").is_file() for place in places))
    return "" if any(wholes) else "no whole export is left"


def a_run(held: dict[str, Any]) -> str:
    """A person's own file, and a checkpoint of the old run or of the new."""
    if not any(path.name == "mine.txt" for path in Path().rglob("*")):
        return "samples/mine.txt, a file of the person's own, is lost"
    kept = [path for path in Path().rglob("*.safetensors") if not is_left(path)]
    return "" if kept else "no checkpoint is left, neither of the old run nor of the new"


def checkpoints(held: dict[str, Any]) -> str:
    """The newest checkpoint that was there before."""
    old = {digest for name, digest in held.items() if name.endswith(".safetensors") and "/checkpoints/" in name}
    now = {hashlib.sha256(path.read_bytes()).hexdigest() for path in Path().rglob("*.safetensors")}
    steps = _lines(Path("run/metrics.jsonl"))
    if not now & old and not Path("run/checkpoints/epoch-0002.safetensors").exists():
        return "no earlier checkpoint is left"
    return "" if steps >= 1 or not old else "the metrics are lost"


def reports(held: dict[str, Any]) -> str:
    """The report that was there before, or a new one."""
    path = Path("run/evaluation.json")
    try:
        return "" if json.loads(path.read_bytes())["scores"] else "the report is empty"
    except (OSError, ValueError):
        return "evaluation.json is lost"


def outcomes(held: dict[str, Any]) -> str:
    """Outcomes of runs that had ended."""
    lost = [name for name in held if name.endswith("outcome.json") and not Path(name.removeprefix("work/")).is_file()]
    return f"{', '.join(lost)}: lost" if lost else ""


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _lines(path: Path) -> int:
    return len(path.read_bytes().splitlines()) if path.is_file() else 0


def _export(form: str, *more: object) -> Verb:
    return lambda: call("export", "run", "--to", form, "--quiet", *more)


def _export_or_over(form: str) -> Verb:
    """The same command; where the export was whole already, it is replaced."""
    return lambda: _export(form, *["--overwrite"] * (not an_export({})))()


def scenes() -> list[Scene]:
    """All of them, cheap ones first."""
    evaluate = lambda: call("evaluate", "run", "--n", 100, "--quiet")  # noqa: E731
    judge = lambda: call("judge", "train", "--data", "npz:own.npz", "--epochs", 1, "--quiet")  # noqa: E731
    report = lambda: study("report", "study")  # noqa: E731
    over = lambda: train("--overwrite")  # noqa: E731
    return [
        Scene("train", train, train_or_resume),
        Scene("train-scored", lambda: train(*SCORED), lambda: train_or_resume(*SCORED)),
        Scene("train-replicas", lambda: train("--seeds", 2), lambda: train_or_resume("--seeds", 2)),
        Scene("train-overwrite", over, over, owned, a_run),
        Scene("resume", lambda: call("resume", "run", "--quiet"), lambda: call("resume", "run", "--quiet"),
              interrupted, checkpoints),
        Scene("rescue", rescued, rescued_or_resumed),
        Scene("evaluate", evaluate, evaluate, lambda: train() or evaluate(), reports),
        Scene("judge-train", judge, judge, judged_images),
        *(Scene(f"export-{form}", _export(form), _export_or_over(form), train) for form in ("onnx", "safetensors")),
        *(Scene(f"export-{form}-overwrite", _export(form, "--overwrite"), _export(form, "--overwrite"),
                exported(form), an_export) for form in ("onnx", "safetensors")),
        Scene("study-report", report, report, lambda: planned() or played(), outcomes),
        Scene("study-run", played, played, planned),
    ]  # fmt: skip
