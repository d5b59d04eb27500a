// The chosen checkpoints: one, or two side by side, each with its run, replica and epoch.

import { about, card } from "./card.js";
import { Asked } from "./classes.js";
import { button } from "./elements.js";
import { Model } from "./model.js";
import { during } from "./state.js";
import { t } from "./words.js";

export class Sides {
  /** runs: from the server; wanted: sides as `url.parse` gives them. Callbacks: changed() when another model is ready,
   *  picked() as soon as one is chosen, asked() for another class of the same model or when D has come, failed(error). */
  constructor(root, runs, wanted, { changed, picked, asked, failed }) {
    Object.assign(this, { root, runs, changed, picked, asked, failed, chosen: [], models: [], complete: false });
    this.root.replaceChildren();
    const first = Math.max(0, runs.findIndex((run) => run.epochs.length));
    if (!runs[first]?.epochs.length) return;
    const sides = wanted.slice(0, 2).map((side) => this.found(side, first));
    for (const side of sides.length ? sides : [{ run: first }]) this.add(side);
  }

  /** A side of an address -> that of add(); what is not there any more is said and replaced. */
  found(wanted, first) {
    const run = this.runs.findIndex((one) => one.name === wanted.run);
    if (!this.runs[run]?.epochs.length) {
      const young = run >= 0 && !this.runs[run].error;
      this.failed(t(young ? "page.young run" : "page.unknown run", { run: wanted.run, instead: this.runs[first].name }));
      return { run: first, awaited: young ? run : null };
    }
    const { replicas, epochs } = this.runs[run];
    const replica = Math.min(replicas - 1, Math.max(0, Math.trunc(Number(wanted.replica)) || 0));
    let epoch = wanted.epoch === null ? undefined : Number(wanted.epoch);
    if (epoch !== undefined && !epochs.includes(epoch)) {
      this.failed(t("page.fallen back", { epoch: wanted.epoch, run: wanted.run }));
      epoch = undefined;
    }
    return { run, replica, epoch, wanted };
  }

  async add({ run, replica = 0, epoch = this.runs[run].epochs.at(-1), wanted = null, awaited = null }) {
    const side = { run, replica, epoch, wish: 0, busy: false, follows: epoch === this.runs[run].epochs.at(-1), asked: null, wanted, awaited };
    this.chosen.push(side);
    this.build();
    await this.choose(side, {});
  }

  async compare() {
    const { run, epoch } = this.chosen[0];
    const other = this.runs.findIndex((r, i) => i !== run && r.epochs.length);
    const first = this.runs[run].epochs[0];
    await this.add(other >= 0 ? { run: other } : { run, epoch: first !== epoch ? first : epoch });
  }

  remove(side) {
    this.chosen = this.chosen.filter((other) => other !== side);
    this.build();
    this.gather();
  }

  /** Another run for a side: its newest checkpoint. */
  turn(side, run) {
    const wish = { run, replica: 0, epoch: this.runs[run].epochs.at(-1) };
    Object.assign(side, wish);
    this.build();
    return this.choose(side, wish);
  }

  /** Another run, replica or epoch for a side. Of several choices in a row the last one counts. */
  choose(side, wish) {
    return during(this.root, this.prepare(side, wish));
  }

  async prepare(side, wish) {
    Object.assign(side, wish, { busy: true, failedAt: null, awaited: "run" in wish ? null : side.awaited });
    if ("epoch" in wish) side.follows = side.epoch === this.runs[side.run].epochs.at(-1);
    const mine = ++side.wish;
    side.status.textContent = t("side.preparing");
    this.picked();
    try {
      const model = await new Model(this.runs[side.run], side.run, side.replica, side.epoch).ready();
      if (mine !== side.wish) return;
      side.model = model;
      this.ask(side);
      side.status.textContent = t("side.judging");
      side.failed = false;
      this.gather();
      during(this.root, this.judge(side, model));
    } catch (error) {
      if (mine !== side.wish) return;
      side.status.textContent = "";
      if (!this.late(side)) this.stay(side, error); // else its checkpoint may have been deleted for a newer one
    }
    side.busy = false;
    this.catchUp(side);
  }

