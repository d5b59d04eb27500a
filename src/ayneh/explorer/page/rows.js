// A canvas of tiles with the names of the classes beside its rows, where each row is of a class of its own.

import { h } from "./elements.js";

/** The element around a canvas. */
export function ruled(canvas) {
  return h("div", { class: "ruled" }, h("ol", { class: "row-names", hidden: true }), canvas);
}

/** Write the names of these classes beside the rows; none: null. */
export function nameRows(canvas, asked) {
  const list = canvas.previousElementSibling;
  const classes = asked?.rows ? asked.rowClasses : [];
  list.hidden = !classes.length;
  if (list.dataset.classes === classes.join()) return;
  list.dataset.classes = classes.join();
  list.replaceChildren(...classes.map((k) => h("li", { title: asked.labels.names[k] }, h("bdi", {}, asked.labels.names[k]))));
}
