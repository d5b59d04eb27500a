"""Runs with labels in the window: the class asked for, what is between two, what D reads; in ONNX and in Chromium."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load

from ayneh.__main__ import main
from ayneh.explorer.models import Model, within
from ayneh.export.players import players_of
from ayneh.game.conditional import Embedding
from ayneh.jobs.explore import explore
from ayneh.record.record import Record

WAYS = {
    "concat": ["--rules.labels", "concat"],
    "projection": [
        *("--rules.labels", "projection", "--net.gen-labels", "norm", "--net.name", "mlp", "--net.gen-norm", "batch"),
    ],
    "auxiliary": ["--rules.labels", "auxiliary"],
}
ROWS = "text=All classes, a row each"
SEEN = "#view-drawing .pair div:nth-child(1) canvas"


@pytest.fixture(scope="module")
def labelled(tmp_path_factory, tiny):
    """``labelled("concat")``: a run of one epoch of the embedded digits in this way."""
    runs = {}

    def run(way):
        if way not in runs:
            runs[way] = tmp_path_factory.mktemp(way) / way
            seen = ["--epochs", "1", "--seeds", "1", "--net.init", "glorot"]  # images of more than one grey
            main(["train", "digits", *tiny, *seen, *WAYS[way], "--out", str(runs[way])])
        return runs[way]

    return run


@pytest.fixture
def nets(labelled):
    """``nets("concat")``: the window's nets of that run as PyTorch's modules, and the sampler."""

    def made(way):
        model = Model(Record.open(labelled(way)).checkpoints.at_epoch(0), 0)
        images = model.images
        return players_of(model.checkpoint, 0, images)

    return made


def asked(way):
    return pytest.mark.parametrize("way", way)


@torch.no_grad()
def read_by(players, way, x):
    """The log-probabilities of the classes, by the definition."""
    if way == "auxiliary":
        return players.dis(x, classify=True)[:, 1:].log_softmax(1)
    every = [players.dis(x, torch.full((len(x),), k)) for k in range(10)]
    return torch.stack(every, 1).log_softmax(1)


@torch.no_grad()
def between(gen, z, one, other, share):
    """G with the embeddings of class ``one`` replaced by the means of both."""
    tables = [module.weight for module in gen.modules() if isinstance(module, Embedding)]
    kept = [table.clone() for table in tables]
    for table in tables:
        table[one] = (1 - share) * table[one] + share * table[other]
    image = gen(z, torch.full((len(z),), one))
    for table, was in zip(tables, kept, strict=True):
        table.copy_(was)
    return image


# -- what the server makes ---------------------------------------------------------------------------------------------


@asked(["concat", "projection"])
def test_g_takes_a_mix_of_classes(labelled, nets, way):
    onnxruntime = pytest.importorskip("onnxruntime")
    model = Model(Record.open(labelled(way)).checkpoints.at_epoch(0), 0)
    session = onnxruntime.InferenceSession(model.generator())
    players, sampler = nets(way)
    z = sampler.latents("some", 10)
    one_hot = np.eye(10, dtype=np.float32)
    (images,) = session.run(["image"], {"z": z.numpy(), "mix": one_hot})
    expected = sampler.images("some", 10, torch.arange(10)).numpy()
    assert images == pytest.approx(expected, abs=1e-5)
    (mixed,) = session.run(["image"], {"z": z.numpy(), "mix": np.tile(0.3 * one_hot[2] + 0.7 * one_hot[5], (10, 1))})
    assert mixed == pytest.approx(between(players.gen, z, 2, 5, 0.7).numpy(), abs=1e-5)
    assert np.abs(mixed - images).max() > 1e-3


@asked(WAYS)
def test_the_notes_name_the_classes_and_how_d_reads_them(labelled, way):
    model = Model(Record.open(labelled(way)).checkpoints.at_epoch(0), 0)
    notes, start = model.notes(), model.start()
    about = json.loads(json.loads(start[8 : 8 + int.from_bytes(start[:8], "little")])["__metadata__"]["ayneh"])
    names = [str(k) for k in range(10)]
    assert about["labels"] == {"names": names, "parts": [10], "between": True, "takes": way != "auxiliary"}
    assert load(notes)["directions"].shape == (8, 8)
    assert load(model.gallery())["labels"].max() == 9


def test_directions_of_a_class_leave_out_what_differs_between_classes():
    y = torch.tensor([0, 1, 0, 1, 0])
    x = torch.randn(5, 1, 2, 2)
    left = within(x + 100 * y.view(-1, 1, 1, 1), y)
    assert left == pytest.approx(within(x, y), abs=1e-4)
    for k in (0, 1):
        assert left[y == k].mean(0) == pytest.approx(torch.zeros(1, 2, 2), abs=1e-4)


OWN = """
import torch
from torch import nn

import ayneh


class Gen(nn.Module):
    def __init__(self, table):
        super().__init__()
        self.table, self.net = nn.Embedding(10, 4) if table else None, nn.Linear(12, 64)

    def forward(self, z, y):
        e = self.table(y) if self.table else torch.cos(y[:, None] * torch.arange(1, 5))
        return self.net(torch.cat([z, e], 1)).tanh().reshape(z.shape[0], 1, 8, 8)


