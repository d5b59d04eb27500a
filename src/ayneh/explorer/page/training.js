// A run's losses, D's probabilities, pictures and findings, fetched every two seconds while it trains.

import { h } from "./elements.js";
import { lines } from "./curves.js";
import { findings, items, spans } from "./findings.js";
import { place } from "./model.js";
import { has, imageUrl, json, saved } from "./source.js";
import { during } from "./state.js";

const EVERY_MS = 2000;

const CHARTS = [
  { title: "Losses", series: [["D", "mean_loss_d"], ["G", "mean_loss_g"]] },
  { title: "D's probability of “real”", series: [["real", "mean_p_real"], ["fake", "mean_p_fake"]], low: 0, high: 1 },
];

export function makeTraining(app) {
  const known = app.runs.map(() => ({ lines: [], numbers: [], count: 0, epochs: [], pictures: [], findings: [] }));
  const shown = app.runs.map((_, i) => card(i));
  const holder = h("div", { class: "sides" });
  const root = h(
    "section", {},
    h("p", { class: "lead" }, "The course of the training. This view and the epoch slider above follow a run that is in training."),
    holder,
  );

  function card(i) {
    const parts = {
      status: h("p", { class: "note", role: "status" }), charts: h("div", { class: "charts" }),
      picture: h("img", { class: "picture", alt: "" }), caption: h("p", { class: "note" }),
      findings: h("ul", { class: "findings", "aria-live": "polite", "aria-label": "Findings" }),
    };
    parts.root = h("div", { class: "stack" }, h("h3", {}, app.runs[i].name), parts.status, parts.charts,
      h("div", { class: "split" }, h("div", {}, parts.picture, parts.caption), h("div", { class: "told" }, h("h3", {}, "Findings"), parts.findings)));
    return parts;
  }

  /** Fetches what is new; true if there was something. */
  async function poll(i) {
    const about = known[i];
    const path = `/api/runs/${i}/live`;
    const news = await json(saved ? path : `${path}?since=${about.count}`);
    const still = about.numbers.filter((number) => number < news.since).length;
    const kept = about.lines.slice(0, still); // fewer than are here: the run was resumed from an earlier step
    const fresh = news.lines.length || kept.length !== about.lines.length || news.epochs.join() !== about.epochs.join()
      || news.findings.length !== about.findings.length || news.pictures.length !== about.pictures.length || news.training !== about.training;
    Object.assign(about, news, { lines: kept.concat(news.lines), numbers: about.numbers.slice(0, still).concat(news.numbers) });
    app.runs[i].training = news.training;
    return fresh;
  }

  async function draw(i) {
    const about = known[i];
    const { status, charts, picture, caption } = shown[i];
    const last = about.lines.at(-1);
    status.textContent = last
      ? `${about.training ? "In training: epoch" : "Epoch"} ${last.epoch} of 0 to ${about.wanted_epochs - 1}, ${last.images.toLocaleString("en")} images seen, ${Math.round(last.wall_s)} s.`
      : "Nothing has been written down yet.";
    const side = app.sides.chosen.find((s) => s.run === i);
    const replica = side?.replica ?? 0;
    const found = findings(about.findings, replica);
    const marks = spans(found, about.lines);
    const judged = (l) => l.scores?.fd?.[replica];
    const scored = about.lines.findLast?.(judged);
    const distance = scored && { title: `${judged(scored).protocol} (lower is better)`, series: [["", (l) => judged(l)?.value]], low: 0 };
    const wanted = distance ? [...CHARTS, distance] : CHARTS;
    charts.replaceChildren(...wanted.map((chart) => {
      const series = chart.series.map(([name, key]) => ({
        name,
        points: about.lines.flatMap((l) => {
          const y = typeof key === "string" ? l[key]?.[replica] : key(l);
          return y == null ? [] : [[l.images, y]];
        }),
      }));
      return lines({ ...chart, series, marks });
    }));
    const epoch = about.pictures.findLast((e) => has(place(i, replica, e, "picture")));
    picture.hidden = epoch === undefined;
    if (epoch !== undefined && picture.dataset.epoch !== `${replica}/${epoch}`) {
      picture.dataset.epoch = `${replica}/${epoch}`;
      picture.alt = `The fixed noise after epoch ${epoch}, a grid of images`;
      picture.src = await imageUrl(place(i, replica, epoch, "picture"));
      caption.textContent = `The run's fixed noise after epoch ${epoch}.`;
    }
    tell(shown[i].findings, found);
  }

  async function tick(force) {
    for (let i = 0; i < app.runs.length; i++) {
      try {
        const fresh = await poll(i);
        if (fresh) app.sides.grown(i, saved ? app.runs[i].epochs : known[i].epochs);
        if ((fresh || force) && !root.hidden) await during(root, draw(i));
      } catch (error) {
        shown[i].status.textContent = error.message;
      }
    }
  }

  async function follow() {
    for (;;) {
      await new Promise((done) => setTimeout(done, EVERY_MS));
      const alive = known.some((about) => about.training) || !root.hidden;
      if (!document.hidden && alive) await tick(false);
    }
  }

  async function update() {
    const chosen = [...new Set(app.sides.chosen.map((side) => side.run))];
    const order = chosen.length ? chosen : app.runs.map((_, i) => i);
    holder.classList.toggle("two", order.length > 1);
    holder.replaceChildren(...order.map((i) => shown[i].root));
    await tick(true);
  }

  if (!saved) {
    tick(false);
    follow();
  }
  return { name: "training", title: "Training", root, update, needsNoModel: true };
}

/** Written only when it changed, since a screen reader would repeat it every two seconds. */
function tell(list, found) {
  const signature = JSON.stringify(found);
  if (list.dataset.told === signature) return;
  list.dataset.told = signature;
  list.replaceChildren(...(found.length ? items(found) : [h("li", { class: "note" }, "None.")]));
}
