// The images of the same noise by the generator of every epoch that was kept.

import { Chance } from "./chance.js";
import { button, choice, h, slider } from "./elements.js";
import { generated, place } from "./model.js";
import { paintTiles } from "./paint.js";
import { row } from "./arrays.js";
import { nameRows, ruled } from "./rows.js";
import { bytes, has, saved } from "./source.js";
import { load } from "./runtime.js";
import { during, latest, nextFrame } from "./state.js";
import { ofSide, t } from "./words.js";

const GRID = 5;
const FILM = 3; // latents in the film strip
const FEW = 3; // epochs: of more, something can be seen

export function makeEpochs(app) {
  let sides = [];
  let source = app.params.get("noise") === "new" ? "new" : "run";
  let wanted = app.params.get("of"); // the epoch of the address
  let playing = false;
  let filming = 0;
  const holder = h("div", { class: "sides" });
  const when = slider({
    id: "epochs-slider", label: t("epochs.slider"), min: 0, max: 0, value: 0, format: epochsAt,
    oninput: () => {
      app.remember();
      look();
    },
  });
  const play = button(t("path.play"), () => toggle(), { "aria-pressed": "false" });
  const kinds = choice({
    label: t("epochs.noise"), value: source,
    options: [["run", t("epochs.own")], ["new", t("epochs.new")]],
    onchange: (value) => {
      source = value;
      app.remember();
      update();
    },
  });
  const hint = h("p", { class: "hint" }, t("epochs.hint"));
  const root = h(
    "section", {},
    h("p", { class: "lead" }, t("epochs.lead")),
    h("div", { class: "controls above" }, when.root, play, kinds.root, button(t("plane.new"), () => {
      source = kinds.input.value = "new";
      app.newNoise();
    })),
    holder, hint,
  );

  function epochsAt(i) {
    const [left, right] = sides.map((side) => side.epochs[at(side, i)]);
    return right === undefined ? String(left ?? "") : t("epochs.both", { left, right });
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
        nameRows(side.canvas, asked);
        paintTiles(side.canvas, made, side.model, GRID, side.model.bars(await side.model.opinions(made, mixes)));
        side.title.textContent = t("epochs.after", { epoch });
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
      side.filmTitle.textContent = t(mixes ? "epochs.every class" : "epochs.three");
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
        const bars = side.model.bars(await side.model.opinions(made, mixes));
        if (mine !== filming) return;
        nameRows(side.film, asked);
        for (let k = 0; k < zs.length; k++) {
          const [image, bar] = [made.subarray(k * size, (k + 1) * size), bars?.subarray(k, k + 1)];
          paintTiles(side.film, image, side.model, shown.length, bar, k * shown.length + i, zs.length);
        }
        await nextFrame();
      }
      const epochs = shown.join(t("list.comma"));
      side.film.setAttribute("aria-label", t(mixes ? "epochs.every class shown" : "epochs.three shown", { epochs }));
      side.word.textContent = shown.length > 1 ? t("epochs.order", { epochs }) : "";
    }
  }

  async function toggle() {
    playing = !playing;
    play.setAttribute("aria-pressed", String(playing));
    play.textContent = t(playing ? "path.stop" : "path.play");
    while (playing && !root.hidden) {
      when.set(when.value >= Number(when.input.max) ? 0 : when.value + 1);
      await look();
      await new Promise((done) => setTimeout(done, 350));
    }
    playing = false;
    play.setAttribute("aria-pressed", "false");
    play.textContent = t("path.play");
    app.remember();
  }

  function build(model, index, models) {
    const canvas = h("canvas", { class: "tiles", role: "img", "aria-label": ofSide("epochs.grid", index, models.length) });
    const film = h("canvas", { class: "tiles", role: "img", "aria-label": t("epochs.film") });
    const side = { model, canvas, film, title: h("h2", {}), filmTitle: h("h2", {}), word: h("p", { class: "note" }), few: h("p", { class: "note", hidden: true }), nets: new Map() };
    side.root = h("div", { class: "learning" }, h("div", {}, side.title, ruled(canvas)), h("div", {}, side.filmTitle, ruled(side.film), side.word, side.few));
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
      const { epochs, films, exported, wanted_epochs: all } = app.runs[side.model.run];
      side.epochs = (films ?? epochs).filter((epoch) => has(place(side.model.run, side.model.replica, epoch, "generator")));
      side.few.hidden = saved || side.epochs.length >= Math.min(FEW, all);
      side.few.textContent = exported ? t("epochs.exported") : t("epochs.thinned", { kept: side.epochs.length, all });
      const chance = new Chance(app.seed);
      const { samples } = side.model;
      side.zs = Array.from({ length: GRID * GRID }, (_, k) =>
        source === "run" && k < samples.shape[0] ? row(samples, k) : side.model.prior.draw(chance));
    });
    for (const old of before) {
      if (!sides.some((side) => side.nets === old.nets)) old.nets.forEach((net) => net.then((n) => n.release(), () => {}));
    }
    holder.replaceChildren(...sides.map((side) => side.root));
    hint.hidden = models.every((model) => model.about.alone);
    const most = Math.max(...sides.map((side) => side.epochs.length)) - 1;
    const end = when.value === Number(when.input.max) || when.value > most;
    when.set(end ? most : when.value, { max: most });
    const linked = wanted === null ? -1 : sides[0].epochs.indexOf(Number(wanted));
    if (linked >= 0) when.set(Math.round((linked / Math.max(1, sides[0].epochs.length - 1)) * most));
    if (app.sides.complete) wanted = null; // with the other side the slider has other places
    redraw();
  }

  function redraw() {
    look();
    during(root, film());
  }

  /** The epoch of the left side for the address; the last one needs none. */
  function shownEpoch() {
    if (!sides.length || wanted !== null) return wanted ?? undefined;
    return when.value !== Number(when.input.max) ? sides[0].epochs[at(sides[0], when.value)] : undefined;
  }

  /** A grid for each kept epoch, oldest first. */
  async function* frames() {
    const before = when.value;
    const last = Number(when.input.max);
    for (let i = 0; i <= last; i++) {
      when.set(i);
      await look();
      yield last + 1;
    }
    when.set(before);
    look();
  }

  return {
    name: "epochs", title: t("epochs.title"), root, update, redraw, frames,
    canvases: (moving) => sides.map((side) => (moving ? [side.canvas] : [side.canvas, side.film])),
    latents: () => sides.map((side) => ({ grid: side.zs })),
    state: () => ({ noise: source === "new" ? "new" : undefined, of: shownEpoch() }),
  };
}

/** At most n of a list, spread evenly, first and last among them. */
function thinned(list, n) {
  if (list.length <= n) return list;
  return Array.from({ length: n }, (_, i) => list[Math.round((i * (list.length - 1)) / (n - 1))]);
}
