// The controls of one side: its run, replica, epoch and class.

import { button, choice, h, slider } from "./elements.js";
import { makePicker } from "./picker.js";
import { t } from "./words.js";

/** The card of side i of `sides`. Gives the side `status`, `slider` and `showPicker()`. */
export function card(sides, side, i) {
  const two = sides.chosen.length > 1;
  const end = two ? [".left", ".right"][i] : "";
  const run = sides.runs[side.run];
  const runs = choice({
    label: t(two ? `side${end}` : "side.run"),
    options: [],
    onchange: (k) => sides.turn(side, Number(k)),
  });
  side.listRuns = () => {
    const those = sides.runs.flatMap((r, k) => (r.epochs.length ? [[k, r.name]] : []));
    runs.input.replaceChildren(...those.map(([k, name]) => h("option", { value: k, selected: k === side.run }, name)));
  };
  side.listRuns();
  const parts = [runs.root];
  if (run.replicas > 1) {
    const options = Array.from({ length: run.replicas }, (_, r) => [r, t("side.seed", { seed: run.seed + r })]);
    const onchange = (r) => sides.choose(side, { replica: Number(r) });
    parts.push(choice({ label: t("side.replica"), options, value: side.replica, onchange }).root);
  }
  side.slider = slider({
    label: t("side.epoch"), min: 0, max: run.epochs.length - 1, value: run.epochs.indexOf(side.epoch),
    format: (k) => `${sides.runs[side.run].epochs[k] ?? ""}`,
    oninput: (k) => sides.choose(side, { epoch: sides.runs[side.run].epochs[k] }),
  });
  if (run.epochs.length > 1) parts.push(side.slider.root);
  side.status = h("p", { class: "note", role: "status" }, side.model ? about(run) : t("side.preparing"));
  if (two) parts.push(button(t("side.close"), () => sides.remove(side), { class: "quiet", "aria-label": t(`side.close${end}`) }));
  const classes = h("div", {});
  side.showPicker = () => {
    if (classes.shown === side.asked) return; // with every epoch of a run: what is typed there stays
    classes.shown = side.asked;
    classes.replaceChildren(...(side.asked ? [makePicker(side.asked, end, () => sides.asked())] : []));
  };
  if (side.asked) side.showPicker();
  const card = run.card?.length ? h("details", {}, h("summary", {}, t("side.card")), h("pre", { dir: "ltr", tabindex: 0 }, run.card.join("\n"))) : [];
  return h("div", { class: "side-card" }, h("div", { class: "controls" }, parts), classes, side.status, card);
}

/** What a run is, in a line. */
export function about(run) {
  const values = { net: run.net, data: run.data, labels: run.labels, dim: run.prior.dim, law: run.prior.law };
  return t(`side.about${run.labels === "none" ? "" : " labelled"}${run.training ? " training" : ""}`, values);
}
