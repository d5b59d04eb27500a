// A plane through latent space: a map of its images, and a lens that follows the pointer.

import { Chance } from "./chance.js";
import { button, choice, h, slider } from "./elements.js";
import { cell, paintTiles } from "./paint.js";
import { nameRows, ruled } from "./rows.js";
import { during, latest, nextFrame } from "./state.js";
import { numbers, short } from "./url.js";
import { ofSide, t } from "./words.js";

const MAP = 11; // tiles a side
const LENS = 5;
const REACH = 2.5; // deviations that a plane of directions spans to each side

export function makePlane(app) {
  const lens = numbers(app.params.get("lens"), 3) ?? [0.5, 0.6, 0.28];
  let kind = app.params.get("through") === "ways" ? "ways" : "draws";
  let [u, v] = [within(lens[0], 0, 1), within(lens[1], 0, 1)];
  let held = app.params.get("held") === "1";
  let sides = [];
  let painting = 0;

  const wide = slider({
    label: t("plane.width"), min: 0.02, max: 0.6, step: 0.02, value: within(lens[2], 0.02, 0.6),
    format: (x) => t("plane.width value", { n: Math.round(100 * x) }), oninput: () => moved(),
  });
  const kinds = choice({
    label: t("plane.through"), value: kind,
    options: [["draws", t("plane.draws")], ["ways", t("plane.ways")]],
    onchange: (value) => {
      kind = value;
      app.remember();
      during(root, update()).catch(app.say);
    },
  });
  const holder = h("div", { class: "sides" });
  const said = h("p", { class: "note", "aria-live": "polite", id: "plane-said" });
  const bars = h("p", { class: "hint bars-said" });
  const root = h(
    "section", { class: held ? "held" : "" },
    h("p", { class: "lead" }, t("plane.lead")),
    holder,
    said,
    h("div", { class: "controls" }, kinds.root, wide.root, button(t("plane.new"), () => app.newNoise(), { id: "plane-new" })),
    bars,
    h("p", { class: "hint" }, t("plane.hint")),
  );

  /** The latent at a point of a side's plane. */
  function latentAt(side, x, y) {
    const { model, corners } = side;
    if (kind === "ways") {
      return model.moved(corners[0], { 0: (2 * x - 1) * REACH, 1: (1 - 2 * y) * REACH });
    }
    const top = 1 - y;
    const right = x - top / 2;
    return model.prior.mix(corners, [1 - top - right, right, top]);
  }

  /** The latents of a side's lens, row by row; with every class a row, those through the point, for each. */
  function latentsOf(side) {
    const rows = side.model.asked?.rows ? side.model.asked.rowClasses : null;
    const at = (i, j) => latentAt(side, u + (i - 2) * wide.value / (LENS - 1), v + (j - 2) * wide.value / (LENS - 1));
    return rows ? rows.flatMap(() => Array.from({ length: LENS }, (_, i) => at(i, 2))) : grid(LENS, at);
  }

  const look = latest(root, async () => {
    for (const side of sides) {
      const { model } = side;
      const { asked } = model;
      const rows = asked?.rows ? asked.rowClasses : null;
      const zs = latentsOf(side);
      const mixes = rows && asked.rowMixes(LENS);
      const images = await model.generate(zs, mixes);
      nameRows(side.lens, asked);
      paintTiles(side.lens, images, model, LENS, side.logits?.length === zs.length ? model.bars(side.logits) : null);
      side.frame.style.cssText = box(u, v, wide.value, rows ? 1 : LENS);
      side.logits = await model.opinions(images, mixes);
      if (side.logits) paintTiles(side.lens, images, model, LENS, model.bars(side.logits));
      const middle = rows ? Math.max(0, rows.indexOf(asked.first)) * LENS + 2 : 12;
      side.word.textContent = t(rows ? "plane.middle class" : "plane.middle", { opinion: model.word(side.logits?.[middle]) });
    }
    const judging = sides.find((side) => !side.model.about.alone); // of a generator alone the lens has the sentence
    bars.textContent = judging?.model.meaning() ?? "";
  });

  /** The map, a row at a time, so that the lens can move meanwhile. */
  async function paintMap() {
    const mine = ++painting;
    for (let j = 0; j < MAP; j++) {
      for (const side of sides) {
        const zs = Array.from({ length: MAP }, (_, i) => latentAt(side, (i + 0.5) / MAP, (j + 0.5) / MAP));
        const images = await side.model.generate(zs);
        const logits = await side.model.opinions(images);
        if (mine !== painting) return;
        paintTiles(side.map, images, side.model, MAP, side.model.bars(logits), j * MAP, MAP);
        await nextFrame();
      }
    }
  }

  function moved() {
    app.remember();
    look();
  }

  function move(x, y) {
    [u, v] = [within(x, 0, 1), within(y, 0, 1)];
    moved();
  }

  function build(model, index, models) {
    const map = h("canvas", { "aria-hidden": "true" });
    const frame = h("div", { class: "frame", "aria-hidden": "true" });
    const pad = h(
      "div",
      { class: "map", tabindex: 0, role: "group", "aria-roledescription": t("plane.map kind"), "aria-label": ofSide("plane.map", index, models.length), "aria-describedby": "plane-said" },
      map, frame,
    );
    const at = (event) => {
      const r = pad.getBoundingClientRect();
      return [(event.clientX - r.left) / r.width, (event.clientY - r.top) / r.height];
    };
    let dragged = null; // from the finger to the middle of the frame that it took hold of
    pad.addEventListener("pointermove", (event) => {
      const [x, y] = at(event);
      if (event.pointerType === "touch") dragged && move(x + dragged[0], y + dragged[1]);
      else if (!held || event.buttons) move(x, y);
    });
    pad.addEventListener("pointerdown", (event) => {
      const [x, y] = at(event);
      if (event.pointerType === "touch") {
        dragged = event.target === frame ? [u - x, v - y] : null;
        if (dragged) pad.setPointerCapture(event.pointerId);
        return;
      }
      pad.setPointerCapture(event.pointerId);
      if (event.pointerType === "mouse") hold(!held);
      move(x, y);
    });
    pad.addEventListener("click", (event) => event.pointerType !== "mouse" && !dragged && move(...at(event))); // a tap: a swipe scrolls

    pad.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 0.1 : 0.02;
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      if (!(event.key in steps)) return;
      event.preventDefault();
      const [dx, dy] = steps[event.key];
      move(u + dx * step, v + dy * step);
      said.textContent = t("plane.place", { across: Math.round(100 * u), down: Math.round(100 * v) });
    });
    const lens = h("canvas", { class: "tiles", role: "img", "aria-label": ofSide("plane.lens", index, models.length) });
    const word = h("p", { class: "opinion" });
    const side = { model, map, frame, lens, word, logits: null };
    side.root = h("div", { class: "plane" }, pad, h("div", { class: "lens" }, ruled(lens), word));
    return side;
  }

  function hold(on) {
    held = on;
    root.classList.toggle("held", on);
    app.remember();
  }

  async function update() {
    const models = app.models;
    if (kind === "ways") await Promise.all(models.map((model) => model.learn()));
    holder.classList.toggle("two", models.length > 1);
    if (sides.length !== models.length) {
      sides = models.map(build);
      holder.replaceChildren(...sides.map((side) => side.root));
    }
    sides.forEach((side, i) => {
      side.model = models[i];
      const chance = new Chance(app.seed);
      side.corners = [0, 1, 2].map(() => side.model.prior.draw(chance));
      if (app.found[i]) side.corners[0] = app.found[i];
      const { width, height } = cell(side.model);
      side.map.parentElement.style.aspectRatio = `${MAP * width + 1} / ${MAP * height + 1}`;
      side.logits = null;
    });
    said.textContent = app.found.some(Boolean) ? t(kind === "draws" ? "plane.corner" : "plane.centre") : "";
    redraw();
  }

  function redraw() {
    look();
    during(root, paintMap());
  }

  return {
    name: "plane", title: t("plane.title"), root, update, redraw,
    canvases: () => sides.map((side) => [side.lens, side.map]),
    latents: () => sides.map((side) => ({ lens: latentsOf(side), [kind === "draws" ? "corners" : "centre"]: kind === "draws" ? side.corners : side.corners.slice(0, 1) })),
    state: () => ({
      lens: [u, v, wide.value].join() === "0.5,0.6,0.28" ? undefined : [u, v, wide.value].map(short).join(),
      through: kind === "ways" ? kind : undefined, held: held ? 1 : undefined,
    }),
  };
}

function within(x, low, high) {
  return Math.min(high, Math.max(low, x));
}

function grid(n, make) {
  return Array.from({ length: n * n }, (_, k) => make(k % n, Math.floor(k / n)));
}

/** The lens's frame on the map, in percent of it. */
function box(u, v, width, rows) {
  const [across, down] = [LENS, rows].map((n) => (100 * width * n) / (LENS - 1));
  return `left: ${100 * u - across / 2}%; top: ${100 * v - down / 2}%; width: ${across}%; height: ${down}%`;
}
