// Sliders for the directions in latent space along which images change most.

import { Chance } from "./chance.js";
import { button, h, slider } from "./elements.js";
import { paintTiles } from "./paint.js";
import { nameRows, ruled } from "./rows.js";
import { latest } from "./state.js";
import { numbers } from "./url.js";
import { ofSide, percent, t } from "./words.js";

const SHOWN = 10;
const STRIP = [-3, -2, -1, 0, 1, 2, 3];
const FRAMES = 25;

export function makeDirections(app) {
  let sides = [];
  let sliders = [];
  let wanted = numbers(app.params.get("along")); // fewer than SHOWN where z has fewer
  let focused = Math.max(0, (numbers(app.params.get("direction"), 1)?.[0] ?? 1) - 1);
  const holder = h("div", { class: "sides" });
  const panel = h("div", { class: "sliders" });
  const strip = h("p", { class: "note" });
  const root = h(
    "section", {},
    h("p", { class: "lead" }, t("directions.lead")),
    h("div", { class: "split" }, h("div", {}, holder, strip), h("div", {}, panel,
      h("div", { class: "controls" }, button(t("directions.start"), () => start(), { id: "directions-reset" }), button(t("plane.new"), () => app.newNoise())))),
    h("p", { class: "hint" }, t("directions.hint")),
  );

  const at = (side) => side.model.moved(side.base, Object.fromEntries(sliders.map((s, k) => [k, s.value])));

  const look = latest(root, async () => {
    if (!sliders.length) return;
    for (const side of sides) {
      const { model } = side;
      const { asked } = model;
      const z = at(side);
      const along = STRIP.map((x) => model.moved(z, { [focused]: x }));
      const mixes = asked?.rows ? asked.rowMixes(along.length) : null;
      const big = await model.generate([z]);
      const images = await model.generate(mixes ? asked.rowClasses.flatMap(() => along) : along, mixes);
      const logits = await model.opinions(big);
      nameRows(side.strip, asked);
      paintTiles(side.big, big, model, 1, model.bars(logits));
      paintTiles(side.strip, images, model, STRIP.length, model.bars(await model.opinions(images, mixes)));
      side.word.textContent = model.word(logits?.[0]);
    }
    strip.textContent = t("directions.strip", { k: focused + 1, low: STRIP[0], high: STRIP.at(-1) });
  });

  function build(model, index, models) {
    const side = {
      model,
      big: h("canvas", { class: "tiles big", role: "img", "aria-label": ofSide("directions.image", index, models.length) }),
      strip: h("canvas", { class: "tiles", role: "img", "aria-label": ofSide("directions.along", index, models.length) }),
      word: h("p", { class: "opinion" }),
    };
    side.root = h("div", { class: "stack" }, side.big, side.word, ruled(side.strip));
    return side;
  }

  /** The sliders at z itself, or at the address's places. */
  function start() {
    const [side] = sides;
    sliders.forEach((s, k) => s.set(Math.max(-3, Math.min(3, wanted?.[k] ?? side.model.along(side.base, k)))));
    if (app.sides.complete) wanted = null;
    app.remember();
    look();
  }

  async function update() {
    const models = app.models;
    holder.classList.toggle("two", models.length > 1);
    if (sides.length !== models.length) {
      sides = models.map(build);
      sliders = [];
      holder.replaceChildren(...sides.map((side) => side.root));
    }
    sides.forEach((side, i) => {
      side.model = models[i];
      side.base = app.found[i] ?? side.model.prior.draw(new Chance(app.seed));
    });
    if (models.some((model) => !model.notes)) await first(models);
    if (models.length !== app.models.length || models.some((model, i) => model !== app.models[i])) return; // chosen meanwhile
    const many = Math.min(SHOWN, ...models.map((model) => model.directions));
    focused = Math.min(focused, many - 1);
    const shares = models[0].notes.shares.data;
    const had = [...panel.querySelectorAll("input")].indexOf(document.activeElement);
    sliders = Array.from({ length: many }, (_, k) => made(k, percent(shares[k])));
    panel.replaceChildren(...sliders.map((s) => s.root));
    if (had >= 0) sliders[had]?.input.focus();
    start();
  }

  /** Before the directions are there: the image alone. */
  async function first(models) {
    strip.textContent = t("directions.waits");
    if (!sliders.length) panel.replaceChildren(...Array.from({ length: SHOWN }, () => h("div", { class: "skeleton line", "aria-hidden": "true" })));
    for (const side of sides) paintTiles(side.big, await side.model.generate([side.base]), side.model, 1);
    await Promise.all(models.map((model) => model.learn()));
  }

  function made(k, share) {
    const one = slider({
      label: t("directions.label", { k: k + 1, share }), min: -3, max: 3, step: 0.05, value: 0, format: (x) => x.toFixed(2),
      oninput: () => {
        app.remember();
        look();
      },
    });
    one.input.setAttribute("aria-label", t("directions.slider", { k: k + 1, share }));
    one.input.addEventListener("focus", () => {
      focused = k;
      look();
    });
    return one;
  }

  /** Along the chosen direction and back. */
  async function* frames() {
    const before = sliders[focused].value;
    for (let i = 0; i < FRAMES; i++) {
      sliders[focused].set(3 * Math.sin((2 * Math.PI * i) / FRAMES));
      await look();
      yield FRAMES;
    }
    sliders[focused].set(before);
    look();
  }

  /** The sliders that the user moved: at z itself they need no address. */
  function state() {
    const [side] = sides;
    const moved = side && sliders.some((s, k) => Math.abs(s.value - Math.max(-3, Math.min(3, side.model.along(side.base, k)))) > 0.03);
    return { along: moved ? sliders.map((s) => s.value).join() : wanted?.join(), direction: focused ? focused + 1 : undefined };
  }

  return {
    name: "directions", title: t("directions.title"), root, update, redraw: look, frames, state,
    canvases: (moving) => sides.map((side) => (moving ? [side.big] : [side.big, side.strip])),
    latents: () => sides.map((side) => ({ z: [at(side)] })),
  };
}
