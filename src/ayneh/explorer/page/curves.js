// Curves as SVG, drawn by hand: two axes, a few lines, a legend in words.

import { number, t } from "./words.js";

const NS = "http://www.w3.org/2000/svg";
const [WIDE, HIGH, LEFT, BOTTOM] = [360, 160, 40, 20];
const MANY = 50; // from this many points on, the highest 2 % may lie at the upper edge

/** The frame that several charts share: {far, bottom, top}, of all their series; low, high: where they are fixed. */
export function frameOf(all, { low, high } = {}) {
  const ys = all.flatMap((s) => s.points.map(([, y]) => y));
  const bottom = low ?? Math.min(0, ...ys);
  const most = all.some((s) => s.points.length >= MANY) ? quantile(ys, 0.98) : Math.max(...ys);
  const top = high ?? Math.max(bottom + 1e-9, most * 1.15 || 1);
  return { far: Math.max(1, ...all.flatMap((s) => s.points.map(([x]) => x))), bottom, top };
}

/** {title, series: [{name, points: [[x, y], ...]}], frame, marks: [{from, to, severity}]} -> a figure. Marks are shaded
 *  from one x to another, or to the end where `to` is null. */
export function lines({ title, series, frame: { far, bottom, top }, marks = [] }) {
  const at = ([x, y]) => [LEFT + (x / far) * (WIDE - LEFT - 8), 8 + (1 - (Math.min(top, Math.max(bottom, y)) - bottom) / (top - bottom)) * (HIGH - BOTTOM - 8)];
  const svg = s("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": described(title, series) });
  for (const { from, to, severity } of marks) {
    const [[left], [right]] = [at([Math.min(from, far), 0]), at([Math.min(to ?? far, far), 0])];
    svg.append(s("rect", { x: left, y: 8, width: Math.max(2, right - left), height: HIGH - BOTTOM - 8, class: `span ${severity}` }));
  }
  for (const y of [bottom, (bottom + top) / 2, top]) {
    const [, py] = at([0, y]);
    svg.append(s("line", { x1: LEFT, x2: WIDE - 8, y1: py, y2: py, class: "rule" }), s("text", { x: LEFT - 6, y: py + 4, class: "axis end" }, short(y)));
  }
  svg.append(s("text", { x: LEFT, y: HIGH - 5, class: "axis" }, "0"), s("text", { x: WIDE - 8, y: HIGH - 5, class: "axis end" }, t("number.images", { n: short(far) })));
  series.forEach(({ points }, i) => {
    if (points.length === 1) svg.append(s("circle", { cx: at(points[0])[0], cy: at(points[0])[1], r: 3, class: `dot line-${i}` }));
    svg.append(s("polyline", { points: points.map((p) => at(p).map((x) => x.toFixed(1)).join(",")).join(" "), class: `line line-${i}` }));
  });
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  caption.append(title);
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
