// The images of the same noise by the generator of every epoch that was kept.

import { Chance } from "./chance.js";
import { button, choice, h, slider } from "./elements.js";
import { generated, place } from "./model.js";
import { paintTiles } from "./paint.js";
import { row } from "./arrays.js";
import { nameRows, ruled } from "./rows.js";
import { has, bytes } from "./source.js";
import { load } from "./runtime.js";
import { during, latest, nextFrame } from "./state.js";

const GRID = 5;
const FILM = 3; // latents in the film strip

export function makeEpochs(app) {
  let sides = [];
  let source = "run";
  let playing = false;
  let filming = 0;
  const holder = h("div", { class: "sides" });
  const when = slider({ id: "epochs-slider", label: "Generator of epoch", min: 0, max: 0, value: 0, format: epochsAt, oninput: () => look() });
  const play = button("Play", () => toggle(), { "aria-pressed": "false" });
  const kinds = choice({
    label: "Noise", value: source,
    options: [["run", "the run's own, as in its pictures"], ["new", "new noise"]],
    onchange: (value) => {
      source = value;
      update();
    },
  });
  const root = h(
    "section", {},
    h("p", { class: "lead" }, "The noise stays the same and the generator changes. Move through the epochs that the run kept and see how its images change."),
    h("div", { class: "controls above" }, when.root, play, kinds.root, button("New noise", () => {
      source = kinds.input.value = "new";
      app.newNoise();
    })),
    holder,
    h("p", { class: "hint" }, "The bars are from the discriminator of the checkpoint chosen above, for images of all epochs."),
  );

  function epochsAt(i) {
    return sides.map((side) => side.epochs[at(side, i)]).filter((e) => e !== undefined).join(" | ");
  }

  /** The index of a side's epoch at slider position i: every side ends with its last epoch. */
  function at(side, i) {
    return Math.round((i / Math.max(1, Number(when.input.max))) * (side.epochs.length - 1));
  }

  function generator(side, epoch) {
    const found = side.nets.get(epoch) ?? bytes(place(side.model.run, side.model.replica, epoch, "generator")).then(load);
    side.nets.set(epoch, found);
    found.catch(() => side.nets.delete(epoch));
    return found;
  }

  async function images(side, epoch, zs, mixes = null) {
    return generated(await generator(side, epoch), side.model, zs, mixes);
  }

  const look = latest(root, async () => {
    try {
      for (const side of sides) {
        const epoch = side.epochs[at(side, when.value)];
        const { asked } = side.model;
        const mixes = asked?.rows ? asked.rowMixes(GRID) : null; // every class: the same five latents in each row
        const zs = mixes ? asked.rowClasses.flatMap(() => side.zs.slice(0, GRID)) : side.zs;
        const made = await images(side, epoch, zs, mixes);
        const opinions = await side.model.opinions(made, mixes);
        nameRows(side.canvas, asked);
        paintTiles(side.canvas, made, side.model, GRID, opinions);
        side.title.textContent = `After epoch ${epoch}`;
        side.canvas.dataset.epoch = epoch;
      }
    } catch (error) {
      app.say(error);
    }
  });

  /** The first latents through every epoch, a column each; with a row a class, the first latent in every class. */
  async function film() {
    const mine = ++filming;
    for (const side of sides) {
      const { asked } = side.model;
      const mixes = asked?.rows ? asked.rowMixes(1) : null;
      const zs = mixes ? asked.rowClasses.map(() => side.zs[0]) : side.zs.slice(0, FILM);
      const shown = thinned(side.epochs, 10);
      side.filmTitle.textContent = mixes ? "The first of them in every class, epoch by epoch" : "Three of them, epoch by epoch";
      side.film.style.maxWidth = `${6 * shown.length}rem`;
      for (const [i, epoch] of shown.entries()) {
        let made;
        try {
          made = await images(side, epoch, zs, mixes);
        } catch {
          continue; // the checkpoint has been deleted: its column stays empty
        }
        if (mine !== filming) return;
        const size = made.length / zs.length;
        const opinions = await side.model.opinions(made, mixes);
        if (mine !== filming) return;
        nameRows(side.film, asked);
        for (let k = 0; k < zs.length; k++) {
          const [image, opinion] = [made.subarray(k * size, (k + 1) * size), opinions.subarray(k, k + 1)];
          paintTiles(side.film, image, side.model, shown.length, opinion, k * shown.length + i, zs.length);
        }
        await nextFrame();
      }
      side.film.setAttribute("aria-label", `${mixes ? "Every class" : "Three latents"} after the epochs ${shown.join(", ")}`);
      side.word.textContent = `From left to right: after the epochs ${shown.join(", ")}.`;
    }
  }

  async function toggle() {
    playing = !playing;
    play.setAttribute("aria-pressed", String(playing));
    play.textContent = playing ? "Stop" : "Play";
    while (playing && !root.hidden) {
      when.set(when.value >= Number(when.input.max) ? 0 : when.value + 1);
      await look();
      await new Promise((done) => setTimeout(done, 350));
    }
    playing = false;
    play.setAttribute("aria-pressed", "false");
    play.textContent = "Play";
  }

  function build(model) {
    const canvas = h("canvas", { class: "tiles", role: "img", "aria-label": "25 images of the same noise" });
    const side = { model, canvas, title: h("h3", {}), film: h("canvas", { class: "tiles", role: "img", "aria-label": "Three latents, epoch by epoch" }), filmTitle: h("h3", {}), word: h("p", { class: "note" }), nets: new Map() };
    side.root = h("div", { class: "learning" }, h("div", {}, side.title, ruled(canvas)), h("div", {}, side.filmTitle, ruled(side.film), side.word));
    return side;
  }

  function update() {
    const models = app.models;
    holder.classList.toggle("two", models.length > 1);
    const before = sides;
    sides = models.map(build);
    sides.forEach((side, i) => {
      const old = before.find((b) => b.model.run === side.model.run && b.model.replica === side.model.replica);
      if (old) side.nets = old.nets;
      const { epochs, films } = app.runs[side.model.run];
      side.epochs = (films ?? epochs).filter((epoch) => has(place(side.model.run, side.model.replica, epoch, "generator")));
      const chance = new Chance(app.seed);
      const { samples } = side.model.notes;
      side.zs = Array.from({ length: GRID * GRID }, (_, k) =>
        source === "run" && k < samples.shape[0] ? row(samples, k) : side.model.prior.draw(chance));
    });
    for (const old of before) {
      if (!sides.some((side) => side.nets === old.nets)) old.nets.forEach((net) => net.then((n) => n.release(), () => {}));
    }
    holder.replaceChildren(...sides.map((side) => side.root));
    const most = Math.max(...sides.map((side) => side.epochs.length)) - 1;
    const end = when.value === Number(when.input.max) || when.value > most;
    when.set(end ? most : when.value, { max: most });
    redraw();
  }

  function redraw() {
    look();
    during(root, film());
  }

  return { name: "epochs", title: "Epochs", root, update, redraw };
}

/** At most n of a list, spread evenly, first and last among them. */
function thinned(list, n) {
  if (list.length <= n) return list;
  return Array.from({ length: n }, (_, i) => list[Math.round((i * (list.length - 1)) / (n - 1))]);
}
