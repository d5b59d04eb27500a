"""The explorer's page in Chromium: each view does what it says, by pointer and by keys, on paper of every size."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from ayneh.engine.critic import critic_of
from ayneh.export.players import players_of
from ayneh.game.priors import make_prior
from ayneh.jobs.explore import explore
from ayneh.record import Record

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


def opened(page, server, view, name="map"):
    """The page with this view ready."""
    page.goto(f"{server.url}/#{view}")
    page.wait_for_selector(f'#view-{view}[data-ready="{name}"]' if name else "html[data-shown]")
    page.wait_for_timeout(100)


def pixels(page, selector):
    """A canvas as its numbers, (H, W, 4)."""
    width, height, data = page.evaluate(
        """(selector) => {
          const c = document.querySelector(selector);
          const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
          return [c.width, c.height, Array.from(data)];
        }""",
        selector,
    )
    return np.array(data, np.uint8).reshape(height, width, 4)


def changes(page, selector, before):
    """Wait until a canvas shows something else."""
    for _ in range(300):
        now = pixels(page, selector)
        if now.shape != before.shape or not np.array_equal(now, before):
            return now
        page.wait_for_timeout(50)
    raise AssertionError(f"{selector} stayed as it was")


# -- the arithmetic ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "numbers"), PRIORS, ids=[name for name, _ in PRIORS])
def test_paths_are_those_of_the_prior_in_python(page, served, name, numbers):
    prior = make_prior(name, **numbers)
    a, b = prior.sample(2, 40, torch.Generator().manual_seed(1))
    t = [0.0, 0.1, 0.37, 0.5, 0.9, 1.0]
    page.goto(served.url)
    found = page.evaluate(
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
def test_draws_and_points_of_a_plane_follow_the_prior(page, served, name, numbers):
    prior = make_prior(name, **numbers)
    page.goto(served.url)
    draws, mixed, settled = page.evaluate(
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


def test_half_precision_is_read_as_numpy_writes_it(page, served):
    values = np.array([0, 1, -2.5, 65504, 6e-8, -6e-5, 0.333, np.inf], np.float16)
    from safetensors.numpy import save

    page.goto(served.url)
    found = page.evaluate(
        """async (bytes) => {
          const { unpack } = await import("/page/arrays.js");
          return Array.from(unpack(Uint8Array.from(bytes).buffer).x.data, String);
        }""",
        list(save({"x": values}, {"ayneh": "{}"})),
    )
    assert [float(x.replace("Infinity", "inf")) for x in found] == values.astype(float).tolist()


def test_the_browsers_nets_agree_with_pytorch(page, served, tiny_run):
    from ayneh.data.sources import load

    opened(page, served, "plane")
    checkpoint = Record.open(tiny_run).at_epoch(2)
    data = checkpoint.config.data
    images = load(data.name, "train", resize=data.resize, limit=data.limit)
    players, sampler = players_of(checkpoint, 0, images.pixels)
    z = sampler.latents("some", 10)
    with torch.no_grad():
        image = players.gen(z)
        opinions = players.judge(image).sigmoid()
    critic = critic_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, 0)
    found = page.evaluate("(z) => explorer.generate(z)", z.tolist())
    assert np.array(found) == pytest.approx(image.flatten().numpy(), abs=1e-5)
    read = page.evaluate("(x) => explorer.read(x)", image.flatten().tolist())
    assert read["opinions"] == pytest.approx(opinions.tolist(), abs=1e-5)
    assert read["features"] == pytest.approx(critic.features(image).flatten().tolist(), rel=1e-3, abs=1e-4)


# -- the views -----------------------------------------------------------------------------------------------------


def test_the_lens_follows_the_pointer_and_the_keys(page, served, shots):
    opened(page, served, "plane")
    before = pixels(page, ".lens canvas")
    box = page.locator(".map").bounding_box()
    page.mouse.move(box["x"] + 30, box["y"] + 30)
    moved = changes(page, ".lens canvas", before)
    page.mouse.click(box["x"] + 30, box["y"] + 30)  # held: it follows no more
    page.wait_for_timeout(500)
    held = pixels(page, ".lens canvas")
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.wait_for_timeout(500)
    assert np.array_equal(held, pixels(page, ".lens canvas"))
    page.locator(".map").focus()
    page.keyboard.press("Shift+ArrowRight")
    changes(page, ".lens canvas", moved)
    assert "% from the left" in page.inner_text("#plane-said")
    map_before = pixels(page, ".map canvas")
    page.click("#plane-new")
    changes(page, ".map canvas", map_before)
    page.select_option("#view-plane select", "ways")
    page.wait_for_selector('#view-plane[data-ready="map"]')
    page.screenshot(path=shots / "plane.png", full_page=True)
    assert "%" in page.inner_text(".plane .opinion")


def test_a_direction_moves_the_image_and_its_slider_tells_where(page, served, shots):
    opened(page, served, "directions", None)
    sliders = page.locator(".sliders input")
    assert sliders.count() == 8  # no more than z has numbers
    before = pixels(page, "#view-directions canvas.big")
    start = sliders.nth(1).input_value()
    sliders.nth(1).focus()
    for _ in range(6):
        page.keyboard.press("PageUp")
    moved = changes(page, "#view-directions canvas.big", before)
    assert float(sliders.nth(1).input_value()) > float(start)
    page.click("#directions-reset")
    changes(page, "#view-directions canvas.big", moved)
    assert sliders.nth(1).input_value() == start
    page.screenshot(path=shots / "directions.png", full_page=True)


def test_a_path_begins_and_ends_with_its_ends(page, served, shots):
    opened(page, served, "path", "strips")
    page.check("#view-path input[type=checkbox]")
    page.wait_for_selector('#view-path[data-ready="strips"]')
    side = 8
    for key, tile in (("Home", 0), ("End", 8)):
        page.focus("#walk-position")
        page.keyboard.press(key)
        page.wait_for_timeout(500)
        for way in (1, 2):  # the prior's path, and the straight line
            big = pixels(page, f".way:nth-child({way}) canvas.big")[:side, :side]
            strip = pixels(page, f".way:nth-child({way}) .way-images div canvas")
            x = 1 + tile * (side + 1)
            assert np.abs(big.astype(int) - strip[1 : 1 + side, x : x + side]).max() <= 1
    assert page.locator(".way").count() == 2
    page.screenshot(path=shots / "path.png", full_page=True)


def test_a_drawing_is_read_searched_for_and_walked_from(page, served, shots):
    opened(page, served, "drawing", "drawn")
    page.wait_for_selector("text=A training image")
    box = page.locator(".pen").bounding_box()
    centre = box["x"] + box["width"] / 2
    page.mouse.move(centre, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(centre - 5, box["y"] + 240, steps=8)
    page.mouse.up()
    page.wait_for_selector("text=Your drawing")
    page.wait_for_selector('#view-drawing[data-ready="drawn"]')
    drawn = pixels(page, "#view-drawing canvas.big")[:8, :8, 0]
    assert drawn[:, 3:5].mean() > 80 > 20 > drawn[:, [0, 1, 6, 7]].mean()  # a stroke from top to bottom, in the middle
    assert "training images, by D's numbers" in page.inner_text("#view-drawing")
    assert len(page.locator(".numbers").text_content().split(",")) == 8
    error = float(page.get_attribute("#view-drawing .pair div:nth-child(2) canvas", "data-error"))
    page.click("#drawing-search")
    page.wait_for_selector('#view-drawing[data-ready="found"]')
    found = float(page.get_attribute("#view-drawing .pair div:nth-child(2) canvas", "data-error"))
    assert found <= error
    page.screenshot(path=shots / "drawing.png", full_page=True)
    page.click("#drawing-walk")
    page.wait_for_selector("text=The lower left corner is your drawing's latent.")


@pytest.mark.slow
def test_a_drawing_can_be_made_with_the_keys_or_come_from_a_file(page, served, tmp_path):
    opened(page, served, "drawing", "drawn")
    page.focus(".pen")
    page.keyboard.press("Space")
    for _ in range(10):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.wait_for_selector("text=Your drawing")
    assert pixels(page, ".pen")[140:220, 140, 0].min() == 255
    page.keyboard.press("Delete")
    assert pixels(page, ".pen")[..., 0].max() == 0
    paper = np.full((60, 90), 255, np.uint8)  # dark ink on light paper: turned round
    paper[10:50, 43:47] = 0
    Image.fromarray(paper).save(tmp_path / "one.png")
    page.set_input_files("#drawing-file", tmp_path / "one.png")
    page.wait_for_function("() => document.querySelector('#drawing-file').value === ''")
    page.wait_for_timeout(300)
    shown = pixels(page, ".pen")[..., 0]
    assert shown[140, 140] > 200
    assert shown[5].max() < 50
    (tmp_path / "not.png").write_text("no image")
    page.set_input_files("#drawing-file", tmp_path / "not.png")
    page.wait_for_selector("text=not.png is not an image that this browser can read.")


@pytest.mark.parametrize(("weight", "near"), [(1e-6, True), (1e6, False)])
def test_the_search_solves_a_curved_problem_unless_the_prior_outweighs_it(page, served, weight, near):
    """G(z) = tanh(A z) with more pixels than numbers: the one latent of an image can be found again."""
    chance = np.random.default_rng(0)
    matrix = chance.normal(size=(30, 6)) / 3
    z = chance.normal(size=6)
    page.goto(served.url)
    found = page.evaluate(
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


def test_the_same_noise_learns(page, served, tiny_run, shots):
    opened(page, served, "epochs", "film")
    seen = {}
    for key in ("Home", "ArrowRight", "ArrowRight"):
        page.focus("#epochs-slider")
        page.keyboard.press(key)
        page.wait_for_timeout(500)
        epoch = page.get_attribute("#view-epochs canvas", "data-epoch")
        seen[epoch] = pixels(page, "#view-epochs canvas")
    assert list(seen) == ["0", "1", "2"]
    assert not np.array_equal(seen["0"], seen["2"])
    checkpoint = Record.open(tiny_run).at_epoch(1)
    sampler = critic_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, 0).sampler
    first = ((next(sampler.images("samples", 64))[0, 0] + 1) * 127.5).round().numpy()
    assert np.abs(seen["1"][1:9, 1:9, 0] - first).max() <= 1
    page.screenshot(path=shots / "epochs.png", full_page=True)


def test_a_run_in_training_is_followed(page, serve, tiny_run, tmp_path, shots):
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    config = json.loads((run / "config.json").read_text())
    config["config"]["epochs"] = 5
    (run / "config.json").write_text(json.dumps(config))
    with serve(run) as server:
        opened(page, server, "training", "drawn")
        page.wait_for_selector("text=In training: epoch 2 of 0 to 4")
        page.wait_for_selector("text=None.")
        line = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1]) | {"epoch": 3, "images": 4321}
        with (run / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        (run / "findings.jsonl").write_text('{"epoch": 3, "words": "<b>G draws one shape</b>"}\n')
        newest = run / "checkpoints" / "epoch-0003.safetensors"
        shutil.copy(run / "checkpoints" / "epoch-0002.safetensors", newest)
        page.wait_for_selector("text=4,321 images seen")
        page.wait_for_selector("text=Epoch 3: <b>G draws one shape</b>")  # words, not markup
        page.wait_for_selector(".side-card output:text-is('3')")  # the slider followed
        page.screenshot(path=shots / "training.png", full_page=True)
        page.goto("about:blank")


def test_a_run_without_a_checkpoint_opens_when_there_is_one(page, serve, tiny_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    shutil.move(run / "checkpoints", tmp_path / "kept")
    (run / "checkpoints").mkdir()
    config = json.loads((run / "config.json").read_text())
    config["config"]["epochs"] = 5
    (run / "config.json").write_text(json.dumps(config))
    with serve(run) as server:
        page.goto(server.url)
        page.wait_for_selector("text=No checkpoint has been written yet")
        shutil.copy(tmp_path / "kept" / "epoch-0001.safetensors", run / "checkpoints")
        page.wait_for_selector(".side-card")
        page.click("#tab-plane")
        page.wait_for_selector('#view-plane[data-ready="map"]')
        page.goto("about:blank")


@pytest.mark.slow
def test_two_sides_draw_from_the_same_noise(page, serve, tiny_run, tmp_path, shots):
    shutil.copytree(tiny_run, tmp_path / "twin")
    with serve(tiny_run, tmp_path / "twin") as server:
        opened(page, server, "plane")
        page.click("#compare")
        page.wait_for_function("() => document.querySelectorAll('.plane').length === 2")
        page.wait_for_selector('#view-plane[data-ready="map"]')
        canvases = ".plane:nth-child({}) .map canvas"
        assert np.array_equal(pixels(page, canvases.format(1)), pixels(page, canvases.format(2)))
        page.select_option(".side-card:nth-child(2) .choice:nth-child(2) select", "1")  # another seed
        page.wait_for_timeout(300)
        page.wait_for_selector('#view-plane[data-ready="map"]')
        assert not np.array_equal(pixels(page, canvases.format(1)), pixels(page, canvases.format(2)))
        for view in ("directions", "path", "drawing", "epochs", "training"):
            page.click(f"#tab-{view}")
            page.wait_for_selector(f'html[data-shown="{view}"]')
            page.wait_for_timeout(700)
            page.screenshot(path=shots / f"two-{view}.png", full_page=True)
        page.click("text=Close >> nth=1")
        page.wait_for_selector("#compare")


# -- for everybody -------------------------------------------------------------------------------------------------

UNNAMED = """() => [...document.querySelectorAll("button, input, select, canvas[role], [tabindex='0'], svg[role]")]
  .filter((e) => e.checkVisibility())
  .filter((e) => !(e.getAttribute("aria-label") || e.labels?.length || e.textContent.trim()))
  .map((e) => e.outerHTML)"""


def test_views_are_reached_by_keys_and_every_control_has_a_name(page, served):
    opened(page, served, "plane")
    page.focus("#tab-plane")
    for view in ("directions", "path", "drawing", "epochs", "training", "plane"):
        page.keyboard.press("ArrowRight")
        page.wait_for_selector(f'html[data-shown="{view}"]')
        assert page.get_attribute(f"#tab-{view}", "aria-selected") == "true"
        assert page.evaluate("document.activeElement.id") == f"tab-{view}"
        page.wait_for_timeout(300)
        assert page.evaluate(UNNAMED) == []
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    stops = []
    for _ in range(4):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.className + document.activeElement.tagName"))
        assert page.evaluate(outline) == "solid", stops
    assert "mapDIV" in stops


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_on_a_phone_in_light_and_dark(chromium, served, shots, scheme):
    phone = chromium.new_page(viewport={"width": 360, "height": 740}, color_scheme=scheme, has_touch=True)
    phone.set_default_timeout(60_000)
    for view, ready in (("plane", "map"), ("directions", None), ("path", "strips"), ("drawing", "drawn"),
                        ("epochs", "film"), ("training", "drawn")):  # fmt: skip
        opened(phone, served, view, ready)
        phone.reload()
        phone.wait_for_selector(f'html[data-shown="{view}"]')
        phone.wait_for_timeout(500)
        assert phone.evaluate("document.documentElement.scrollWidth") <= 360, view
        ink, ground = (
            np.array(
                json.loads(
                    phone.evaluate(f"getComputedStyle(document.body).{name}").replace("rgb(", "[").replace(")", "]")
                )
            )
            for name in ("color", "backgroundColor")
        )
        assert (ink.mean() > ground.mean()) == (scheme == "dark")
        phone.screenshot(path=shots / f"phone-{scheme}-{view}.png", full_page=True)
    phone.close()


def test_a_saved_page_works_alone(page, tiny_run, tmp_path, shots):
    explore([tiny_run], save=tmp_path / "page.html", save_epochs=2, replica=1)
    page.goto((tmp_path / "page.html").as_uri())
    page.wait_for_selector('#view-plane[data-ready="map"]')
    assert pixels(page, ".map canvas")[..., 0].max() > 0
    page.screenshot(path=shots / "saved.png", full_page=True)
    page.click("#tab-drawing")
    page.wait_for_selector("text=A training image")
    page.wait_for_selector("text=The nearest of 128 training images")
    page.click("#tab-epochs")
    page.wait_for_selector("text=after the epochs 0, 2.")
    page.click("#tab-training")
    page.wait_for_selector("text=Epoch 2 of 0 to 2")
    page.wait_for_function("() => document.querySelector('.picture').naturalWidth > 0")
    page.click("#tab-directions")
    page.wait_for_selector("#view-directions .opinion:not(:empty)")
    checkpoint = Record.open(tiny_run).at_epoch(2)
    sampler = critic_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, 1).sampler
    z = sampler.latents("some", 5)
    with torch.no_grad():
        expected = sampler.gen(z).flatten().numpy()
    found = page.evaluate("(z) => explorer.generate(z)", z.tolist())
    assert np.array(found) == pytest.approx(expected, abs=5e-3)  # weights in half precision
