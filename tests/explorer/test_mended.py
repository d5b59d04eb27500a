"""The window where something is missing, late, wrong or gone, and its state in links and files, in Chromium."""

import io
import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load

from ayneh.explorer.models import pack

pytestmark = pytest.mark.slow  # a browser

SOONER = """const real = setTimeout;
window.setTimeout = (f, ms, ...rest) => real(f, ms >= 1000 ? ms / 20 : ms, ...rest);"""

MODEL = """async ([about, levels, logits]) => {
  const { Model } = await import("/page/model.js");
  const own = { about, levels: levels && Float32Array.from(levels), judged: true };
  const model = Object.assign(Object.create(Model.prototype), own);
  const bars = model.bars(Float32Array.from(logits));
  return [bars && Array.from(bars), logits.map((x) => model.word(x)), model.meaning()];
}"""


def test_a_bar_is_the_share_of_training_images_and_a_probability_only_where_it_is_one(desk):
    levels, logits = [-3.0, -1.0, -1.0, 2.0], [-9.0, -1.0, 0.0, 5.0]
    bars, words, _ = desk.evaluate(MODEL, [{"odds": True, "loss": "saturating"}, levels, logits])
    assert bars == [0, 0.5, 0.75, 1]  # the half of equal ones
    assert "more real than 75\u00a0% of the training images; probability of “real” 50\u00a0%" in words[2]
    bars, words, _ = desk.evaluate(MODEL, [{"odds": False, "loss": "relativistic"}, levels, logits])
    assert bars == [0, 0.5, 0.75, 1]
    assert "probability" not in " ".join(words)
    bars, words, _ = desk.evaluate(MODEL, [{"odds": True, "loss": "saturating"}, None, logits])
    assert bars == pytest.approx(1 / (1 + np.exp(-np.array(logits))))
    bars, words, meaning = desk.evaluate(MODEL, [{"odds": False, "loss": "hinge"}, None, logits])
    assert (bars, words[3]) == (None, "D's output: 5.00")
    assert "hinge" in meaning


def test_frames_become_a_gif_that_others_read(desk):
    """Grey levels as they were; long enough that its codes grow to twelve bits and begin anew."""
    grey = np.random.default_rng(1).integers(0, 256, (3, 90, 70), dtype=np.uint8)
    coloured = np.random.default_rng(2).integers(0, 256, (2, 40, 30, 3), dtype=np.uint8)
    barred = grey[:2, :40, :30, None].repeat(3, -1)  # with D's bars, of three colours
    barred[:, -2:] = [[31, 111, 148]] * 20 + [[120, 160, 180]] + [[217, 215, 208]] * 9
    files = desk.evaluate(
        """async ([grey, coloured, barred]) => {
          const { gif } = await import("/page/gif.js");
          const frame = (rgb, width, height) => {
            const image = new ImageData(width, height);
            for (let i = 0; i < width * height; i++) image.data.set([...rgb(i), 255], 4 * i);
            return image;
          };
          const rgb = (frames) => frames.map((x) => frame((i) => x.slice(3 * i, 3 * i + 3), 30, 40));
          const greys = grey.map((x) => frame((i) => [x[i], x[i], x[i]], 70, 90));
          return [greys, rgb(coloured), rgb(barred)].map((frames) => Array.from(gif(frames, 5)));
        }""",
        [[x.ravel().tolist() for x in frames] for frames in (grey, coloured, barred)],
    )
    for file, frames, most in zip(files, (grey[..., None].repeat(3, -1), coloured, barred), (0, 26, 1), strict=True):
        with Image.open(io.BytesIO(bytes(file))) as image:
            assert image.n_frames == len(frames)
            for k, frame in enumerate(frames):
                image.seek(k)
                assert np.abs(np.asarray(image.convert("RGB"), int) - frame).max() <= most
                assert image.info["duration"] == 50


