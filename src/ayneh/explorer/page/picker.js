// The choice of a class on a side's card: buttons, or a field with all names where there are many.

import { choice, h, slider, tick } from "./elements.js";
import { percent, t } from "./words.js";

const BUTTONS = 12;
let count = 0;

/** The controls of `asked`, an `Asked`; changed() is called after each change. end: "", or ".left" or ".right" of two. */
export function makePicker(asked, end, changed) {
  const { labels } = asked;
  const said = h("p", { class: "note", role: "status" });
  const pick = (k) => {
    asked.first = k;
    said.textContent = "";
    changed();
  };
  const root = h("div", { class: "class-picker" });
  const rows = tick({
    label: t(labels.parts.length > 1 ? "class.rows digits" : "class.rows"), checked: asked.rows,
    onchange: (on) => {
      asked.rows = on;
      changed();
    },
  });
  const first = labels.parts.length > 1 ? digits(asked, end, pick)
    : asked.count <= BUTTONS ? buttons(asked, end, pick)
    : field(asked, t(`class.class${end}`), t("class.class"), asked.first, pick, said);
  const more = h("div", { class: "controls" }, labels.between ? mixture(asked, end, changed, said) : [], rows.root);
  root.append(first, more, said);
  if (!labels.between) root.append(h("p", { class: "note" }, t("class.no between")));
  return root;
}

/** A button for each class. One of them is reached by Tab, the others by the arrow keys, Home and End. */
function buttons(asked, end, pick) {
  const made = asked.labels.names.map((name, k) =>
    h("button", { type: "button", role: "radio", title: name, dir: "auto", onclick: () => choose(k) }, name));
  const mark = () => made.forEach((one, k) => {
    one.setAttribute("aria-checked", String(k === asked.first));
    one.tabIndex = k === asked.first ? 0 : -1;
  });
  function choose(k) {
    asked.first = k;
    mark();
    made[k].focus();
    pick(k);
  }
  const root = h("div", { class: "classes", role: "radiogroup", "aria-label": t(`class.class${end}`) }, h("span", { "aria-hidden": "true" }, t("class.class")), made);
  root.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key] ?? { Home: -asked.first, End: -1 - asked.first }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    choose((asked.first + step + made.length) % made.length);
  });
  mark();
  return root;
}

/** A field that is searched by typing; the browser lists the names that contain what was typed. */
function field(asked, called, label, value, pick, said, none = false) {
  const id = `class-${count++}`;
  const shown = () => (value === null ? "" : asked.labels.names[value]);
  const input = h("input", { id, list: `${id}-names`, autocomplete: "off", spellcheck: "false", dir: "auto", "aria-label": called, value: shown(), placeholder: none ? t("class.none") : false });
  input.addEventListener("focus", () => input.select());
  input.addEventListener("change", () => {
    const found = asked.find(input.value);
    if (found >= 0 || (none && !input.value.trim())) {
      value = found >= 0 ? found : null;
      pick(value);
    } else {
      said.textContent = t("class.unknown", { typed: input.value, last: asked.count - 1 });
    }
    input.value = shown();
  });
  const names = h("datalist", { id: `${id}-names` }, asked.labels.names.map((name) => h("option", { value: name })));
  return h("div", { class: "choice" }, h("label", { for: id }, label), input, names);
}

/** For classes that are combinations: a choice for each part. */
function digits(asked, end, pick) {
  const { parts } = asked.labels;
  const places = parts.map((_, i) => parts.slice(i + 1).reduce((a, b) => a * b, 1));
  const at = (i) => Math.floor(asked.first / places[i]) % parts[i];
  return h("div", { class: "controls" }, parts.map((n, i) => choice({
    label: t(`class.digit${end}`, { n: i + 1 }), value: at(i), options: Array.from({ length: n }, (_, d) => [d, String(d)]),
    onchange: (d) => pick(asked.first + (Number(d) - at(i)) * places[i]),
  }).root));
}

/** The second class, and how far towards it. */
function mixture(asked, end, changed, said) {
  const far = slider({
    label: t("class.share"), min: 0, max: 1, step: 0.01, value: asked.share, format: percent,
    oninput: (t) => {
      asked.share = t;
      changed();
    },
  });
  far.input.classList.add("class-share");
  far.input.setAttribute("aria-label", t(`class.share long${end}`));
  far.root.hidden = asked.second === null;
  const pick = (k) => {
    asked.second = k;
    far.root.hidden = k === null;
    if (k === null) far.set((asked.share = 0));
    said.textContent = "";
    changed();
  };
  const { names } = asked.labels;
  const towards = asked.count > BUTTONS
    ? field(asked, t(`class.towards long${end}`), t("class.towards"), asked.second, pick, said, true)
    : choice({
      label: t("class.towards"), value: asked.second ?? "", options: [["", t("class.none")], ...names.map((name, k) => [k, name])],
      onchange: (k) => pick(k === "" ? null : Number(k)),
    }).root;
  return [towards, far.root];
}
