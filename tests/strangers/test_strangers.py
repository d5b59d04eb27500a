"""Nets of four public code bases, each in a user's file of a few lines, through every verb."""

import io
import json
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ayneh.__main__ import main
from ayneh.errors import UserError
from ayneh.record.record import Record

NETS = Path(__file__).parent / "nets"
FLAGS = {  # of each file's nets
    "course": ("--data.resize", "16", "--prior.dim", "100"),
    "dcgan": ("--data.resize", "64", "--prior.dim", "100"),
    "sngan": ("--data.resize", "32", "--prior.dim", "16", "--rules.loss", "hinge"),
    "stylegan": ("--data.resize", "16", "--prior.dim", "16", "--rules.penalty", "r1"),
}
SMALL = [  # six steps an epoch
    *("--data.limit", "96", "--batch", "16", "--epochs", "2", "--keep.tick-steps", "1", "--keep.vitals-steps", "2"),
    *("--keep.score-epochs", "0", "--keep.checkpoint-epochs", "1", "--keep.sample-epochs", "1"),
]
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in FLAGS]
MIXED = ["course", *(pytest.param(name, marks=pytest.mark.slow) for name in FLAGS if name != "course")]
KILLED_AT = 46  # operations on files of the run folder: in the middle of the second epoch


def ayneh(name, *args) -> str:
    """A verb with this user's file, in this process; what it printed."""
    out = io.StringIO()
    with redirect_stdout(out):
        try:
            main(["--parts", str(NETS / f"my_{name}.py"), *map(str, args)])
        except SystemExit as stopped:
            raise AssertionError(out.getvalue()) from stopped
    return out.getvalue()


def train(name, folder, *more):
    return ayneh(name, "train", "digits", "--net.name", name, *FLAGS[name], *SMALL, *more, "--out", folder)


@pytest.fixture(scope="session")
def run_of(tmp_path_factory):
    """``run_of(name)``: a finished run of these nets, trained at the first call."""
    made = {}

    def run(name: str) -> Path:
        if name not in made:
            made[name] = tmp_path_factory.mktemp("strangers") / name
            train(name, made[name])
        return made[name]

    return run


@pytest.mark.parametrize("name", FLAGS)
def test_a_user_s_file_has_ten_lines_at_most(name):
    lines = [line for line in (NETS / f"my_{name}.py").read_text().splitlines() if line.strip()]
    assert len(lines) <= 10
    assert "ayneh" not in (NETS / f"{name}.py").read_text()  # their code knows nothing of it


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_run_killed_in_the_middle_ends_as_one_never_killed(name, run_of, tmp_path, killed_at, observed):
    whole, cut = run_of(name), tmp_path / "cut"
    assert killed_at(KILLED_AT, lambda: train(name, cut), cut)
    record = Record(cut)
    assert record.checkpoints.epochs() == [0]
    assert 6 < record.lines()[-1]["step"] < 12
    ayneh(name, "resume", cut)
    assert observed(cut) == observed(whole)


@pytest.mark.parametrize("name", MIXED)
def test_a_run_is_shown_sampled_and_its_weights_fit_the_user_s_classes(name, run_of, tmp_path):
    run = run_of(name)
    assert f"{name} on digits" in ayneh(name, "show", run)
    drawn = []
    for k in range(2):
        ayneh(name, "sample", run, "--n", 8, "--out", tmp_path / f"{k}.npz")
        drawn.append(np.load(tmp_path / f"{k}.npz")["images"])
    assert (drawn[0] == drawn[1]).all()
    side = int(FLAGS[name][1])
    assert drawn[0].shape == (8, side, side, 1)
    assert len(np.unique(drawn[0])) > 10
    ayneh(name, "export", run, "--to", "safetensors", "--out", tmp_path / "weights")
    card = (tmp_path / "weights" / "README.md").read_text()
    assert f"the class in my_{name}.py" in card
    assert json.loads((tmp_path / "weights" / "config.json").read_text())["own_nets"]["name"] == name
    names = the_user_s(name)
    exec(card.split("```python")[1].split("```")[0].replace('"generator', f'"{tmp_path}/weights/generator'), names)
    from ayneh.export.players import modules

    read, z = modules(tmp_path / "weights"), torch.randn(5, int(FLAGS[name][3]))
    torch.manual_seed(0)
    ours = read.gen(z)
    torch.manual_seed(0)
    theirs = names["gen"](z[:, :, None, None] if name == "dcgan" else z)
    assert torch.equal(ours, theirs)
    assert read.dis(ours).shape == (5,)
    noisy = not torch.equal(read.gen(z), ours)
    assert noisy == (name == "stylegan")
    about = json.loads((tmp_path / "weights" / "config.json").read_text())["nets"]
    assert [about[net]["chance"] for net in ("generator", "discriminator")] == [noisy, False]
    assert about["discriminator"]["alone"] == (name != "stylegan")
    assert ("draws random numbers" in card, "depends on the others of its batch" in card) == (noisy, noisy)


def the_user_s(name) -> dict:
    """The names of the user's file."""
    from ayneh.parts.loading import load

    return dict(vars(load(str(NETS / f"my_{name}.py")).module))


def test_weights_whose_classes_are_not_loaded_are_refused_by_name(run_of, tmp_path, monkeypatch):
    ayneh("course", "export", run_of("course"), "--to", "safetensors", "--out", tmp_path / "weights")
    from ayneh.export.players import modules
    from ayneh.parts import registry

    monkeypatch.setitem(registry._own, "net", {})
    with pytest.raises(UserError, match=r"holds nets of my_course\.py .*'course'.*has not been loaded"):
        modules(tmp_path / "weights")


