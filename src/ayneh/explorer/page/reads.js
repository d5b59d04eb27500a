// The class that D reads in an image, as bars.

import { marginals } from "./classes.js";
import { h } from "./elements.js";
import { number, percent, rich, t } from "./words.js";

const SHOWN = 12; // of more classes, those with the longest bars

/** Bars of log-probabilities (K,) into `root`; `asked`: the side's `Asked`. */
export function drawReads(root, logs, asked) {
  const { names, parts, takes } = asked.labels;
  const shares = Float64Array.from(logs, Math.exp);
  const lists = parts.length > 1
    ? marginals(shares, parts).map((list, i) => [t("class.digit", { n: i + 1 }), list, (k) => String(k), null])
    : [[null, shares, (k) => names[k], asked.nearest]];
  const best = logs.reduce((most, x, k) => (x > logs[most] ? k : most), 0);
  const some = shares.length > SHOWN && parts.length <= 1;
  const name = h("bdi", { class: "cut", title: names[best] }, names[best]);
  root.dataset.read = best;
  root.replaceChildren(
    h("p", { class: "opinion" }, rich(takes ? "reads.most real" : "reads.read", { name, share: percent(shares[best]) })),
    h("div", { class: "lists" }, lists.map(([title, list, nameOf, marked]) => h("div", {}, title ? h("h3", {}, title) : null, bars(list, nameOf, marked)))),
    h("p", { class: "note" }, t(`${takes ? "reads.preference" : "reads.head"}${some ? " some" : ""}`, { shown: SHOWN, all: number(shares.length) })),
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
