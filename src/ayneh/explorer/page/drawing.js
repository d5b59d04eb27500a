// Your own digit: D's features of it, G's image of the latent read from them, and the nearest training images.

import { row } from "./arrays.js";
import { button, h, percent, tick } from "./elements.js";
import { mixesOf } from "./classes.js";
import { drawFeatures } from "./features.js";
import { fit } from "./fit.js";
import { chance } from "./model.js";
import { paintTiles } from "./paint.js";
import { makePen } from "./pen.js";
import { fromPixels, prepare } from "./prepare.js";
import { drawReads } from "./reads.js";
import { during, latest, nextFrame } from "./state.js";

const NEAR = 8;

export function makeDrawing(app) {
  let sides = [];
  let centre = true;
  let taken = null; // a training image that is used instead of the drawing
  let ended = false;
  let searching = 0;
  let alone = false; // training images of the class asked for, and no others
  let touched = false; // until then the view shows a training image
  const pen = makePen((done) => {
    taken = null;
    touched = true;
    pen.root.classList.add("touched");
    searching++;
    ended = done;
    look();
  });
  const holder = h("div", { class: "sides" });
  const file = h("input", { type: "file", accept: "image/*", class: "file", id: "drawing-file", onchange: () => during(root, open(file.files[0])) });
  const centring = tick({
    label: "Centre it as the training images are", checked: true,
    onchange: (on) => {
      centre = on;
      look();
    },
  });
  const only = tick({
    label: "Training images of this class alone",
    onchange: (on) => {
      alone = on;
      ended = true;
      look();
    },
  });
  const search = button("Search for its latent", () => during(root, searchAll()), { id: "drawing-search" });
  const said = h("p", { class: "note", role: "status", id: "drawing-said" });
  const desk = h(
    "div", { class: "desk" }, pen.root,
    h("div", { class: "controls" },
      button("Clear", () => pen.clear(), { id: "drawing-clear" }),
      h("label", { class: "button", for: "drawing-file" }, "Open an image"), file,
      button("Take a training image", () => {
        touched = true;
        during(root, take());
      }, { id: "drawing-take" })),
    centring.root, only.root,
    h("div", { class: "controls" }, search, button("Walk from here", () => walk(), { id: "drawing-walk" })), said,
  );
  const root = h(
    "section", {},
    h("p", { class: "lead" }, "Draw a digit, or drop an image anywhere on this page. The discriminator turns it into numbers, a latent is read back from these, and the generator draws the image of that latent."),
    h("div", { class: "split desk-split" }, desk, holder),
    h("p", { class: "hint" }, "The latent is read by a linear map that was fitted to generated images. “Search” goes on from there: it follows the slope of the generator towards the image, in this browser, in a second or two."),
  );

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
      said.textContent = `${chosen.name} is not an image that this browser can read.`;
    }
    file.value = "";
  }

  async function take() {
    const mine = ++searching;
    try {
      const gallery = await sides[0].model.gallery();
      if (mine !== searching) return; // something was drawn or dropped meanwhile
      const those = offered(sides[0].model, gallery);
      taken = those[Math.floor(Math.random() * those.length)];
      ended = true;
      look();
    } catch (error) {
      if (touched) said.textContent = `The training images are not here. ${error.message}`;
    }
  }

  /** The numbers of the training images that may be shown: all, or those of the class that is asked for. */
  function offered({ asked }, { features, labels }) {
    const all = Array.from({ length: features.shape[0] }, (_, i) => i);
    if (!alone || !asked || !labels) return all;
    const those = all.filter((i) => labels.data[i] === asked.first);
    if (!those.length) throw new Error(`None of these ${all.length.toLocaleString("en")} is of the class ${asked.labels.names[asked.first]}.`);
    return those;
  }

  async function imageFor(model) {
    if (taken === null) return prepare(pen.canvas, model, centre);
    const { pixels } = await sides[0].model.gallery();
    const [, channels, , width] = pixels.shape;
    if (model.shape[0] === channels && model.side === width) return fromPixels(row(pixels, taken), model);
    return prepare(enlargedPixels(row(pixels, taken), channels, width), model, false);
  }

  const look = latest(root, async () => {
    for (const side of sides) {
      const { model } = side;
      side.image = await imageFor(model);
      const features = await model.features(side.image);
      side.features = features;
      const [logit] = await model.logits(side.image);
      const own = chance(logit);
      paintTiles(side.seen, side.image, model, 1, [own]);
      side.seenWord.textContent = `${taken === null ? "Your drawing, as D sees it" : "A training image"}. D: real with ${percent(own)}${model.asked ? asClass(model.asked, logit) : ""}`;
      if (model.asked) drawReads(side.reads, await model.readClass(side.image), model.asked);
      side.readsTitle.hidden = !model.asked;
      drawFeatures(side.chart, features, model.notes);
      side.list.textContent = Array.from(features, (x) => x.toFixed(3)).join(", ");
      side.z = model.latent(features);
      await redraw(side, side.z, "as read from its numbers");
      if (ended) await neighbours(side);
    }
  });

  async function redraw(side, z, how) {
    const image = await side.model.generate([z]);
    const [opinion] = await side.model.opinions(image);
    paintTiles(side.made, image, side.model, 1, [opinion]);
    const error = Math.sqrt(image.reduce((sum, x, p) => sum + (x - side.image[p]) ** 2, 0) / image.length);
    side.made.dataset.error = error;
    side.madeWord.textContent = `G's image, ${how}. Off by ${error.toFixed(2)} (root mean square). D: real with ${percent(opinion)}`;
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
      paintTiles(side.near, flat, side.model, columns, await side.model.opinions(flat, own));
      const of = `of ${those.length.toLocaleString("en")} training images`;
      const named = labels ? `Labels: ${nearest.map((i) => names?.[labels.data[i]] ?? labels.data[i]).join(", ")}. ` : "";
      side.nearWord.textContent = `${named}The nearest ${of}, by D's numbers.`;
    } catch (error) {
      side.nearWord.textContent = `Neighbours are left out. ${error.message}`;
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
            said.textContent = `Step ${round + 1}: off by ${best.error.toFixed(3)}`;
          },
        });
        if (mine !== searching) return;
        side.z = found.z;
        await redraw(side, side.z, "after the search");
        await nextFrame();
      }
      said.textContent = "Found. “Walk from here” puts it into the other views.";
    } finally {
      search.disabled = false;
    }
  }

  function walk() {
    app.found = sides.map((side) => side.z);
    app.show("plane");
  }

  function build(model, index, models) {
    const name = models.length > 1 ? `, ${["left", "right"][index]}` : "";
    const tiles = (label, extra = "") => h("canvas", { class: `tiles ${extra}`, role: "img", "aria-label": label + name });
    const side = {
      model, seen: tiles("The image as D sees it", "big"), made: tiles("G's image of the latent", "big"), near: tiles("The nearest training images"),
      seenWord: h("p", { class: "opinion" }), madeWord: h("p", { class: "opinion" }), nearWord: h("p", { class: "note" }),
      readsTitle: h("h3", { hidden: true }, "The class that D reads"), reads: h("div", { class: "reads" }),
      chart: h("canvas", { class: "chart", role: "img", "aria-label": `D's numbers of the image${name}` }), list: h("p", { class: "numbers" }),
    };
    side.root = h(
      "div", { class: "stack" },
      h("div", { class: "pair" }, h("div", {}, side.seen, side.seenWord), h("div", {}, side.made, side.madeWord)),
      side.readsTitle, side.reads,
      h("h3", {}, `D's ${model.notes.feature_mean.data.length} numbers`), side.chart,
      h("details", {}, h("summary", {}, "As numbers"), side.list),
      h("h3", {}, "Neighbours"), side.near, side.nearWord,
    );
    return side;
  }

  function update() {
    const models = app.models;
    holder.classList.toggle("two", models.length > 1);
    sides = models.map(build);
    holder.replaceChildren(...sides.map((side) => side.root));
    only.root.hidden = !models.some((model) => model.asked);
    ended = true;
    searching++;
    if (touched || taken !== null) look();
    else during(root, take().then(() => taken === null && look()));
  }

  function anew() {
    ended = true;
    searching++;
    return look();
  }

  return { name: "drawing", title: "Draw", root, update, redraw: anew };
}

/** D's logit is of the image as one of the class that is asked for; D with a class head takes no class. */
function asClass({ labels, mix }, logit) {
  const mixed = mix.filter((x) => x > 0).length > 1;
  const name = labels.names[mix.findIndex((x) => x > 0)];
  return labels.head ? ` (logit ${logit.toFixed(2)})` : ` as ${mixed ? "the mixture" : name} (logit ${logit.toFixed(2)})`;
}

function enlargedPixels(pixels, channels, width) {
  const canvas = new OffscreenCanvas(width, width);
  const image = new ImageData(width, width);
  for (let p = 0; p < width * width; p++) {
    for (let c = 0; c < 3; c++) image.data[4 * p + c] = pixels[(c % channels) * width * width + p];
    image.data[4 * p + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  const large = new OffscreenCanvas(280, 280);
  large.getContext("2d").drawImage(canvas, 0, 0, 280, 280);
  return large;
}
