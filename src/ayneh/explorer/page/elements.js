// Small pieces of HTML. Words from a run become text nodes, never markup.

/** h("button", {class: "quiet", onclick: f}, "words", child, ...). */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null));
  return element;
}

let count = 0;

/** A labelled slider: {root, input, get value, set(value)}; `format(value)` gives the words beside it. */
export function slider({ id = `slider-${count++}`, label, min, max, step = 1, value, format = String, oninput }) {
  const output = h("output", { for: id });
  const input = h("input", { id, type: "range", min, max, step, value });
  const update = () => {
    output.textContent = format(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", () => {
    update();
    oninput?.(Number(input.value));
  });
  update();
  const root = h("div", { class: "slider" }, h("label", { for: id }, label), input, output);
  return {
    root,
    input,
    get value() {
      return Number(input.value);
    },
    set(next, limits = {}) {
      Object.assign(input, limits);
      input.value = next;
      update();
    },
  };
}

/** A labelled choice: {root, input}. `options`: [value, words] pairs. */
export function choice({ label, options, value, onchange }) {
  const id = `choice-${count++}`;
  const input = h("select", { id, onchange: () => onchange(input.value) });
  options.forEach(([key, words]) => input.append(h("option", { value: key, selected: String(key) === String(value) }, words)));
  return { root: h("div", { class: "choice" }, h("label", { for: id }, label), input), input };
}

export function tick({ label, checked = false, onchange }) {
  const input = h("input", { type: "checkbox", checked, onchange: () => onchange(input.checked) });
  return { root: h("label", { class: "tick" }, input, h("span", {}, label)), input };
}

export function button(words, onclick, attributes = {}) {
  return h("button", { type: "button", onclick, ...attributes }, words);
}
