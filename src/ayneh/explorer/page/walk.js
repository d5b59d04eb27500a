// From one latent to another by the prior's own path, beside the straight line, whose points do not follow the prior.

import { Chance } from "./chance.js";
import { button, h, percent, slider, tick } from "./elements.js";
import { paintTiles } from "./paint.js";
import { line, path } from "./priors.js";
import { nameRows, ruled } from "./rows.js";
import { during, latest, nextFrame } from "./state.js";

const STEPS = 9;

export function makeWalk(app) {
  let sides = [];
  let playing = false;
  let straight = false;
  let painting = 0;
  const holder = h("div", { class: "sides" });
  const where = slider({ id: "walk-position", label: "Position", min: 0, max: 1, step: 0.01, value: 0.5, format: percent, oninput: () => look() });
  const play = button("Play", () => toggle(), { "aria-pressed": "false" });
  const lineTick = tick({
    label: "Show the straight line too",
    onchange: (on) => {
      straight = on;
      update();
    },
  });
  const root = h(
    "section", {},
    h("p", { class: "lead" }, "Two draws of noise and a path between them on which every point follows the prior, as any draw does. A straight line leads through points on which the generator was never trained."),
    holder,
    h("div", { class: "controls" }, where.root, play, button("New ends", () => app.newNoise()), lineTick.root),
  );

  async function toggle() {
    playing = !playing;
    play.setAttribute("aria-pressed", String(playing));
    play.textContent = playing ? "Stop" : "Play";
    const begin = performance.now() - 4000 * where.value;
    while (playing && root.isConnected && !root.hidden) {
      const t = ((performance.now() - begin) / 4000) % 2; // four seconds there, four back
      where.set(t < 1 ? t : 2 - t);
      await look();
      await nextFrame();
    }
    playing = false;
    play.setAttribute("aria-pressed", "false");
    play.textContent = "Play";
  }

  const look = latest(root, async () => {
    for (const side of sides) {
      for (const way of side.ways) {
        const z = way.at(side.a, side.b, where.value);
        const image = await side.model.generate([z]);
        const opinion = await side.model.opinions(image);
        paintTiles(way.big, image, side.model, 1, opinion);
        way.word.textContent = `D: real with ${percent(opinion[0])}. Spread of z: ${spread(z, side.model).toFixed(2)} of a draw's`;
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
        const opinions = await side.model.opinions(images, mixes);
        if (mine !== painting) return;
        nameRows(way.strip, asked);
        paintTiles(way.strip, images, side.model, STEPS, opinions);
        await nextFrame();
      }
    }
  }

  function build(model, index, models) {
    const name = models.length > 1 ? `, ${["left", "right"][index]}` : "";
    const kinds = [["The prior's own path", (a, b, t) => path(side.model.prior, a, b, t)]];
    if (straight) kinds.push(["The straight line", line]);
    const side = { model };
    side.ways = kinds.map(([title, at]) => {
      const big = h("canvas", { class: "tiles big", role: "img", "aria-label": `${title}: the image at the position${name}` });
      const strip = h("canvas", { class: "tiles", role: "img", "aria-label": `${title}, in nine steps${name}` });
      const word = h("p", { class: "opinion" });
      return { at, big, strip, word, root: h("div", { class: "way" }, h("h3", {}, title), h("div", { class: "way-images" }, big, h("div", {}, ruled(strip), word))) };
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

  return { name: "path", title: "Path", root, update, redraw };
}

/** The deviation of z's coordinates from the prior's centre, 1 for a typical draw. */
function spread(z, model) {
  return Math.sqrt(z.reduce((sum, x) => sum + ((x - model.centre) / model.spread) ** 2, 0) / z.length);
}
