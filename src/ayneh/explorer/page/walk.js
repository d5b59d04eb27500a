// From one latent to another by the prior's own path, beside the straight line, whose points do not follow the prior.

import { Chance } from "./chance.js";
import { button, h, slider, tick } from "./elements.js";
import { paintTiles } from "./paint.js";
import { line, path } from "./priors.js";
import { nameRows, ruled } from "./rows.js";
import { during, latest, nextFrame } from "./state.js";
import { numbers } from "./url.js";
import { ofSide, percent, t } from "./words.js";

const STEPS = 9;
const FRAMES = 25; // there, and as many back
const MIDDLE = 0.5;

export function makeWalk(app) {
  let sides = [];
  let playing = false;
  let straight = app.params.get("straight") === "1";
  let painting = 0;
  const holder = h("div", { class: "sides" });
  const begin = Math.min(1, Math.max(0, numbers(app.params.get("at"), 1)?.[0] ?? MIDDLE));
  const where = slider({
    id: "walk-position", label: t("path.position"), min: 0, max: 1, step: 0.01, value: begin, format: percent,
    oninput: () => {
      app.remember();
      look();
    },
  });
  const play = button(t("path.play"), () => toggle(), { "aria-pressed": "false" });
  const lineTick = tick({
    label: t("path.straight too"), checked: straight,
    onchange: (on) => {
      straight = on;
      app.remember();
      update();
    },
  });
  const root = h(
    "section", {},
    h("p", { class: "lead" }, t("path.lead")),
    holder,
    h("div", { class: "controls" }, where.root, play, button(t("path.ends"), () => app.newNoise()), lineTick.root),
  );

  async function toggle() {
    playing = !playing;
    play.setAttribute("aria-pressed", String(playing));
    play.textContent = t(playing ? "path.stop" : "path.play");
    const begin = performance.now() - 4000 * where.value;
    while (playing && root.isConnected && !root.hidden) {
      const phase = ((performance.now() - begin) / 4000) % 2; // four seconds there, four back
      where.set(phase < 1 ? phase : 2 - phase);
      await look();
      await nextFrame();
    }
    playing = false;
    play.setAttribute("aria-pressed", "false");
    play.textContent = t("path.play");
    app.remember();
  }

  const look = latest(root, async () => {
    for (const side of sides) {
      for (const way of side.ways) {
        const z = way.at(side.a, side.b, where.value);
        const image = await side.model.generate([z]);
        const logits = await side.model.opinions(image);
        paintTiles(way.big, image, side.model, 1, side.model.bars(logits));
        way.word.textContent = t("path.word", { opinion: side.model.word(logits?.[0]), spread: spread(z, side.model).toFixed(2) });
      }
    }
  });

  async function strips() {
    const mine = ++painting;
    for (const side of sides) {
      const { asked } = side.model;
      const mixes = asked?.rows ? asked.rowMixes(STEPS) : null;
      for (const way of side.ways) {
        const along = Array.from({ length: STEPS }, (_, i) => way.at(side.a, side.b, i / (STEPS - 1)));
        const images = await side.model.generate(mixes ? asked.rowClasses.flatMap(() => along) : along, mixes);
        const logits = await side.model.opinions(images, mixes);
        if (mine !== painting) return;
        nameRows(way.strip, asked);
        paintTiles(way.strip, images, side.model, STEPS, side.model.bars(logits));
        await nextFrame();
      }
    }
  }

  function build(model, index, models) {
    const side = { model };
    const kinds = [["path.own", (a, b, t) => path(side.model.prior, a, b, t)]];
    if (straight) kinds.push(["path.straight", line]);
    const called = (key) => ofSide(key, index, models.length);
    side.ways = kinds.map(([key, at]) => {
      const big = h("canvas", { class: "tiles big", role: "img", "aria-label": called(`${key} at`) });
      const strip = h("canvas", { class: "tiles", role: "img", "aria-label": called(`${key} steps`) });
      const word = h("p", { class: "opinion" });
      return { at, big, strip, word, root: h("div", { class: "way" }, h("h2", {}, t(key)), h("div", { class: "way-images" }, big, h("div", {}, ruled(strip), word))) };
    });
    side.root = h("div", {}, side.ways.map((way) => way.root));
    return side;
  }

  function update() {
    const models = app.models;
    holder.classList.toggle("two", models.length > 1);
    sides = models.map(build);
    holder.replaceChildren(...sides.map((side) => side.root));
    sides.forEach((side, i) => {
      const chance = new Chance(app.seed);
      side.a = side.model.prior.draw(chance);
      side.b = side.model.prior.draw(chance);
      if (app.found[i]) side.a = app.found[i];
    });
    redraw();
  }

  function redraw() {
    look();
    during(root, strips());
  }

  /** There and back. */
  async function* frames() {
    const before = where.value;
    for (let i = 0; i < 2 * FRAMES; i++) {
      where.set(i < FRAMES ? i / (FRAMES - 1) : (2 * FRAMES - 1 - i) / (FRAMES - 1));
      await look();
      yield 2 * FRAMES;
    }
    where.set(before);
    look();
  }

  return {
    name: "path", title: t("path.title"), root, update, redraw, frames,
    canvases: (moving) => sides.map((side) => side.ways.flatMap((way) => (moving ? [way.big] : [way.big, way.strip]))),
    latents: () => sides.map(({ a, b, ways: [way] }) => ({ ends: [a, b], here: [way.at(a, b, where.value)], steps: Array.from({ length: STEPS }, (_, i) => way.at(a, b, i / (STEPS - 1))) })),
    state: () => ({ at: where.value === MIDDLE ? undefined : where.value, straight: straight ? 1 : undefined }),
  };
}

/** The deviation of z's coordinates from the prior's centre, 1 for a typical draw. */
function spread(z, model) {
  return Math.sqrt(z.reduce((sum, x) => sum + ((x - model.centre) / model.spread) ** 2, 0) / z.length);
}
