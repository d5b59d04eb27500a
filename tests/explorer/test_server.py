"""What the explorer's server serves: what PyTorch computes, and what the run folder says."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from safetensors.numpy import load

from ayneh.data.sources import load as load_data
from ayneh.engine.critic import critic_of
from ayneh.errors import UserError
from ayneh.explorer import models
from ayneh.explorer.assets import runtime_script, runtime_wasm_gz
from ayneh.explorer.cache import Cache
from ayneh.explorer.library import Library, distinct
from ayneh.explorer.models import Model, affine, directions
from ayneh.export.onnx import difference
from ayneh.export.players import players_of
from ayneh.record.record import Record

PLACE = "/api/runs/0/replicas/1/epochs/1/"


@pytest.fixture
def critic(tiny_run):
    checkpoint = Record.open(tiny_run).checkpoints.at_epoch(1)
    return critic_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, 1)


# -- what is served ------------------------------------------------------------------------------------------------


def test_runs_are_told_without_a_path_of_this_machine(served, tiny_run, get):
    _, _, body = get(served, "/api/runs")
    assert str(tiny_run.parent) not in body.decode()
    (run,) = json.loads(body)["runs"]
    assert run["name"] == "tiny"
    assert run["epochs"] == [0, 1, 2]
    assert (run["replicas"], run["training"]) == (2, False)
    assert run["prior"] | {"law": ""} == {
        "name": "normal", "dim": 8, "numbers": {"mean": 0.0, "std": 1.0}, "mean": 0.0, "variance": 1.0, "law": "",
    }  # fmt: skip


def test_the_nets_are_those_of_the_replica_and_epoch(served, critic, get):
    z = critic.sampler.latents("some", 20)
    with torch.no_grad():
        image = critic.sampler.gen(z)
    _, _, generator = get(served, PLACE + "generator")
    assert difference(generator, z, {"image": image}) < 1e-5
    _, _, encoder = get(served, PLACE + "encoder")
    assert difference(encoder, image, {"features": critic.features(image)[:, :, None, None]}) < 1e-4
    other = PLACE.replace("epochs/1", "epochs/0")
    assert difference(get(served, other + "generator")[2], z, {"image": image}) > 1e-3


def test_the_notes_hold_the_fixed_noise_and_a_map_that_reads_z_back(served, critic, get):
    notes = load(get(served, PLACE + "start")[2]) | load(get(served, PLACE + "notes")[2])
    assert np.array_equal(notes["samples"], critic.sampler.latents("samples", 64).numpy())
    assert notes["directions"] @ notes["directions"].T == pytest.approx(np.eye(8), abs=1e-5)
    z = critic.sampler.latents("others", 2000)
    with torch.no_grad():
        features = critic.features(critic.sampler.gen(z)).numpy()
    read = features @ notes["read_weight"] + notes["read_bias"]
    r2 = 1 - ((z.numpy() - read) ** 2).mean(0) / z.numpy().var(0)
    assert r2 == pytest.approx(notes["r2"], abs=0.1)  # 1,024 other rows there
    assert notes["feature_mean"] == pytest.approx(features.mean(0), abs=0.2)


def test_the_gallery_is_of_training_images_and_their_features(served, critic, tiny_run, get):
    gallery = load(get(served, PLACE + "gallery")[2])
    config = Record.open(tiny_run).config()
    images = load_data("digits", "train", resize=8, limit=config.data.limit)
    assert np.array_equal(gallery["pixels"], images.pixels.numpy())
    assert np.array_equal(gallery["labels"], images.labels.numpy())
    features = critic.features(images.pixels.float() / 127.5 - 1).numpy()
    assert gallery["features"] == pytest.approx(features, rel=2e-3, abs=2e-3)  # in half precision


def test_live_tells_what_is_new(served, tiny_run, get):
    lines = Record.open(tiny_run).lines()
    told = json.loads(get(served, "/api/runs/0/live")[2])
    assert [line["step"] for line in told["lines"]] == [line["step"] for line in lines]
    told = json.loads(get(served, f"/api/runs/0/live?since={len(lines) - 1}")[2])
    assert [line["step"] for line in told["lines"]] == [lines[-1]["step"]]
    assert json.loads(get(served, "/api/runs/0/live?since=999")[2])["since"] == len(lines)


def test_a_picture_is_the_file_of_the_run(served, tiny_run, get):
    status, headers, body = get(served, PLACE + "picture")
    assert (status, headers["content-type"]) == (200, "image/png")
    assert body == (tiny_run / "samples" / "epoch-0001-replica-1.png").read_bytes()


def test_a_damaged_checkpoint_is_a_sentence(serve, tiny_run, tmp_path, get):
    import shutil

    shutil.copytree(tiny_run, tmp_path / "run")
    file = tmp_path / "run" / "checkpoints" / "epoch-0001.safetensors"
    file.write_bytes(file.read_bytes()[:-9])
    with serve(tmp_path / "run") as server:
        status, _, body = get(server, PLACE + "generator")
        assert status == 422
        assert "is damaged" in json.loads(body)["error"]
        assert get(server, PLACE.replace("epochs/1", "epochs/2") + "generator")[0] == 200


def test_numbers_that_json_does_not_have_are_null(serve, tiny_run, tmp_path, get):
    import shutil

    shutil.copytree(tiny_run, tmp_path / "run")
    line = Record(tiny_run).lines()[-1] | {"step": 99, "mean_loss_d": [float("nan"), float("inf")]}
    Record(tmp_path / "run").append(line)
    with serve(tmp_path / "run") as server:
        told = json.loads(get(server, "/api/runs/0/live")[2], parse_constant=pytest.fail)
        assert told["lines"][-1]["mean_loss_d"] == [None, None]


# -- the parts -----------------------------------------------------------------------------------------------------


def test_directions_of_a_linear_generator_are_its_singular_vectors():
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(4000, 6, generator=generator)
    left = torch.linalg.qr(torch.randn(6, 6, generator=generator))[0]
    right = torch.linalg.qr(torch.randn(30, 6, generator=generator))[0]
    sizes = torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0, 0.5])
    ways, shares = directions(z, (z @ left * sizes) @ right.T)
    assert (ways @ left).abs() == pytest.approx(np.eye(6), abs=1e-3)
    assert float(shares.sum()) == pytest.approx(1, abs=0.05)
    assert shares.numpy() == pytest.approx((sizes**2 / (sizes**2).sum()).numpy(), abs=0.03)


def test_an_affine_map_is_known_by_its_values():
    weight, bias = torch.randn(5, 3, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
    found = affine(lambda rows: rows @ weight + bias, 5)
    torch.testing.assert_close(found[0], weight)
    torch.testing.assert_close(found[1], bias)


def test_a_cache_makes_once_and_forgets_the_least_used(get):
    cache, made = Cache(2), []

    def ask(key):
        return cache.get(key, lambda: made.append(key) or key)

    for key in ("a", "b", "a", "c", "a", "b"):
        assert ask(key) == key
    assert made == ["a", "b", "c", "b"]  # b had to make room for c


def test_a_value_that_takes_long_holds_up_no_other_and_an_error_is_tried_again():
    cache, going, done = Cache(4), threading.Event(), threading.Event()

    def slow():
        going.set()
        assert done.wait(20)
        return "slow"

    with ThreadPoolExecutor(2) as pool:
        both = [
            pool.submit(cache.get, "a", slow) for _ in range(2)
        ]  # the second waits for the first, and makes nothing
        assert going.wait(20)
        assert cache.get("b", lambda: "quick") == "quick"
        done.set()
        assert [one.result(20) for one in both] == ["slow", "slow"]
    with pytest.raises(ZeroDivisionError):
        cache.get("c", lambda: 1 / 0)
    assert cache.get("c", lambda: 3) == 3


def test_g_is_served_while_the_rest_of_its_run_and_another_run_are_prepared(tiny_run, own_run, monkeypatch):
    library, going, done = Library([tiny_run, own_run]), threading.Event(), threading.Event()
    whole = Model.notes

    def slow(model):
        going.set()
        assert done.wait(60)
        return whole(model)

    monkeypatch.setattr(Model, "notes", slow)
    with ThreadPoolExecutor(1) as pool:
        notes = pool.submit(library.part, 0, 0, 2, "notes")
        assert going.wait(20)
        for run, part in ((0, "start"), (0, "generator"), (1, "generator"), (1, "levels")):
            assert library.part(run, 0, 2, part).body
        assert not notes.done()
        done.set()
        assert notes.result(60).body


def test_g_waits_for_neither_the_training_images_nor_d(tiny_run, monkeypatch):
    monkeypatch.setattr(models, "players_of", None)
    monkeypatch.setattr(models, "read_images", None)
    library = Library([tiny_run])
    assert library.part(0, 0, 1, "start").body
    assert library.part(0, 0, 1, "generator").body
    with pytest.raises(UserError):
        library.part(0, 0, 1, "discriminator")


def test_the_levels_are_d_s_logits_of_the_training_images_in_order(served, tiny_run, get):
    levels = load(get(served, PLACE + "levels")[2])["logits"]
    checkpoint = Record.open(tiny_run).checkpoints.at_epoch(1)
    images = load_data("digits", "train", resize=8, limit=checkpoint.config.data.limit)
    players, _ = players_of(checkpoint, 1, images)
    with torch.no_grad():
        expected = players.dis(images.pixels.float() / 127.5 - 1).sort().values
    assert levels == pytest.approx(expected.numpy(), abs=1e-4)


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        (["s/a/seed-0", "s/b/seed-0", "s/b/seed-1"], ["a/seed-0", "b/seed-0", "seed-1"]),
        (["s/a/x/seed-0", "s/b/x/seed-0", "x/run"], ["a/x/seed-0", "b/x/seed-0", "run"]),
        (["home/a", "home/a"], ["a", "a (2)"]),  # and no more of the path than needed
        (["a\x1b"], ["a\\x1b"]),
    ],
)
def test_runs_of_one_name_are_told_apart(folders, names, tmp_path):
    assert distinct([tmp_path / folder for folder in folders]) == names


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="There is no run in"):
        Library([tmp_path])


def test_the_runtime_is_the_one_that_its_notice_names():
    import gzip
    import hashlib
    from importlib.resources import files

    notice = files("ayneh.explorer").joinpath("runtime", "README.md").read_text()
    for body in (runtime_script(), gzip.decompress(runtime_wasm_gz())):
        assert hashlib.sha256(body).hexdigest() in notice
    assert "Copyright (c) Microsoft Corporation" in notice
