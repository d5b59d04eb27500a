// A plane through latent space: a map of its images, and a lens that follows the pointer.

import { Chance } from "./chance.js";
import { button, choice, h, percent, slider } from "./elements.js";
import { cell, paintTiles } from "./paint.js";
import { nameRows, ruled } from "./rows.js";
import { during, latest, nextFrame } from "./state.js";

const MAP = 11; // tiles a side
const LENS = 5;
const REACH = 2.5; // deviations that a plane of directions spans to each side

export function makePlane(app) {
  let kind = "draws";
  let [u, v] = [0.5, 0.6]; // from the left, from the top
  let held = false;
  let sides = [];
  let painting = 0;

  const wide = slider({
    label: "Lens width", min: 0.02, max: 0.6, step: 0.02, value: 0.28,
    format: (x) => `${Math.round(100 * x)} % of the map`, oninput: () => look(),
  });
  const kinds = choice({
    label: "Plane through", value: kind,
    options: [["draws", "three draws of noise"], ["ways", "two principal directions"]],
    onchange: (value) => {
      kind = value;
      update();
    },
  });
  const holder = h("div", { class: "sides" });
  const said = h("p", { class: "note", "aria-live": "polite", id: "plane-said" });
  const root = h(
    "section", {},
    h("p", { class: "lead" }, "Every point of the map is a latent, a list of numbers from which the generator makes an image. Move over the map: the lens shows the images around that point. The bar under an image shows how likely the discriminator takes it to be real."),
    holder,
    said,
    h("div", { class: "controls" }, kinds.root, wide.root, button("New noise", () => app.newNoise(), { id: "plane-new" })),
    h("p", { class: "hint" }, "Click to hold the lens in its place, and again to free it. With the keyboard: arrows move it, with Shift further."),
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

  const look = latest(root, async () => {
    for (const side of sides) {
      const { asked } = side.model;
      const rows = asked?.rows ? asked.rowClasses : null; // every class: the row of latents through the point, for each
      const at = (i, j) => latentAt(side, u + (i - 2) * wide.value / (LENS - 1), v + (j - 2) * wide.value / (LENS - 1));
      const zs = rows ? rows.flatMap(() => Array.from({ length: LENS }, (_, i) => at(i, 2))) : grid(LENS, at);
      const mixes = rows && asked.rowMixes(LENS);
      const images = await side.model.generate(zs, mixes);
      nameRows(side.lens, asked);
      paintTiles(side.lens, images, side.model, LENS, side.opinions?.length === zs.length ? side.opinions : null);
      side.frame.style.cssText = box(u, v, wide.value, rows ? 1 : LENS);
      side.opinions = await side.model.opinions(images, mixes);
      paintTiles(side.lens, images, side.model, LENS, side.opinions);
      const middle = rows ? Math.max(0, rows.indexOf(asked.first)) * LENS + 2 : 12;
      side.word.textContent = `D of the middle one${rows ? " of the class asked for" : ""}: real with ${percent(side.opinions[middle])}`;
    }
  });

  /** The map, a row at a time, so that the lens can move meanwhile. */
  async function paintMap() {
    const mine = ++painting;
    for (let j = 0; j < MAP; j++) {
      for (const side of sides) {
        const zs = Array.from({ length: MAP }, (_, i) => latentAt(side, (i + 0.5) / MAP, (j + 0.5) / MAP));
        const images = await side.model.generate(zs);
        const opinions = await side.model.opinions(images);
        if (mine !== painting) return;
        paintTiles(side.map, images, side.model, MAP, opinions, j * MAP, MAP);
        await nextFrame();
      }
    }
  }

  function move(x, y) {
    [u, v] = [Math.min(1, Math.max(0, x)), Math.min(1, Math.max(0, y))];
    look();
  }

  function build(model, index, models) {
    const name = models.length > 1 ? ["left", "right"][index] : "the run";
    const map = h("canvas", { "aria-hidden": "true" });
    const frame = h("div", { class: "frame", "aria-hidden": "true" });
    const pad = h(
      "div",
      { class: "map", tabindex: 0, role: "group", "aria-roledescription": "map", "aria-label": `Map of the plane, ${name}. Arrow keys move the lens.`, "aria-describedby": "plane-said" },
      map, frame,
    );
    const at = (event) => {
      const r = pad.getBoundingClientRect();
      return [(event.clientX - r.left) / r.width, (event.clientY - r.top) / r.height];
    };
    pad.addEventListener("pointermove", (event) => {
      if (!held || event.buttons) move(...at(event));
    });
    pad.addEventListener("pointerdown", (event) => {
      pad.setPointerCapture(event.pointerId);
      if (event.pointerType === "mouse") hold(!held);
      move(...at(event));
    });
    pad.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 0.1 : 0.02;
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      if (!(event.key in steps)) return;
      event.preventDefault();
      const [dx, dy] = steps[event.key];
      move(u + dx * step, v + dy * step);
      said.textContent = `${Math.round(100 * u)} % from the left, ${Math.round(100 * v)} % from the top.`;
    });
    const lens = h("canvas", { class: "tiles", role: "img", "aria-label": `25 images around the point, ${name}` });
    const word = h("p", { class: "opinion" });
    const side = { model, map, frame, lens, word, opinions: null };
    side.root = h("div", { class: "plane" }, pad, h("div", { class: "lens" }, ruled(lens), word));
    return side;
  }

  function hold(on) {
    held = on;
    root.classList.toggle("held", on);
  }

  function update() {
    const models = app.models;
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
      side.opinions = null;
    });
    said.textContent = app.found.some(Boolean)
      ? kind === "draws" ? "The lower left corner is your drawing's latent." : "The plane goes through your drawing's latent."
      : "";
    redraw();
  }

  function redraw() {
    look();
    during(root, paintMap());
  }

  return { name: "plane", title: "Plane", root, update, redraw };
}

function grid(n, make) {
  return Array.from({ length: n * n }, (_, k) => make(k % n, Math.floor(k / n)));
}

/** The lens's frame on the map, in percent of it. */
function box(u, v, width, rows) {
  const [across, down] = [LENS, rows].map((n) => (100 * width * n) / (LENS - 1));
  return `left: ${100 * u - across / 2}%; top: ${100 * v - down / 2}%; width: ${across}%; height: ${down}%`;
}