def test_an_address_holds_a_state_and_nothing_of_it_is_lost(desk):
    written, read = desk.evaluate(
        """async () => {
          const { format, parse, numbers } = await import("/page/url.js");
          const sides = [{ run: "a b/x&y=1", replica: 0, epoch: 3 }, { run: "two", replica: 1, epoch: 0, class: 4 }];
          const hash = format("plane", sides, { seed: 7, lens: "0.1,0.2,0.3", held: undefined });
          const back = parse(hash);
          const odd = ["", "1,x", "1,,2", "1,2,3", "NaN", "Infinity"].map((words) => numbers(words, 2));
          const { params } = back;
          const lens = numbers(params.get("lens"), 3);
          return [hash, [back.view, back.sides, params.get("seed"), lens, params.has("held"), odd]];
        }"""
    )
    assert "held" not in written
    view, sides, seed, lens, held, odd = read
    assert (view, seed, lens, held) == ("plane", "7", [0.1, 0.2, 0.3], False)
    assert [(side["run"], side["replica"], side["epoch"], side["class"]) for side in sides] == [
        ("a b/x&y=1", "0", "3", None), ("two", "1", "0", "4"),
    ]  # fmt: skip
    assert odd == [None] * 6


@pytest.fixture(scope="module")
def two(tiny_run, tmp_path_factory, serve):
    """The tiny run, and a copy of it."""
    with serve(tiny_run, shutil.copytree(tiny_run, tmp_path_factory.mktemp("few") / "few")) as server:
        yield server


def test_a_training_image_belongs_to_its_run(page, two, ready):
    """Of a run with fewer training images a number of the run before may be that of none."""
    whole = load(two.library.part(1, 0, 2, "gallery").body)
    few = pack({name: torch.from_numpy(array[:40]) for name, array in whole.items()}, {"of": 40})
    page.route("**/runs/1/**/gallery", lambda route: route.fulfill(body=few))
    page.goto(f"{two.url}/#drawing?run=tiny&replica=0&epoch=2&training=100")
    ready(page, "drawing")
    page.select_option(".side-card select", "1")
    page.wait_for_function("() => location.hash.includes('run=few')")
    ready(page, "drawing")
    words = page.inner_text("#view-drawing")
    assert "NaN" not in words
    assert "A training image. D: more real than" in words
    assert "The nearest of 40 training images" in words


def test_g_comes_first_and_d_and_the_rest_as_they_come(page, served, ready, pixels):
    held, open_ = [], []
    for part in ("discriminator", "notes"):
        page.route(f"**/{part}", lambda route: route.continue_() if open_ else held.append(route))
    page.goto(f"{served.url}/#plane")
    page.wait_for_function(
        "() => document.querySelectorAll('.map canvas[data-painted], .lens canvas[data-painted]').length === 2"
    )
    page.wait_for_selector("text=D is being prepared")
    assert pixels(page, ".lens canvas")[1:9, 1:9, 0].std() > 0
    page.click("#tab-directions")
    page.wait_for_selector("#view-directions .skeleton")
    page.wait_for_selector("#view-directions canvas.big[data-painted]")
    open_.append(True)
    for route in held:
        route.continue_()
    ready(page, "directions")
    assert page.locator("#view-directions .slider").count() == 8
    page.click("#tab-plane")
    ready(page, "plane")
    assert "more real than" in page.inner_text("#view-plane .opinion")


def test_after_a_failed_choice_all_agrees_and_a_server_that_returns_is_noticed(chromium, served, opened, ready, pixels):
    page = chromium.new_page()  # errors are meant to be there
    page.set_default_timeout(60_000)
    page.add_init_script(SOONER)
    opened(page, served, "plane")
    before = pixels(page, ".lens canvas")
    refused = {"status": 422, "json": {"error": "This part cannot be made."}}
    page.route("**/epochs/1/generator", lambda route: route.fulfill(**refused))
    page.focus(".side-card input[type=range]")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("#message:has-text('This part cannot be made.')")
    ready(page, "plane")
    assert page.inner_text(".side-card output") == "2"
    assert "epoch=2" in page.evaluate("location.hash")
    assert np.array_equal(pixels(page, ".lens canvas"), before)
    page.unroute("**/epochs/1/generator")
    page.route("**/api/**", lambda route: route.abort())
    page.focus(".side-card input[type=range]")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("#message:has-text('does not answer')")
    page.unroute("**/api/**")
    page.wait_for_selector("#message", state="hidden")
    page.close()


