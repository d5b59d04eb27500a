// Sliders for the directions in latent space along which images change most.

import { Chance } from "./chance.js";
import { button, h, percent, slider } from "./elements.js";
import { paintTiles } from "./paint.js";
import { nameRows, ruled } from "./rows.js";
import { latest } from "./state.js";

const SHOWN = 10;
const STRIP = [-3, -2, -1, 0, 1, 2, 3];

export function makeDirections(app) {
  let sides = [];
  let sliders = [];
  let focused = 0;
  const holder = h("div", { class: "sides" });
  const panel = h("div", { class: "sliders" });
  const strip = h("p", { class: "note" });
  const root = h(
    "section", {},
    h("p", { class: "lead" }, "A latent has many numbers, but images change along a few directions most. Each slider is the latent's coordinate along one of them, in standard deviations of the noise."),
    h("div", { class: "split" }, h("div", {}, holder, strip), h("div", {}, panel,
      h("div", { class: "controls" }, button("Back to the start", () => start(), { id: "directions-reset" }), button("New noise", () => app.newNoise())))),
    h("p", { class: "hint" }, "Found by the server from 5,120 generated images: the singular vectors of the linear map from latents to images. The percentage is the share of all variation that a direction explains; with two sides, in the left one."),
  );

  const look = latest(root, async () => {
    const values = Object.fromEntries(sliders.map((s, k) => [k, s.value]));
    for (const side of sides) {
      const z = side.model.moved(side.base, values);
      const { asked } = side.model;
      const along = STRIP.map((x) => side.model.moved(z, { [focused]: x }));
      const mixes = asked?.rows ? asked.rowMixes(along.length) : null;
      const big = await side.model.generate([z]);
      const images = await side.model.generate(mixes ? asked.rowClasses.flatMap(() => along) : along, mixes);
      const opinions = await side.model.opinions(big);
      nameRows(side.strip, asked);
      paintTiles(side.big, big, side.model, 1, opinions);
      paintTiles(side.strip, images, side.model, STRIP.length, await side.model.opinions(images, mixes));
      side.word.textContent = `D: real with ${percent(opinions[0])}`;
    }
    strip.textContent = `Direction ${focused + 1} from ${STRIP[0]} to ${STRIP.at(-1)}, the rest as set.`;
  });

  function build(model, index, models) {
    const name = models.length > 1 ? ["left", "right"][index] : "the run";
    const side = {
      model,
      big: h("canvas", { class: "tiles big", role: "img", "aria-label": `The image, ${name}` }),
      strip: h("canvas", { class: "tiles", role: "img", "aria-label": `The image along the chosen direction, ${name}` }),
      word: h("p", { class: "opinion" }),
    };
    side.root = h("div", { class: "stack" }, side.big, side.word, ruled(side.strip));
    return side;
  }

  function start() {
    const [side] = sides;
    sliders.forEach((s, k) => s.set(Math.max(-3, Math.min(3, side.model.along(side.base, k)))));
    look();
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
      side.base = app.found[i] ?? side.model.prior.draw(new Chance(app.seed));
    });
    const many = Math.min(SHOWN, ...models.map((model) => model.directions));
    const shares = models[0].notes.shares.data;
    sliders = Array.from({ length: many }, (_, k) => {
      const made = slider({
        label: `${k + 1}. ${percent(shares[k])}`, min: -3, max: 3, step: 0.05, value: 0, format: (x) => x.toFixed(2), oninput: () => look(),
      });
      made.input.setAttribute("aria-label", `Direction ${k + 1}, explains ${percent(shares[k])}`);
      made.input.addEventListener("focus", () => {
        focused = k;
        look();
      });
      return made;
    });
    const had = [...panel.querySelectorAll("input")].indexOf(document.activeElement);
    panel.replaceChildren(...sliders.map((s) => s.root));
    if (had >= 0) sliders[had]?.input.focus();
    start();
  }

  return { name: "directions", title: "Directions", root, update, redraw: look };
}