class Dis(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.net = nn.Embedding(10, 64), nn.Linear(64, 1)

    def forward(self, x, y):
        return self.net(x.flatten(1) * self.table(y)).squeeze(1)


ayneh.add("net", "table", (Gen, Dis), gen_args={"table": True})
ayneh.add("net", "number", (Gen, Dis), gen_args={"table": False})
"""


@pytest.mark.slow
@pytest.mark.parametrize("net", ["table", "number"])
def test_nets_of_ones_own_are_between_two_classes_where_the_class_is_a_row_of_a_table(net, tmp_path, tiny):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    (tmp_path / "own.py").write_text(OWN)
    how = ["--rules.labels", "projection", "--parts", str(tmp_path / "own.py"), "--net.name", net]
    at = tiny.index("--net.width")
    left = tiny[:at] + tiny[at + 2 :]  # which nets of one's own do not have
    main(["train", "digits", *left, *how, "--epochs", "1", "--seeds", "1", "--out", str(tmp_path / "run")])
    model = Model(Record.open(tmp_path / "run").checkpoints.at_epoch(0), 0)
    players, sampler = players_of(model.checkpoint, 0, model.images)
    start = model.start()
    about = json.loads(json.loads(start[8 : 8 + int.from_bytes(start[:8], "little")])["__metadata__"]["ayneh"])
    assert about["labels"]["between"] == (net == "table")
    z, one_hot = sampler.latents("some", 10), np.eye(10, dtype=np.float32)
    images = sampler.images("some", 10, torch.arange(10))
    session = onnxruntime.InferenceSession(model.generator())
    (found,) = session.run(["image"], {"z": z.numpy(), "mix": one_hot})
    assert found == pytest.approx(images.numpy(), abs=1e-5)
    if net == "number":
        return
    session = onnxruntime.InferenceSession(model.discriminator())
    (found,) = session.run(["logit"], {"image": images.numpy(), "mix": one_hot})
    with torch.no_grad():
        assert found == pytest.approx(players.dis(images, torch.arange(10)).numpy(), abs=1e-4)


# -- the page ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@asked(["concat", "projection"])
def test_the_browser_drives_the_picker(page, serve, labelled, nets, shots, opened, ready, pixels, changes, way):
    players, sampler = nets(way)
    z = sampler.latents("some", 6)

    def shown():
        return np.array(page.evaluate("(z) => explorer.generate(z)", z.tolist()))

    def expected(k):
        return sampler.images("some", 6, torch.full((6,), k)).flatten().numpy()

    with serve(labelled(way)) as server:
        assert np.abs(expected(7) - expected(8)).max() > 0.1
        opened(page, server, "plane")
        before = pixels(page, ".map canvas")
        page.click("[role=radio]:text-is('7')")
        changes(page, ".map canvas", before)
        ready(page, "plane")
        assert shown() == pytest.approx(expected(7), abs=1e-5)
        page.keyboard.press("ArrowRight")
        assert shown() == pytest.approx(expected(8), abs=1e-5)
        page.select_option(".class-picker select", label="3")
        for place, image in ((0, expected(8)), (1, expected(3)), (0.4, None)):
            page.fill(".class-share", str(place))
            ready(page, "plane")
            wanted = between(players.gen, z, 8, 3, place).flatten().numpy() if image is None else image
            assert shown() == pytest.approx(wanted, abs=1e-5), place
        page.check(ROWS)
        ready(page, "plane")
        assert page.locator(".lens .row-names li").all_inner_texts() == [str(k) for k in range(10)]
        page.screenshot(path=shots / f"classes-{way}.png", full_page=True)
        for view in ("directions", "path", "epochs") if way == "concat" else ("epochs",):
            page.click(f"#tab-{view}")
            ready(page, view)
            page.screenshot(path=shots / f"classes-{way}-{view}.png", full_page=True)
        grid = pixels(page, "#view-epochs canvas")  # the run's own noise, a row a class
        for k in range(10):
            own = ((sampler.images("samples", 64, torch.full((64,), k))[:5, 0] + 1) * 127.5).round().numpy()
            for i, image in enumerate(own):
                tile = grid[1 + 11 * k : 9 + 11 * k, 1 + 9 * i : 9 + 9 * i, 0]
                assert np.abs(tile - image).max() <= 1, (k, i)


@pytest.mark.slow
@asked(WAYS)
def test_draw_shows_the_class_that_d_reads(page, serve, labelled, nets, shots, opened, ready, pixels, way):
    players, _ = nets(way)
    with serve(labelled(way)) as server:
        opened(page, server, "drawing")
        page.wait_for_selector("text=A training image")
        page.click("[role=radio]:text-is('7')")
        ready(page, "drawing")
        seen = pixels(page, SEEN)[:8, :8, 0]
        x = torch.from_numpy(seen)[None, None] / 127.5 - 1
        shares = read_by(players, way, x).exp()[0].numpy()
        bars = page.locator(".bars li")
        assert [bar.inner_text() for bar in bars.locator("bdi").all()] == [str(k) for k in range(10)]
        widths = bars.locator(".bar").evaluate_all("(bars) => bars.map((bar) => parseFloat(bar.style.width))")
        assert np.array(widths) == pytest.approx(100 * shares, abs=0.01)
        assert page.get_attribute(".reads", "data-read") == str(shares.argmax())
        with torch.no_grad():
            logit = players.dis(x) if way == "auxiliary" else players.dis(x, torch.tensor([7]))
        said = f"(logit {logit.item():.2f})" if way == "auxiliary" else f"as 7 (logit {logit.item():.2f})"
        assert said in page.inner_text("#view-drawing .opinion >> nth=0")
        words = "D reads" if way == "auxiliary" else "Most real to D as"
        assert f"{words} {shares.argmax()}," in page.inner_text(".reads")
        words = "its probability of that class" if way == "auxiliary" else "no calibrated probabilities"
        assert words in page.inner_text(".reads")
        page.check("text=Training images of this class alone")
        page.wait_for_selector("text=Labels: 7, 7, 7, 7, 7, 7, 7, 7.")
        page.screenshot(path=shots / f"reads-{way}.png", full_page=True)


@pytest.mark.slow
def test_the_class_belongs_to_its_side_and_appears_with_the_first_checkpoint(
    page, serve, labelled, tmp_path, shots, opened, ready, pixels
):
    page.add_init_script("const real = setTimeout; window.setTimeout = (f, ms) => real(f, ms >= 1000 ? ms / 20 : ms);")
    run = shutil.copytree(labelled("concat"), tmp_path / "run")
    (run / "checkpoints").rename(tmp_path / "kept")
    with Record(run).locked(), serve(run) as server:  # by who trains
        page.goto(f"{server.url}/")
        page.wait_for_selector("text=No checkpoint has been written yet.")
        assert page.locator(".class-picker").count() == 0
        shutil.copytree(tmp_path / "kept", run / "checkpoints")
        page.wait_for_selector(".class-picker")
        page.click("#tab-plane")
        ready(page, "plane")
        page.click("#compare")
        page.wait_for_function("() => document.querySelectorAll('.plane').length === 2")
        ready(page, "plane")
        left, right = (f".plane:nth-child({k}) .map canvas" for k in (1, 2))
        assert np.array_equal(pixels(page, left), pixels(page, right))
        page.click(".side-card:nth-child(2) [role=radio]:text-is('4')")
        ready(page, "plane")
        assert not np.array_equal(pixels(page, left), pixels(page, right))
        page.screenshot(path=shots / "classes-two.png", full_page=True)
        page.click(".side-card:nth-child(1) [role=radio]:text-is('4')")
        ready(page, "plane")
        assert np.array_equal(pixels(page, left), pixels(page, right))
        page.goto("about:blank")


@pytest.mark.slow
def test_a_saved_page_has_the_classes(page, labelled, nets, tmp_path, ready):
    explore([labelled("projection")], save=tmp_path / "page.html", save_epochs=1)
    page.goto((tmp_path / "page.html").as_uri())
    ready(page, "plane")
    page.click("[role=radio]:text-is('7')")
    _, sampler = nets("projection")
    found = page.evaluate("(z) => explorer.generate(z)", sampler.latents("some", 3).tolist())
    expected = sampler.images("some", 3, torch.full((3,), 7)).flatten().numpy()
    assert np.array(found) == pytest.approx(expected, abs=5e-3)  # weights in half precision


@pytest.mark.slow
def test_names_of_classes_are_text(page, serve, tmp_path, tiny, shots, opened, ready):
    names = ['<img src=x onerror="window.hit=1">', "آینه", "a\u202eb", "long" + " long" * 29]
    pixels = np.random.default_rng(0).integers(0, 256, (40, 4, 8, 8), np.uint8)
    for k, name in enumerate(names):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i, image in enumerate(pixels[:, k]):
            Image.fromarray(image).save(tmp_path / "data" / name / f"{i}.png")
    data = ["--data.name", f"folder:{tmp_path / 'data'}", "--rules.labels", "projection"]
    main(["train", "digits", *tiny, *data, "--epochs", "1", "--seeds", "1", "--out", str(tmp_path / "run")])
    with serve(tmp_path / "run") as server:
        opened(page, server, "drawing")
        page.check(ROWS)
        shown = page.locator("[role=radio]").all_text_contents()
        assert sorted(shown) == sorted([names[0], names[1], "a\\u202eb", names[3]])
        for view in ("plane", "directions", "path", "epochs"):
            page.click(f"#tab-{view}")
            ready(page, view)
        page.screenshot(path=shots / "classes-hostile.png", full_page=True)
        assert page.evaluate("window.hit") is None
        assert page.locator("img[src=x]").count() == 0
        assert "\u202e" not in page.content()
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
        page.set_viewport_size({"width": 390, "height": 844})
        for view in ("epochs", "path", "directions", "plane", "drawing"):
            page.click(f"#tab-{view}")
            ready(page, view)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, view
        page.screenshot(path=shots / "classes-hostile-phone.png", full_page=True)