@pytest.mark.parametrize("name", SLOW)
def test_a_run_is_evaluated_diagnosed_and_mirrored(name, run_of):
    run = run_of(name)
    ayneh(name, "evaluate", run, "--n", 50)
    assert json.loads((run / "evaluation.json").read_text())["scores"]["fd"]["value"] > 0
    ayneh(name, "diagnose", run)
    assert (run / "diagnosis.html").stat().st_size > 10_000
    vitals = [line["vitals"] for line in Record(run).lines() if "vitals" in line]
    assert all(0 <= line[net][0] <= 1 for line in vitals for net in ("dead_gen", "dead_dis"))
    ayneh(name, "mirror", run, "--images", 100, "--invert", 1)
    report = json.loads((run / "mirror.json").read_text())
    features = {"course": 16, "dcgan": 32 * 4 * 4, "sngan": 8, "stylegan": 8}  # what D's last layer takes
    assert report["features"] == features[name]


@pytest.mark.slow
def test_a_run_is_probed(run_of):
    ayneh("course", "diagnose", run_of("course"), "--probe", "--probe-steps", 2, "--probe-epochs", 1)
    arms = json.loads((run_of("course") / "probe.json").read_text())
    assert "plain" in json.dumps(arms)


@pytest.mark.parametrize("name", SLOW)
def test_a_run_is_exported_to_onnx_and_explored(name, run_of, tmp_path):
    pytest.importorskip("onnxscript")
    import onnxruntime

    from ayneh.engine.sampler import sampler_of
    from ayneh.export.chance import Means, without_chance
    from ayneh.loading.model import load

    run = run_of(name)
    ayneh(name, "export", run, "--out", tmp_path / "onnx")
    checkpoint = Record(run).checkpoints.at_epoch(1)
    sampler = sampler_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, 0)
    model, z = load(tmp_path / "onnx"), sampler.latents("test", 6)
    with torch.no_grad(), Means():
        expected = sampler.gen(z).numpy()
    first, second = (model.generate(z.numpy(), "float32", crop=False) for _ in range(2))
    assert (first == second).all() == (name != "stylegan")  # which draws noise at each run
    quiet = onnxruntime.InferenceSession(without_chance((tmp_path / "onnx" / "generator.onnx").read_bytes()))
    assert np.abs(quiet.run(None, {"z": z.numpy()})[0] - expected).max() < 1e-4
    assert model.logits(first).shape == (6,)
    assert np.isfinite(model.encode(first)).all()
    explored(run, expected, z)


def explored(run: Path, expected: np.ndarray, z: torch.Tensor) -> None:
    """The answers that the explorer's page asks for."""
    pytest.importorskip("starlette")
    import onnxruntime

    from ayneh.explorer.library import Library
    from ayneh.export.chance import without_chance

    library = Library([run])
    (entry,) = json.loads(library.runs().body)["runs"]
    assert entry["net"] in FLAGS
    parts = {part: library.part(0, 0, 1, part) for part in Library.PARTS}
    assert all(len(answer.body) > 100 for answer in parts.values())
    assert Image.open(io.BytesIO(library.picture(0, 0, 1).body)).size[0] > 16
    session = onnxruntime.InferenceSession(without_chance(parts["generator"].body))
    assert np.abs(session.run(None, {"z": z.numpy()})[0] - expected).max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sngan", "stylegan"])  # "course" plays on Ray
def test_a_study_on_two_workers_plays_what_runs_alone_do(name, tmp_path, observed):
    played_as_alone(name, tmp_path, observed, "--workers", 2)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Ray's
def test_a_study_on_a_ray_cluster_plays_what_runs_alone_do(tmp_path, observed):
    pytest.importorskip("ray")
    played_as_alone("course", tmp_path, observed, "--engine", "ray")


def played_as_alone(name, tmp_path, observed, *how) -> None:
    """A study of two seeds and two rates; its runs with the first rate have the bits of runs alone."""
    flags = [*FLAGS[name], *SMALL]
    values = {flag[2:].replace("-", "_"): value for flag, value in zip(flags[::2], flags[1::2], strict=True)}
    for decided in ("keep.score_epochs", "keep.checkpoint_epochs", "keep.sample_epochs"):  # by a study
        del values[decided]
    values["batch"] = "32"  # of other batches the last bits depend on how many runs share a stack
    lines = [f"{key} = {value if value.isdigit() else json.dumps(value)}" for key, value in values.items()]
    head = 'question = "q"\nbase = "digits"\nseeds = 2\nimages = 100\noutcomes = ["loss_d"]\n[set]\n'
    text = f'{head}net.name = "{name}"\n'
    (tmp_path / "s.toml").write_text(text + "\n".join(lines) + "\n[factors]\noptimizer.lr = [1e-3, 1e-4]\n")
    ayneh(name, "study", "run", tmp_path / "s.toml", "--out", tmp_path / "s", *how, "--quiet")
    for seed in (0, 1):
        train(name, tmp_path / f"{seed}", "--seed", seed, "--optimizer.lr", "1e-3", "--batch", "32")
        together = observed(tmp_path / "s" / "runs" / "lr-0.001" / f"seed-00{seed}")
        lines = [{k: v for k, v in line.items() if k != "scores"} for line in together["metrics"]]  # a study scores
        assert lines == observed(tmp_path / f"{seed}")["metrics"]
