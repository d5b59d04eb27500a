// A square to draw on: by pointer, by keys, or from an image file.

import { h } from "./elements.js";
import { t } from "./words.js";

const SIDE = 280; // a multiple of 28
const PEN = 22;
const STEP = 8;

/** {root, canvas, clear(), show(image)}; `changed(done)` after each piece of a stroke; done: the stroke has ended. */
export function makePen(changed) {
  const canvas = h("canvas", {
    width: SIDE, height: SIDE, class: "pen", tabindex: 0, role: "application",
    "aria-label": t("drawing.area"),
  });
  const cursor = h("div", { class: "cursor", "aria-hidden": "true" });
  const root = h("div", { class: "pen-frame" }, canvas, cursor, h("p", { class: "invite", "aria-hidden": "true" }, t("drawing.here")));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let last = null;
  let point = [SIDE / 2, SIDE / 2];
  let down = false;

  function blacken() {
    context.fillStyle = "#000";
    context.fillRect(0, 0, SIDE, SIDE);
    last = null;
  }

  function clear() {
    blacken();
    changed(true);
  }

  function strokeTo(x, y) {
    const [fromX, fromY] = last ?? [x, y];
    Object.assign(context, { strokeStyle: "#fff", lineWidth: PEN, lineCap: "round", lineJoin: "round" });
    context.beginPath();
    context.moveTo(fromX, fromY);
    context.lineTo(x + 0.01, y);
    context.stroke();
    last = [x, y];
    changed(false);
  }

  const at = (event) => {
    const r = canvas.getBoundingClientRect();
    return [((event.clientX - r.left) / r.width) * SIDE, ((event.clientY - r.top) / r.height) * SIDE];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = null;
    strokeTo(...at(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons && last) for (const e of event.getCoalescedEvents?.() ?? [event]) strokeTo(...at(e));
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(kind, () => {
      last = null;
      changed(true);
    });
  }
  canvas.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key in steps) {
      point = point.map((x, i) => Math.min(SIDE - 1, Math.max(0, x + STEP * steps[event.key][i])));
      if (down) strokeTo(...point);
    } else if (event.key === " ") {
      down = !down;
      last = null;
      if (down) strokeTo(...point);
      else changed(true);
    } else if (event.key === "Delete" || event.key === "Backspace") clear();
    else return;
    event.preventDefault();
    cursor.style.cssText = `left: ${(100 * point[0]) / SIDE}%; top: ${(100 * point[1]) / SIDE}%`;
    cursor.classList.toggle("down", down);
  });
  canvas.addEventListener("blur", () => {
    if (!down) return;
    down = false;
    last = null;
    changed(true);
  });

  /** An image's central square; dark ink on light paper is inverted. */
  function show(image) {
    const side = Math.min(image.width, image.height);
    blacken();
    context.imageSmoothingQuality = "high";
    context.imageSmoothingEnabled = image.width > 64; // small ones keep their pixels
    context.drawImage(image, (image.width - side) / 2, (image.height - side) / 2, side, side, 0, 0, SIDE, SIDE);
    const pixels = context.getImageData(0, 0, SIDE, SIDE);
    if (border(pixels.data) > 140) {
      for (let i = 0; i < pixels.data.length; i += 4) for (let c = 0; c < 3; c++) pixels.data[i + c] = 255 - pixels.data[i + c];
      context.putImageData(pixels, 0, 0);
    }
    changed(true);
  }

  /** Put back what toDataURL() gave. */
  async function load(url) {
    const image = new Image();
    image.src = url;
    await image.decode();
    context.drawImage(image, 0, 0);
    changed(true);
  }

  blacken();
  return { root, canvas, clear, show, load };
}

/** The mean brightness of the outermost pixels. */
function border(data) {
  let sum = 0;
  for (let i = 0; i < SIDE; i++) {
    for (const p of [i, i + SIDE * (SIDE - 1), i * SIDE, i * SIDE + SIDE - 1]) sum += data[4 * p] + data[4 * p + 1] + data[4 * p + 2];
  }
  return sum / (12 * SIDE);
}