def test_a_link_to_two_sides_shows_them_and_a_reload_loses_nothing(page, two, ready, pixels):
    link = "#plane?run=tiny&run=few&replica=1&replica=0&epoch=1&epoch=0&seed=7&lens=0.2,0.3,0.4&through=ways"
    page.goto(f"{two.url}/{link}")
    ready(page, "plane")
    shown = [pixels(page, f".plane:nth-child({k}) .lens canvas") for k in (1, 2)]
    assert page.locator(".side-card output").all_inner_texts() == ["1", "0"]
    page.click("#plane-new")
    page.focus(".map")
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_function("() => location.hash.includes('seed=8') && location.hash.includes('lens=0.3,0.3,0.4')")
    ready(page, "plane")
    moved = [pixels(page, f".plane:nth-child({k}) .lens canvas") for k in (1, 2)]
    page.reload()
    ready(page, "plane")
    for k, (old, own) in enumerate(zip(shown, moved, strict=True), 1):
        now = pixels(page, f".plane:nth-child({k}) .lens canvas")
        assert np.array_equal(now, own)
        assert not np.array_equal(now, old)
    page.goto(f"{two.url}/?again#plane?run=gone&replica=0&epoch=1")
    page.wait_for_selector("text=The link names the run gone")


def test_an_address_that_changes_while_the_state_is_about_to_be_written_is_followed(page, served, opened, ready):
    page.add_init_script("""const later = setTimeout;
      window.setTimeout = (f, ms, ...rest) => { if (ms === 150) window.due = f; return later(f, ms, ...rest); }""")
    opened(page, served, "drawing")
    assert page.evaluate("location.hash").startswith("#drawing?")
    page.evaluate("() => { location.hash = '#epochs'; window.due(); }")  # before the event of the change
    ready(page, "epochs")
    page.wait_for_function("() => location.hash.startsWith('#epochs?run=tiny')")


@pytest.fixture(scope="module")
def thinned(tiny_run, tmp_path_factory, serve):
    """The tiny run, and a copy of it with its last checkpoint alone."""
    one = shutil.copytree(tiny_run, tmp_path_factory.mktemp("thinned") / "one")
    for path in [*one.glob("checkpoints/epoch-000[01]*"), *one.glob("generators/*")]:
        path.unlink()
    with serve(tiny_run, one) as server:
        yield server


def test_a_reload_loses_nothing_of_any_view_though_the_right_side_comes_first(page, thinned, ready):
    page.add_init_script("""const real = window.fetch;
      window.fetch = async (path, ...rest) => {
        if (/runs\\/0\\/.*start/.test(path)) await new Promise((done) => setTimeout(done, 400));
        return real(path, ...rest);
      };""")
    sides = "run=tiny&replica=0&epoch=2&run=one&replica=1&epoch=2"
    link = f"{sides}&along=1,0.5,-1,0,0,0,0,2&direction=3&at=0.2&straight=1&training=100&of=1"
    page.goto(f"{thinned.url}/#plane?{link}")
    for view in ("plane", "directions", "drawing", "epochs"):
        page.click(f"#tab-{view}")
        ready(page, view)
        page.reload()
        ready(page, view)
        page.wait_for_timeout(300)
        assert page.evaluate("location.hash") == f"#{view}?{link}"


def test_the_back_button_leads_to_the_view_before(page, served, opened, ready):
    opened(page, served, "plane")
    page.focus(".map")
    page.keyboard.press("ArrowRight")
    page.evaluate("() => (window.same = true)")
    for view in ("path", "epochs"):
        page.click(f"#tab-{view}")
        ready(page, view)
    for go, view in ((page.go_back, "path"), (page.go_back, "plane"), (page.go_forward, "path")):
        go()
        ready(page, view)
        assert page.get_attribute(f"#tab-{view}", "aria-selected") == "true"
        assert page.evaluate("location.hash").startswith(f"#{view}?run=tiny")
    assert page.evaluate("window.same")  # nothing was loaded again
    page.focus(".side-card input[type=range]")
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("() => location.hash.includes('epoch=1')")
    page.go_back()  # to another epoch
    ready(page, "plane")
    assert page.inner_text(".side-card output") == "2"


