"""The page's arithmetic in Chromium: its priors, its nets and its search, against Python's."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ayneh.engine.critic import critic_of
from ayneh.export.players import players_of
from ayneh.game.priors import make_prior
from ayneh.jobs.export import export
from ayneh.record.record import Record

PRIORS = [
    ("normal", {"mean": 0.5, "std": 2.0}),
    ("uniform", {"low": 0.0, "high": 1.0}),
    ("sphere", {}),
    ("truncated-normal", {"mean": 1.0, "std": 0.5, "bound": 1.5}),
    ("laplace", {"mean": -1.0, "scale": 0.7}),
    ("student-t", {"df": 3.0, "scale": 1.5}),
    ("bernoulli", {"p": 0.3, "low": -1.0, "high": 2.0}),
    ("mixture", {"components": 3, "low": -1.0, "high": 1.0, "std": 0.25}),
]


def spec(name, numbers, dim):
    """A prior as the server tells it."""
    from dataclasses import asdict

    return {"name": name, "dim": dim, "numbers": asdict(make_prior(name, **numbers))}


@pytest.mark.parametrize(("name", "numbers"), PRIORS, ids=[name for name, _ in PRIORS])
def test_paths_are_those_of_the_prior_in_python(desk, name, numbers):
    prior = make_prior(name, **numbers)
    a, b = prior.sample(2, 40, torch.Generator().manual_seed(1))
    t = [0.0, 0.1, 0.37, 0.5, 0.9, 1.0]
    found = desk.evaluate(
        """async ([spec, a, b, t]) => {
          const { makePrior, path } = await import("/page/priors.js");
          const prior = makePrior(spec);
          return t.map((x) => Array.from(path(prior, Float32Array.from(a), Float32Array.from(b), x)));
        }""",
        [spec(name, numbers, 40), a.tolist(), b.tolist(), t],
    )
    expected = prior.interpolate(a, b, torch.tensor(t)).numpy()
    assert np.array(found) == pytest.approx(expected, rel=2e-5, abs=2e-5)


@pytest.mark.parametrize(("name", "numbers"), PRIORS, ids=[name for name, _ in PRIORS])
def test_draws_and_points_of_a_plane_follow_the_prior(desk, name, numbers):
    prior = make_prior(name, **numbers)
    draws, mixed, settled = desk.evaluate(
        """async (spec) => {
          const { makePrior } = await import("/page/priors.js");
          const { Chance } = await import("/page/chance.js");
          const prior = makePrior(spec);
          const chance = new Chance(7);
          const sets = [[], [], []];
          for (let i = 0; i < 60; i++) {
            const points = [0, 1, 2].map(() => prior.draw(chance));
            sets[0].push(...points[0]);
            sets[1].push(...prior.mix(points, [0.7, -0.3, 0.6]));
            sets[2].push(...prior.settle(points[1]).map((x, j) => x - points[1][j]));
          }
          return sets;
        }""",
        spec(name, numbers, 100),
    )
    reference = np.sort(prior.sample(60, 100, torch.Generator().manual_seed(2)).numpy().ravel())
    for found in (draws, mixed):  # Kolmogorov and Smirnov's distance of 6,000 and 6,000: 0.03 at 1 % of luck
        both = np.sort(np.concatenate([found, reference]))
        far = np.searchsorted(np.sort(found), both, "right") - np.searchsorted(reference, both, "right")
        if name == "bernoulli":
            assert set(np.round(found, 5)) == {-1.0, 2.0}
            assert np.mean(np.array(found) > 0) == pytest.approx(0.3, abs=0.03)
        else:
            assert np.abs(far).max() / 6000 < 0.035
    assert np.abs(settled).max() < 1e-5  # a draw is settled already


def test_half_precision_is_read_as_numpy_writes_it(desk):
    values = np.array([0, 1, -2.5, 65504, 6e-8, -6e-5, 0.333, np.inf], np.float16)
    from safetensors.numpy import save

    found = desk.evaluate(
        """async (bytes) => {
          const { unpack } = await import("/page/arrays.js");
          return Array.from(unpack(Uint8Array.from(bytes).buffer).x.data, String);
        }""",
        list(save({"x": values}, {"ayneh": "{}"})),
    )
    assert [float(x.replace("Infinity", "inf")) for x in found] == values.astype(float).tolist()


def test_the_browsers_nets_agree_with_pytorch(page, served, tiny_run, opened):
    from ayneh.data.sources import load

    opened(page, served, "plane")
    checkpoint = Record.open(tiny_run).checkpoints.at_epoch(2)
    data = checkpoint.config.data
    images = load(data.name, "train", resize=data.resize, limit=data.limit)
    players, sampler = players_of(checkpoint, 0, images)
    z = sampler.latents("some", 10)
    with torch.no_grad():
        image = players.gen(z)
        logits = players.dis(image)
    critic = critic_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, 0)
    found = page.evaluate("(z) => explorer.generate(z)", z.tolist())
    assert np.array(found) == pytest.approx(image.flatten().numpy(), abs=1e-5)
    read = page.evaluate("(x) => explorer.read(x)", image.flatten().tolist())
    assert read["logits"] == pytest.approx(logits.tolist(), abs=1e-4)
    assert read["features"] == pytest.approx(critic.features(image).flatten().tolist(), rel=1e-3, abs=1e-4)


@pytest.mark.parametrize(("weight", "near"), [(1e-6, True), (1e6, False)])
def test_the_search_solves_a_curved_problem_unless_the_prior_outweighs_it(desk, weight, near):
    """G(z) = tanh(A z) with more pixels than numbers: the one latent of an image can be found again."""
    chance = np.random.default_rng(0)
    matrix = chance.normal(size=(30, 6)) / 3
    z = chance.normal(size=6)
    found = desk.evaluate(
        """async ([matrix, target, weight]) => {
          const { fit } = await import("/page/fit.js");
          const image = (z) => matrix.map((row) => Math.tanh(row.reduce((sum, a, i) => sum + a * z[i], 0)));
          const generate = async (zs) => Float32Array.from(zs.flatMap(image));
          const model = { generate, spread: 1, centre: 0, prior: { settle: (z) => z } };
          const start = Float32Array.from([1, 1, 1, 1, 1, 1]);
          return Array.from((await fit(model, Float32Array.from(target), start, { weight, rounds: 40 })).z);
        }""",
        [matrix.tolist(), np.tanh(matrix @ z).tolist(), weight],
    )
    assert np.array(found) == pytest.approx(z if near else np.zeros(6), abs=0.02)


@pytest.mark.slow
def test_ds_opinions_in_the_page_are_those_of_an_export(page, served, tiny_run, tmp_path, opened):
    """Of the same statistics: those of the encoder would tell something else."""
    onnxruntime = pytest.importorskip("onnxruntime")
    export(tiny_run, out=tmp_path / "model", quiet=True)
    images = np.random.default_rng(0).uniform(-1, 1, (6, 1, 8, 8)).astype(np.float32)
    session = onnxruntime.InferenceSession(tmp_path / "model" / "discriminator.onnx")
    (logits,) = session.run(["logit"], {"image": images})
    opened(page, served, "plane")
    found = page.evaluate("(x) => explorer.read(x)", images.ravel().tolist())["logits"]
    opinions = 1 / (1 + np.exp(-np.array(found)))
    assert opinions == pytest.approx(1 / (1 + np.exp(-logits)), abs=2e-6)
    checkpoint = Record.open(tiny_run).checkpoints.at_epoch(2)
    other = critic_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, 0).dis
    with torch.no_grad():
        assert np.abs(other(torch.from_numpy(images)).sigmoid().numpy() - opinions).max() > 1e-4


def test_the_frame_and_the_grey_levels_are_those_of_python(desk):
    cases = json.loads((Path(__file__).parents[1] / "game" / "frames.json").read_text())
    framed = [case for case in cases["put"] if case["value"] == -1]  # the page frames numbers in [-1, 1] alone
    put, took, scaled, levels = desk.evaluate(
        """async ([framed, grey, x]) => {
          const frame = await import("/page/frame.js");
          const flat = framed.map(({ image }) => Float32Array.from(image.flat()));
          const put = framed.map(({ image, size }, i) => frame.put(flat[i], 1, image.length, size));
          const took = framed.map(({ image, size }, i) => frame.take(put[i], 1, size, image.length));
          return [put, took, [frame.scale(Uint8Array.from(grey))], [frame.levels(Float32Array.from(x))]]
            .map((arrays) => arrays.map((array) => Array.from(array)));
        }""",
        [framed, [case["level"] for case in cases["scale"]], [case["x"] for case in cases["levels"]]],
    )
    assert put == [np.array(case["expected"]).ravel().tolist() for case in framed]
    assert took == [np.array(case["image"]).ravel().tolist() for case in framed]
    assert scaled[0] == pytest.approx([case["expected"] for case in cases["scale"]], abs=1e-7)
    assert levels[0] == [case["expected"] for case in cases["levels"]]
