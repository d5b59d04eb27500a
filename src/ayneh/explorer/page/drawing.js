// Your own digit: D's features of it, G's image of the latent read from them, and the nearest training images.

import { row } from "./arrays.js";
import { button, h, tick } from "./elements.js";
import { mixesOf } from "./classes.js";
import { drawFeatures } from "./features.js";
import { fit } from "./fit.js";
import { paintTiles } from "./paint.js";
import { makePen } from "./pen.js";
import { enlargedPixels, fromPixels, prepare } from "./prepare.js";
import { drawReads } from "./reads.js";
import { during, latest, nextFrame } from "./state.js";
import { keep, numbers, recall } from "./url.js";
import { number, ofSide, t } from "./words.js";

const NEAR = 8;

export function makeDrawing(app) {
  let sides = [];
  let centre = app.params.get("centre") !== "0";
  let taken = null; // a training image that is used instead of the drawing: {run, i, pixels, channels, width}
  let wanted = numbers(app.params.get("training"), 1)?.[0] ?? null; // its number in the address
  let ended = false;
  let searching = 0;
  let taking = null; // a training image that is on its way
  let alone = app.params.get("alone") === "1"; // training images of the class asked for, and no others
  let touched = false; // until then the view shows a training image
  const pen = makePen((done) => {
    taken = null;
    touched = true;
    pen.root.classList.add("touched");
    searching++;
    taking = null;
    ended = done;
    if (done) keepDrawing();
    look();
  });
  const holder = h("div", { class: "sides" });
  const file = h("input", { type: "file", accept: "image/*", class: "file", id: "drawing-file", onchange: () => during(root, open(file.files[0])) });
  const chosen = (set) => (on) => {
    set(on);
    app.remember();
    ended = true;
    look();
  };
  const centring = tick({ label: t("drawing.centre"), checked: centre, onchange: chosen((on) => (centre = on)) });
  const only = tick({ label: t("drawing.alone"), checked: alone, onchange: chosen((on) => (alone = on)) });
  const search = button(t("drawing.search"), () => during(root, searchAll()), { id: "drawing-search" });
  const said = h("p", { class: "note", role: "status", id: "drawing-said" });
  const desk = h(
    "div", { class: "desk" }, pen.root,
    h("div", { class: "controls" },
      button(t("drawing.clear"), () => pen.clear(), { id: "drawing-clear" }),
      h("label", { class: "button", for: "drawing-file" }, t("drawing.open")), file,
      button(t("drawing.take"), () => {
        touched = true;
        during(root, take());
      }, { id: "drawing-take" })),
    centring.root, only.root,
    h("div", { class: "controls" }, search, button(t("drawing.walk"), () => walk(), { id: "drawing-walk" })), said,
  );
  const split = h("div", { class: "split desk-split" }, desk, holder);
  const absent = h("p", { class: "note", id: "drawing-absent", hidden: true }, t("drawing.absent"));
  const root = h(
    "section", {},
    h("p", { class: "lead" }, t("drawing.lead")),
    absent, split,
    h("p", { class: "hint" }, t("drawing.hint")),
  );
  const drawing = recall("drawing"); // of this tab, before a reload
  if (drawing && app.params.has("run") && wanted === null) {
    touched = true;
    pen.root.classList.add("touched");
    during(root, pen.load(drawing));
  }

  /** The tab remembers what is drawn, or that nothing is. */
  function keepDrawing() {
    keep("drawing", pen.canvas.toDataURL());
    app.remember();
  }

  root.ownerDocument.addEventListener("dragover", (event) => event.preventDefault());
  root.ownerDocument.addEventListener("drop", (event) => {
    event.preventDefault();
    const [dropped] = event.dataTransfer.files;
    if (dropped) {
      app.show("drawing");
      during(root, open(dropped));
    }
  });

  async function open(chosen) {
    if (!chosen) return;
    try {
      pen.show(await createImageBitmap(chosen));
      said.textContent = "";
    } catch {
      said.textContent = t("drawing.no image", { file: chosen.name });
    }
    file.value = "";
  }

  async function take() {
    const mine = (taking = {});
    searching++;
    try {
      const { model } = sides[0];
      const gallery = await model.gallery();
      if (mine !== taking) return; // something was drawn or dropped meanwhile
      const those = offered(model, gallery);
      const i = wanted !== null && those.includes(wanted) ? wanted : those[Math.floor(Math.random() * those.length)];
      const [, channels, , width] = gallery.pixels.shape;
      taken = { run: model.run, i, pixels: row(gallery.pixels, i), channels, width };
      touched ||= i === wanted; // of the address, where it stays
      wanted = null;
      ended = true;
      app.remember();
    } catch (error) {
      if (touched) said.textContent = t("drawing.not here", { why: error.message });
    }
    if (mine !== taking) return;
    taking = null;
    look();
  }

  /** The numbers of the training images that may be shown: all, or those of the class that is asked for. */
  function offered({ asked }, { features, labels }) {
    const all = Array.from({ length: features.shape[0] }, (_, i) => i);
    if (!alone || !asked || !labels) return all;
    const those = all.filter((i) => labels.data[i] === asked.first);
    if (!those.length) throw new Error(t("drawing.none of class", { n: number(all.length), name: asked.labels.names[asked.first] }));
    return those;
  }

  function imageFor(model) {
    if (taken === null) return prepare(pen.canvas, model, centre);
    const { pixels, channels, width } = taken;
    if (model.shape[0] === channels && model.side === width) return fromPixels(pixels, model);
    return prepare(enlargedPixels(pixels, channels, width), model, false);
  }

  const look = latest(root, async () => {
    for (const side of sides) {
      const { model } = side;
      side.image = imageFor(model);
      paintTiles(side.seen, side.image, model, 1);
      const [features] = await Promise.all([model.features(side.image), model.learn()]);
      side.features = features;
      const logits = await model.opinions(side.image);
      paintTiles(side.seen, side.image, model, 1, model.bars(logits));
      side.seenWord.textContent = seen(model, taken !== null, logits?.[0]);
      if (model.asked) drawReads(side.reads, await model.readClass(side.image), model.asked);
      side.readsTitle.hidden = !model.asked;
      drawFeatures(side.chart, features, model.notes);
      side.chartTitle.textContent = t("drawing.numbers", { n: features.length });
      side.list.textContent = Array.from(features, (x) => x.toFixed(3)).join(t("list.comma"));
      side.z = model.latent(features);
      await redraw(side, side.z, "drawing.made read");
      if (ended) await neighbours(side);
    }
  });

  async function redraw(side, z, key) {
    const { model } = side;
    const image = await model.generate([z]);
    const logits = await model.opinions(image);
    paintTiles(side.made, image, model, 1, model.bars(logits));
    const error = Math.sqrt(image.reduce((sum, x, p) => sum + (x - side.image[p]) ** 2, 0) / image.length);
    side.made.dataset.error = error;
    side.madeWord.textContent = t(key, { error: error.toFixed(2), opinion: model.word(logits?.[0]) });
  }

  async function neighbours(side) {
    try {
      const gallery = await side.model.gallery();
      const { features, pixels, labels } = gallery;
      const names = side.model.asked?.labels.names;
      const those = offered(side.model, gallery);
      const far = new Map(those.map((i) => {
        const other = row(features, i);
        return [i, side.features.reduce((sum, x, j) => sum + (x - other[j]) ** 2, 0)];
      }));
      const nearest = those.sort((a, b) => far.get(a) - far.get(b)).slice(0, NEAR);
      const images = nearest.map((i) => fromPixels(row(pixels, i), side.model));
      const flat = new Float32Array(images.length * side.image.length);
      images.forEach((image, i) => flat.set(image, i * side.image.length));
      const columns = side.near.clientWidth < 420 ? NEAR / 2 : NEAR; // two rows on a phone
      const own = names && labels ? mixesOf(nearest.map((i) => labels.data[i]), names.length) : null;
      paintTiles(side.near, flat, side.model, columns, side.model.bars(await side.model.opinions(flat, own)));
      const shown = labels && nearest.map((i) => names?.[labels.data[i]] ?? labels.data[i]).join(t("list.comma"));
      side.nearWord.textContent = t(labels ? "drawing.near labelled" : "drawing.near", { n: number(those.length), labels: shown });
    } catch (error) {
      side.nearWord.textContent = t("drawing.no neighbours", { why: error.message });
    }
  }

  async function searchAll() {
    const mine = ++searching;
    search.disabled = true;
    try {
      for (const side of sides) {
        const found = await fit(side.model, side.image, side.z, {
          stopped: () => mine !== searching,
          improved: async (best, round) => {
            said.textContent = t("drawing.step", { n: round + 1, error: best.error.toFixed(3) });
          },
        });
        if (mine !== searching) return;
        side.z = found.z;
        await redraw(side, side.z, "drawing.made found");
        await nextFrame();
      }
      said.textContent = t("drawing.found");
    } finally {
      search.disabled = false;
    }
  }

  function walk() {
    app.found = sides.map((side) => side.z);
    app.show("plane");
  }

  function build(model, index, models) {
    const called = (key) => ofSide(key, index, models.length);
    const tiles = (key, extra = "") => h("canvas", { class: `tiles ${extra}`, role: "img", "aria-label": called(key) });
    const side = {
      model, seen: tiles("drawing.seen", "big"), made: tiles("drawing.made", "big"), near: tiles("drawing.nearest", "row"),
      seenWord: h("p", { class: "opinion" }), madeWord: h("p", { class: "opinion" }), nearWord: h("p", { class: "note" }),
      readsTitle: h("h2", { hidden: true }, t("drawing.reads")), reads: h("div", { class: "reads" }),
      chartTitle: h("h2", {}, t("drawing.numbers wait")),
      chart: h("canvas", { class: "chart", role: "img", "aria-label": called("drawing.chart") }), list: h("p", { class: "numbers" }),
    };
    side.root = h(
      "div", { class: "stack" },
      h("div", { class: "pair" }, h("div", {}, side.seen, side.seenWord), h("div", {}, side.made, side.madeWord)),
      side.readsTitle, side.reads,
      side.chartTitle, side.chart,
      h("details", {}, h("summary", {}, t("drawing.as numbers")), side.list),
      h("h2", {}, t("drawing.neighbours")), side.near, side.nearWord,
    );
    return side;
  }

  function update() {
    const models = app.models;
    absent.hidden = models.every((model) => !model.about.alone);
    split.hidden = !absent.hidden;
    if (split.hidden) {
      sides = [];
      return;
    }
    holder.classList.toggle("two", models.length > 1);
    sides = models.map(build);
    holder.replaceChildren(...sides.map((side) => side.root));
    only.root.hidden = !models.some((model) => model.asked);
    ended = true;
    searching++;
    taking = null;
    if (taken?.run !== models[0].run) { // another run's training image is none of this one's
      const again = taken !== null;
      taken = null;
      if (again || !touched || wanted !== null) {
        during(root, take());
        return;
      }
    }
    look();
  }

  function anew() {
    ended = true;
    searching++;
    return taking ? undefined : look(); // it looks when it is here
  }

  return {
    name: "drawing", title: t("drawing.title"), root, update, redraw: anew,
    canvases: () => sides.map((side) => [side.seen, side.made, side.near]),
    latents: () => sides.map((side) => ({ found: side.z ? [side.z] : [] })),
    state: () => ({ training: taken && touched ? taken.i : wanted ?? undefined, centre: centre ? undefined : 0, alone: alone ? 1 : undefined }),
  };
}

/** What D sees, in words. Its logit is of the image as one of the class asked for; D with a class head takes no class. */
function seen(model, taken, logit) {
  const key = taken ? "drawing.theirs" : "drawing.yours";
  const opinion = model.word(logit);
  if (!model.asked || logit === undefined) return t(key, { opinion });
  const { labels, mix } = model.asked;
  const values = { opinion, logit: logit.toFixed(2), name: labels.names[mix.findIndex((x) => x > 0)] };
  if (!labels.takes) return t(`${key} logit`, values);
  return t(mix.filter((x) => x > 0).length > 1 ? `${key} mixture` : `${key} class`, values);
}