def test_a_side_that_comes_late_stops_no_view(page, two, ready):
    held, released = {"0": [], "1": []}, set()

    def hold(route):
        run = route.request.url.split("/")[5]
        if run in released:
            route.continue_()
        else:
            held[run].append(route)

    page.route("**/notes", hold)
    page.goto(f"{two.url}/#directions?run=tiny&run=few&epoch=2&epoch=2")
    page.wait_for_function("() => document.querySelectorAll('#view-directions canvas.big[data-painted]').length === 2")
    for run, routes in held.items():  # those of the first side come first
        released.add(run)
        for route in routes:
            route.continue_()
        page.wait_for_timeout(300)
    ready(page, "directions")
    assert page.locator("#view-directions canvas.tiles[data-painted]").count() == 4
    assert page.is_hidden("#message")


def test_d_takes_the_place_of_no_training_image_that_is_on_its_way(page, served, ready):
    held = []
    page.route("**/gallery", lambda route: held.append(route))
    page.goto(f"{served.url}/#drawing")
    page.wait_for_selector("text=mirror nets on digits")  # D is here
    page.wait_for_timeout(300)
    for route in held:
        route.continue_()
    ready(page, "drawing")
    assert "A training image. D: more real than" in page.inner_text("#view-drawing")


def test_axes_have_round_numbers_and_hold_all_points(desk):
    for values in ([0.69, 1.38], [-5.0, -1.2], [-0.0851, 1.6], [3e-4], [], [0.0], [12345.0, 2.0]):
        frame, labels, left = desk.evaluate(
            """async (values) => {
              const { frameOf, lines } = await import("/page/curves.js");
              const series = [{ name: "D", points: values.map((y, i) => [100 * i + 100, y]) }];
              const frame = frameOf(series);
              const figure = lines({ title: "A chart", series, frame });
              document.body.replaceChildren(figure);
              const texts = [...figure.querySelectorAll("text")].slice(0, -2);
              return [frame, texts.map((text) => text.textContent), Math.min(...texts.map((text) => text.getBBox().x))];
            }""",
            values,
        )
        assert frame["bottom"] <= min(values, default=0) <= max(values, default=0) <= frame["top"]
        assert frame["bottom"] <= 0 <= frame["top"]  # a loss is read against 0
        assert 2 <= len(labels) <= 6
        steps = np.diff([float(label.replace(",", "")) for label in labels])
        assert steps == pytest.approx([frame["step"]] * len(steps))
        assert left >= 0  # no sign and no digit is cut off


def test_what_is_seen_is_saved_as_png_gif_and_json(page, served, opened, tmp_path, pixels):
    opened(page, served, "path")
    found = {}
    for kind in ("png", "gif", "json"):
        with page.expect_download() as download:
            page.click(f"#view-path [data-save={kind}]")
        found[kind] = tmp_path / download.value.suggested_filename
        download.value.save_as(found[kind])
    assert found["png"].name == "tiny-epoch-2-path.png"
    with Image.open(found["png"]) as image:
        big = pixels(page, "#view-path canvas.big")
        k = 640 // big.shape[1]
        assert np.array_equal(np.asarray(image)[: k * big.shape[0] : k, : k * big.shape[1] : k, 0][:8], big[:8, :, 0])
    with Image.open(found["gif"]) as image:
        assert image.n_frames == 50
    saved = json.loads(found["json"].read_text())["sides"][0]
    assert (saved["run"], saved["epoch"], len(saved["z"]["steps"]), len(saved["z"]["here"][0])) == ("tiny", 2, 9, 8)
    drawn = np.array(page.evaluate("(z) => explorer.generate(z)", saved["z"]["here"])).reshape(8, 8)
    assert np.abs(np.clip((drawn + 1) * 127.5, 0, 255) - big[:8, :, 0]).max() <= 1


def test_only_runs_in_training_are_asked_about_again(page, served, opened, ready):
    page.add_init_script(SOONER)
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/live" in request.url else None)
    opened(page, served, "training")
    first = len(asked)
    page.wait_for_timeout(500)  # five polls' time
    assert len(asked) == first


def test_a_second_visit_fetches_little(chromium, served, ready):
    context = chromium.new_context()
    page = context.new_page()
    sizes = []
    page.on("response", lambda response: sizes.append((response.url, response.status, response.from_service_worker)))
    page.goto(served.url)
    ready(page, "plane")
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    received = []
    session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    page.reload()
    ready(page, "plane")
    context.close()
    assert 0 < sum(received) < 100_000  # of five million