  /** The models to be shown: those of the left side first, the right one after it, whichever comes sooner. */
  gather() {
    const waits = this.chosen.findIndex((side) => !side.model && !side.failed);
    this.complete = waits < 0;
    this.models = this.chosen.slice(0, this.complete ? 2 : waits).flatMap((side) => side.model ?? []);
    this.changed();
  }

  /** D, whose opinions are drawn once it is there. */
  async judge(side, model) {
    try {
      await model.judge();
    } catch (error) {
      if (side.model === model) this.failed(error);
    }
    if (side.model !== model || !this.chosen.includes(side)) return;
    if (!side.busy) side.status.textContent = about(model.about);
    this.asked();
  }

  /** After a choice that failed: the controls show again what the images show. */
  stay(side, error) {
    const { model } = side;
    if (model) {
      Object.assign(side, { failedAt: side.epoch, run: model.run, replica: model.replica, epoch: model.epoch });
      this.build();
    } else {
      side.failed = true;
      this.gather(); // the other side waits for it no longer
    }
    this.failed(error);
  }

  /** After a time without a server: what failed is asked for again. */
  again() {
    for (const side of this.chosen) if (!side.model || !side.model.judged) this.choose(side, {});
  }

  late(side) {
    const newest = this.runs[side.run].epochs.at(-1);
    return side.follows && ![side.epoch, side.failedAt].includes(newest);
  }

  /** To the newest epoch, once the one before is ready: a fast training would else replace each before it is shown. */
  catchUp(side) {
    if (!side.busy && this.late(side) && this.chosen.includes(side)) {
      this.choose(side, { epoch: this.runs[side.run].epochs.at(-1) });
    }
  }

  build() {
    const controls = () => [...this.root.querySelectorAll("select, input, button")];
    const focused = controls().indexOf(document.activeElement);
    this.root.replaceChildren(...this.chosen.map((side, i) => card(this, side, i)));
    if (this.chosen.length === 1) {
      this.root.append(button(t("side.compare"), () => this.compare(), { class: "quiet", id: "compare" }));
    }
    if (focused >= 0) (controls()[focused] ?? controls().at(-1)).focus(); // else a choice by the keys would end there
  }

  /** The class that a side asks its model for; a new one where the model has other classes than the one before. */
  ask(side) {
    const { labels } = side.model;
    if (!labels) side.asked = null;
    else if (!sameClasses(side.asked?.labels, labels)) {
      side.asked = new Asked(labels, side.asked ?? this.chosen[0].asked);
      if (side.wanted) side.asked.restore(side.wanted);
    }
    side.wanted = null;
    side.model.asked = side.asked;
    side.showPicker();
  }

  /** A run in training has new checkpoints: the slider gets them, and moves on if it stood at the end. */
  grown(run, epochs, films) {
    const known = this.runs[run].epochs;
    this.runs[run].films = films;
    if (epochs.join() === known.join()) return;
    this.runs[run].epochs = epochs;
    if (!this.chosen.length && epochs.length) {
      this.add({ run });
      return;
    }
    if (!known.length) this.appeared(run);
    for (const side of this.chosen.filter((s) => s.run === run)) {
      side.follows ||= !epochs.includes(side.epoch); // its checkpoint has been deleted
      if ((known.length > 1) !== (epochs.length > 1)) this.build();
      side.slider.set(side.follows ? epochs.length - 1 : epochs.indexOf(side.epoch), { max: epochs.length - 1 });
      this.catchUp(side);
    }
  }

  /** The first checkpoint of a run: it can be chosen, and is where a link asked for it. */
  appeared(run) {
    for (const side of this.chosen) side.listRuns();
    for (const side of this.chosen.filter((s) => s.awaited === run)) {
      this.failed(null);
      this.turn(side, run);
    }
  }

  /** The sides for the address. */
  get state() {
    return this.chosen.map(({ run, replica, epoch, asked, awaited }) =>
      (awaited === null ? { run: this.runs[run].name, replica, epoch, ...asked?.state } : { run: this.runs[awaited].name }));
  }
}

function sameClasses(a, b) {
  return a !== undefined && JSON.stringify(a) === JSON.stringify(b);
}
