// Curves as SVG, drawn by hand: two axes, a few lines, a legend in words.

import { number, t } from "./words.js";

const NS = "http://www.w3.org/2000/svg";
const [WIDE, HIGH, LEFT, BOTTOM] = [360, 160, 44, 20];
const RULES = 3; // spaces between the lines of a chart, about
const MANY = 50; // from this many points on, the highest 2 % may lie at the upper edge

/** The frame that several charts share, of all their series: {far, bottom, top, step}, with a line at every step from
 *  bottom to top; low, high: where these are fixed, as multiples of a step. */
export function frameOf(all, { low, high } = {}) {
  const ys = all.flatMap((s) => s.points.map(([, y]) => y));
  const most = all.some((s) => s.points.length >= MANY) ? quantile(ys, 0.98) : Math.max(...ys);
  const [least, up] = [low ?? Math.min(0, ...ys), high ?? Math.max(0, most)];
  const step = roundUp((up - least) / RULES || 1);
  const bottom = step * Math.floor(least / step);
  const top = Math.max(step * Math.ceil(up / step), bottom + step);
  return { far: Math.max(1, ...all.flatMap((s) => s.points.map(([x]) => x))), bottom, top, step };
}

/** The least of the numbers 1, 2 and 5 times a power of ten that is x or more. */
function roundUp(x) {
  const power = 10 ** Math.floor(Math.log10(x));
  return [1, 2, 5, 10].find((k) => k * power >= x * 0.999) * power;
}

/** {title, series: [{name, points: [[x, y], ...]}], frame, marks: [{from, to, severity}]} -> a figure. Marks are shaded
 *  from one x to another, or to the end where `to` is null. */
export function lines({ title, series, frame: { far, bottom, top, step }, marks = [] }) {
  const at = ([x, y]) => [LEFT + (x / far) * (WIDE - LEFT - 8), 8 + (1 - (Math.min(top, Math.max(bottom, y)) - bottom) / (top - bottom)) * (HIGH - BOTTOM - 8)];
  const svg = s("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": described(title, series) });
  for (const { from, to, severity } of marks) {
    const [[left], [right]] = [at([Math.min(from, far), 0]), at([Math.min(to ?? far, far), 0])];
    svg.append(s("rect", { x: left, y: 8, width: Math.max(2, right - left), height: HIGH - BOTTOM - 8, class: `span ${severity}` }));
  }
  for (let k = 0; k <= Math.round((top - bottom) / step); k++) {
    const [, py] = at([0, bottom + k * step]);
    const label = s("text", { x: LEFT - 6, y: py + 4, class: "axis end" }, short(bottom + k * step));
    svg.append(s("line", { x1: LEFT, x2: WIDE - 8, y1: py, y2: py, class: "rule" }), label);
  }
  svg.append(s("text", { x: LEFT, y: HIGH - 5, class: "axis" }, "0"), s("text", { x: WIDE - 8, y: HIGH - 5, class: "axis end" }, t("number.images", { n: short(far) })));
  series.forEach(({ points }, i) => {
    if (points.length === 1) svg.append(s("circle", { cx: at(points[0])[0], cy: at(points[0])[1], r: 3, class: `dot line-${i}` }));
    svg.append(s("polyline", { points: points.map((p) => at(p).map((x) => x.toFixed(1)).join(",")).join(" "), class: `line line-${i}` }));
  });
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  const heading = document.createElement("span"); // on a line of its own, so that charts side by side begin at one height
  heading.className = "chart-title";
  heading.textContent = title;
  caption.append(heading);
  series.forEach(({ name, points }, i) => {
    if (!name && !points.length) return;
    const key = document.createElement("span");
    key.className = `key key-${i}`;
    key.textContent = points.length ? t("chart.end", { name, value: short(points.at(-1)[1]) }) : name;
    caption.append(key);
  });
  figure.append(caption, svg);
  return figure;
}

function described(title, series) {
  const ends = series.filter((x) => x.points.length).map(({ name, points }) => t("chart.end", { name, value: short(points.at(-1)[1]) }));
  return ends.length ? t("chart.described", { title, ends: ends.join(t("list.comma")) }) : t("chart.empty", { title });
}

function s(tag, attributes, ...children) {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(q * (sorted.length - 1))] ?? 0;
}

function short(x) {
  if (x >= 1e6) return t("number.million", { n: (x / 1e6).toFixed(1) });
  if (x >= 1000) return number(Math.round(x));
  return Number(x.toPrecision(3)).toString();
}
