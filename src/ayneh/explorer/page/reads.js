// The class that D reads in an image, as bars.

import { marginals } from "./classes.js";
import { h, percent } from "./elements.js";

const SHOWN = 12; // of more classes, those with the longest bars

export const HEAD = "D was trained to name the class: a bar is its probability of that class.";
export const PREFERENCE = "D takes the class with the image and was not trained to name it. The bars compare its logits for this image under each class (their softmax): the longest one is the class under which the image looks most real to D. They are no calibrated probabilities.";

/** Bars of log-probabilities (K,) into `root`; `asked`: the side's `Asked`. */
export function drawReads(root, logs, asked) {
  const { names, parts, head } = asked.labels;
  const shares = Float64Array.from(logs, Math.exp);
  const lists = parts.length > 1
    ? marginals(shares, parts).map((list, i) => [`Digit ${i + 1}`, list, (k) => String(k), null])
    : [[null, shares, (k) => names[k], asked.nearest]];
  const best = logs.reduce((most, x, k) => (x > logs[most] ? k : most), 0);
  const several = shares.length > SHOWN && parts.length <= 1 ? ` The ${SHOWN} longest of ${shares.length.toLocaleString("en")}.` : "";
  root.dataset.read = best;
  root.replaceChildren(
    h("p", { class: "opinion" }, head ? "D reads " : "Most real to D as ", h("bdi", { class: "cut", title: names[best] }, names[best]), `, ${percent(shares[best])}`),
    h("div", { class: "lists" }, lists.map(([title, list, nameOf, marked]) => h("div", {}, title ? h("h4", {}, title) : null, bars(list, nameOf, marked)))),
    h("p", { class: "note" }, (head ? HEAD : PREFERENCE) + several),
  );
}

function bars(shares, nameOf, marked) {
  let classes = Array.from(shares, (_, k) => k);
  if (classes.length > SHOWN) classes = classes.sort((a, b) => shares[b] - shares[a]).slice(0, SHOWN);
  return h("ol", { class: "bars" }, classes.map((k) => {
    const bar = h("span", { class: "bar" });
    bar.style.width = `${100 * shares[k]}%`;
    return h("li", { class: k === marked ? "asked" : null, "data-class": k },
      h("bdi", { class: "cut", title: nameOf(k) }, nameOf(k)), h("span", { class: "bar-room", "aria-hidden": "true" }, bar), h("span", { class: "bar-share" }, percent(shares[k])));
  }));
}
