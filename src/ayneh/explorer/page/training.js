// A run's losses, D's probabilities, pictures and findings, fetched every two seconds while it trains.

import { h } from "./elements.js";
import { frameOf, lines } from "./curves.js";
import { findings, items, spans } from "./findings.js";
import { place } from "./model.js";
import { has, imageUrl, json, saved } from "./source.js";
import { during } from "./state.js";
import { number, t } from "./words.js";

const EVERY_MS = 2000;

/** The charts of a run: {key, title, series: {name: how it is read from a line}, low, high}. Charts of one key share axes. */
function chartsOf({ odds, loss }, lines, replica) {
  const read = (key) => (line) => line[key]?.[replica];
  const judged = (line) => line.scores?.fd?.[replica];
  const charts = [
    { key: "losses", title: t("training.losses"), series: { D: read("mean_loss_d"), G: read("mean_loss_g") } },
    {
      key: "opinions", title: odds ? t("training.probabilities") : t("training.sigmoids", { loss }), low: 0, high: 1,
      series: { [t("training.real")]: read("mean_p_real"), [t("training.fake")]: read("mean_p_fake") },
    },
  ];
  const { protocol } = judged(lines.findLast(judged) ?? {}) ?? {};
  if (protocol) charts.push({ key: protocol, title: t("training.judged", { protocol }), series: { "": (line) => judged(line)?.value }, low: 0 });
  for (const chart of charts) {
    chart.series = Object.entries(chart.series).map(([name, of]) => ({
      name, points: lines.flatMap((line) => (of(line) == null ? [] : [[line.images, of(line)]])),
    }));
  }
  return charts;
}

export function makeTraining(app) {
  const known = app.runs.map(() => ({ lines: [], numbers: [], count: 0, epochs: [], pictures: [], findings: [] }));
  const shown = app.runs.map((_, i) => card(i));
  const holder = h("div", { class: "sides" });
  const root = h(
    "section", {},
    h("p", { class: "lead" }, t("training.lead")),
    holder,
  );

  function card(i) {
    const parts = {
      status: h("p", { class: "note", role: "status" }), charts: h("div", { class: "charts" }),
      picture: h("img", { class: "picture", alt: "" }), caption: h("p", { class: "note" }),
      findings: h("ul", { class: "findings", "aria-live": "polite", "aria-label": t("training.findings") }),
    };
    const course = [parts.charts,
      h("div", { class: "split" }, h("div", {}, parts.picture, parts.caption), h("div", { class: "told" }, h("h2", {}, t("training.findings")), parts.findings))];
    parts.root = h("div", { class: "stack" }, h("h2", {}, app.runs[i].name), parts.status, app.runs[i].exported ? [] : course);
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

  const replicaOf = (i) => app.sides.chosen.find((side) => side.run === i)?.replica ?? 0;

  /** All charts that are shown, on axes that those of one kind share, and that end at the same number of images. */
  function drawCharts() {
    const all = order().map((i) => chartsOf(app.runs[i], known[i].lines, replicaOf(i)));
    const { far } = frameOf(all.flatMap((charts) => charts.flatMap((chart) => chart.series)));
    order().forEach((i, k) => {
      const marks = spans(findings(known[i].findings, replicaOf(i)), known[i].lines);
      shown[i].charts.replaceChildren(...all[k].map((chart) => {
        const series = all.flatMap((charts) => charts.filter((one) => one.key === chart.key).flatMap((one) => one.series));
        return lines({ ...chart, frame: { ...frameOf(series, chart), far }, marks });
      }));
    });
  }

  async function draw(i) {
    const about = known[i];
    const { status, picture, caption } = shown[i];
    const last = about.lines.at(-1);
    status.textContent = last
      ? t(about.training ? "training.now" : "training.over", { epoch: last.epoch, last: about.wanted_epochs - 1, images: number(last.images), seconds: Math.round(last.wall_s) })
      : t(app.runs[i].exported ? "training.exported" : "training.nothing");
    const replica = replicaOf(i);
    const found = findings(about.findings, replica);
    const epoch = about.pictures.findLast((e) => has(place(i, replica, e, "picture")));
    picture.hidden = epoch === undefined;
    if (epoch !== undefined && picture.dataset.epoch !== `${replica}/${epoch}`) {
      picture.dataset.epoch = `${replica}/${epoch}`;
      picture.alt = t("training.picture", { epoch });
      picture.src = await imageUrl(place(i, replica, epoch, "picture"));
      caption.textContent = t("training.caption", { epoch });
    }
    tell(shown[i].findings, found);
  }

  /** The runs that are shown: those chosen, else all. */
  function order() {
    const chosen = [...new Set(app.sides?.chosen.map((side) => side.run) ?? [])];
    return chosen.length ? chosen : app.runs.map((_, i) => i);
  }

  /** Ask what is new of these runs. force: draw them anyway. */
  async function tick(asked, force) {
    let any = force;
    for (const i of asked) {
      try {
        const fresh = await poll(i);
        any ||= fresh;
        if (fresh && !saved) app.sides.grown(i, known[i].epochs, known[i].films);
        if ((fresh || force) && !root.hidden) await during(root, draw(i));
      } catch (error) {
        shown[i].status.textContent = error.message;
      }
    }
    if (any && !root.hidden) drawCharts();
  }

  /** Runs in training are asked about every two seconds; finished ones when the view is opened, and not again. */
  async function follow() {
    for (;;) {
      await new Promise((done) => setTimeout(done, EVERY_MS));
      const going = app.runs.flatMap((run, i) => (known[i].training || !(run.epochs.length || run.error) ? [i] : []));
      if (!document.hidden && going.length) await tick(going, false);
    }
  }

  async function update() {
    holder.classList.toggle("two", order().length > 1);
    holder.replaceChildren(...order().map((i) => shown[i].root));
    await tick(order(), true);
  }

  if (!saved) {
    document.addEventListener("visibilitychange", () => !document.hidden && !root.hidden && tick(order(), false)); // resumed?
    tick(app.runs.flatMap((run, i) => (run.training || !run.epochs.length ? [i] : [])), false);
    follow();
  }
  return { name: "training", title: t("training.title"), root, update, needsNoModel: true };
}

/** Written only when it changed, since a screen reader would repeat it every two seconds. */
function tell(list, found) {
  const signature = JSON.stringify(found);
  if (list.dataset.told === signature) return;
  list.dataset.told = signature;
  list.replaceChildren(...(found.length ? items(found) : [h("li", { class: "note" }, t("training.none"))]));
}
