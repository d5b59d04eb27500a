// What a view shows, as a file: PNG, GIF where something moves, z as JSON; and a link to it.

import { button, h } from "./elements.js";
import { gif } from "./gif.js";
import { t } from "./words.js";

const WIDE = 640; // pixels that a picture has at least, in whole multiples of its own
const HOLD = { path: 8, directions: 12, epochs: 40 }; // hundredths of a second for a frame

/** The row of buttons under a view. The view has canvases(): lists of canvases, one list a side; latents(): what z it
 *  shows; frames(), where something moves: an async generator that sets the view to each frame and gives their number. */
export function saving(app, view) {
  const said = h("p", { class: "note", role: "status" });
  const name = (kind) => `${[...new Set(app.models.map((model) => `${model.about.name.replace(/[^\w-]+/g, "-")}-epoch-${model.epoch}`))].join("-")}-${view.name}.${kind}`;
  const save = (blob, kind) => {
    const url = URL.createObjectURL(blob);
    const file = name(kind);
    h("a", { href: url, download: file }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
    said.textContent = t("save.saved", { file });
  };
  const png = async () => save(await new Promise((done) => drawn(view.canvases()).toBlob(done, "image/png")), "png");
  const json = () => save(new Blob([JSON.stringify(latents(app, view), null, 1)], { type: "application/json" }), "json");
  async function film() {
    const frames = [];
    moving.disabled = true;
    try {
      for await (const all of view.frames()) {
        const canvas = drawn(view.canvases(true));
        frames.push(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height));
        said.textContent = t("save.making", { done: frames.length, all });
      }
      save(new Blob([gif(frames, HOLD[view.name])], { type: "image/gif" }), "gif");
    } finally {
      moving.disabled = false;
    }
  }
  async function link() {
    app.write();
    try {
      await navigator.clipboard.writeText(location.href);
      said.textContent = t("save.link copied");
    } catch {
      said.textContent = t("save.link shown", { link: location.href }); // a page without a clipboard, such as a frame
    }
  }
  const guarded = (work) => () => (app.models.length ? Promise.resolve(work()).catch(app.say) : undefined);
  const moving = button(t("save.gif"), guarded(film), { class: "quiet", "data-save": "gif" });
  return h("div", { class: "controls saving" },
    button(t("save.png"), guarded(png), { class: "quiet", "data-save": "png" }), view.frames ? moving : null,
    button(t("save.z"), guarded(json), { class: "quiet", "data-save": "json" }),
    button(t("save.link"), link, { class: "quiet", "data-save": "link" }), said);
}

/** Lists of canvases side by side, each list from top to bottom, every pixel a square of whole pixels. */
export function drawn(sides) {
  const gap = 8;
  const placed = [];
  let left = 0;
  let high = 0;
  for (const canvases of sides) {
    let [top, wide] = [0, 0];
    for (const canvas of canvases) {
      const k = Math.max(1, Math.ceil(WIDE / sides.length / canvas.width));
      placed.push({ canvas, k, left, top });
      top += k * canvas.height + gap;
      wide = Math.max(wide, k * canvas.width);
    }
    left += wide + gap;
    high = Math.max(high, top - gap);
  }
  const whole = h("canvas", { width: left - gap, height: high });
  const context = whole.getContext("2d");
  context.fillStyle = "#000";
  context.fillRect(0, 0, whole.width, whole.height);
  context.imageSmoothingEnabled = false;
  for (const { canvas, k, left: x, top: y } of placed) context.drawImage(canvas, x, y, k * canvas.width, k * canvas.height);
  return whole;
}

/** z of a view with what is needed to draw from it again. */
function latents(app, view) {
  return {
    view: view.name,
    link: location.hash,
    sides: view.latents().map((named, i) => {
      const { about, replica, epoch, asked } = app.models[i];
      const z = Object.fromEntries(Object.entries(named).map(([key, zs]) => [key, zs.map((one) => Array.from(one))]));
      return { run: about.name, replica, epoch, prior: about.prior, ...(asked ? { mix: Array.from(asked.mix), classes: asked.labels.names } : {}), z };
    }),
  };
}
