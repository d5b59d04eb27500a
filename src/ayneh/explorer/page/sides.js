// The chosen checkpoints: one, or two side by side, each with its run, replica and epoch.

import { Asked } from "./classes.js";
import { button, choice, h, slider } from "./elements.js";
import { Model } from "./model.js";
import { makePicker } from "./picker.js";
import { during } from "./state.js";

const PREPARING = "Preparing this checkpoint; the first time takes a few seconds…";

export class Sides {
  /** runs: from the server. Callbacks: changed() when another model is ready, picked() as soon as one is chosen,
   *  asked() for another class of the same model, failed(error). */
  constructor(root, runs, { changed, picked, asked, failed }) {
    Object.assign(this, { root, runs, changed, picked, asked, failed, chosen: [], models: [] });
    this.root.replaceChildren();
    const first = Math.max(0, runs.findIndex((run) => run.epochs.length));
    if (runs[first]?.epochs.length) this.add(first);
  }

  async add(run, epoch = this.runs[run].epochs.at(-1)) {
    const side = { run, replica: 0, epoch, wish: 0, busy: false, follows: epoch === this.runs[run].epochs.at(-1), asked: null };
    this.chosen.push(side);
    this.build();
    await this.choose(side, {});
  }

  async compare() {
    const { run, epoch } = this.chosen[0];
    const other = this.runs.findIndex((r, i) => i !== run && r.epochs.length);
    const first = this.runs[run].epochs[0];
    await (other >= 0 ? this.add(other) : this.add(run, first !== epoch ? first : epoch));
  }

  remove(side) {
    this.chosen = this.chosen.filter((other) => other !== side);
    this.models = this.chosen.map((s) => s.model).filter(Boolean);
    this.build();
    this.changed();
  }

  /** Another run, replica or epoch for a side. Of several choices in a row the last one counts. */
  choose(side, wish) {
    return during(this.root, this.prepare(side, wish));
  }

  async prepare(side, wish) {
    Object.assign(side, wish, { busy: true });
    if ("epoch" in wish) side.follows = side.epoch === this.runs[side.run].epochs.at(-1);
    const number = ++side.wish;
    side.status.textContent = PREPARING;
    this.picked();
    try {
      const model = await new Model(this.runs[side.run], side.run, side.replica, side.epoch).ready();
      if (number !== side.wish) return;
      side.model = model;
      this.ask(side);
      side.status.textContent = words(this.runs[side.run]);
      this.models = this.chosen.map((s) => s.model).filter(Boolean);
      this.changed();
    } catch (error) {
      if (number !== side.wish) return;
      side.status.textContent = "";
      if (!this.late(side)) this.failed(error); // else its checkpoint may have been deleted for a newer one
    }
    side.busy = false;
    this.catchUp(side);
  }

  late(side) {
    return side.follows && side.epoch !== this.runs[side.run].epochs.at(-1);
  }

  /** To the newest epoch, once the one before is ready: a fast training would else replace each before it is shown. */
  catchUp(side) {
    if (!side.busy && this.late(side) && this.chosen.includes(side)) {
      this.choose(side, { epoch: this.runs[side.run].epochs.at(-1) });
    }
  }

  build() {
    const two = this.chosen.length > 1;
    this.root.replaceChildren(...this.chosen.map((side, i) => this.card(side, two ? ["Left", "Right"][i] : "Run")));
    if (this.chosen.length === 1) {
      this.root.append(button("Compare with another", () => this.compare(), { class: "quiet", id: "compare" }));
    }
  }

  card(side, name) {
    const run = this.runs[side.run];
    const runs = choice({
      label: name,
      options: this.runs.flatMap((r, i) => (r.epochs.length ? [[i, r.name]] : [])),
      value: side.run,
      onchange: (i) => {
        const wish = { run: Number(i), replica: 0, epoch: this.runs[i].epochs.at(-1) };
        Object.assign(side, wish);
        this.build();
        this.choose(side, wish);
      },
    });
    const parts = [runs.root];
    if (run.replicas > 1) {
      const options = Array.from({ length: run.replicas }, (_, r) => [r, `seed ${run.seed + r}`]);
      const replicas = choice({
        label: "Replica", options, value: side.replica,
        onchange: (r) => this.choose(side, { replica: Number(r) }),
      });
      parts.push(replicas.root);
    }
    side.slider = slider({
      label: "Epoch", min: 0, max: run.epochs.length - 1, value: run.epochs.indexOf(side.epoch),
      format: (i) => `${this.runs[side.run].epochs[i] ?? ""}`,
      oninput: (i) => this.choose(side, { epoch: this.runs[side.run].epochs[i] }),
    });
    if (run.epochs.length > 1) parts.push(side.slider.root);
    const status = h("p", { class: "note", role: "status" }, side.model ? words(run) : PREPARING);
    side.status = status;
    if (this.chosen.length > 1) {
      parts.push(button("Close", () => this.remove(side), { class: "quiet", "aria-label": `Close the ${name.toLowerCase()} side` }));
    }
    side.classes = h("div", {});
    side.name = this.chosen.length > 1 ? name : "";
    if (side.asked) this.showPicker(side);
    return h("div", { class: "side-card" }, h("div", { class: "controls" }, parts), side.classes, status);
  }

  /** The class that a side asks its model for; a new one where the model has other classes than the one before. */
  ask(side) {
    const { labels } = side.model.notes.about;
    if (!labels) side.asked = null;
    else if (!sameClasses(side.asked?.labels, labels)) side.asked = new Asked(labels, side.asked ?? this.chosen[0].asked);
    side.model.asked = side.asked;
    this.showPicker(side);
  }

  showPicker(side) {
    if (side.classes.shown === side.asked) return; // with every epoch of a run: what is typed there stays
    side.classes.shown = side.asked;
    side.classes.replaceChildren(...(side.asked ? [makePicker(side.asked, side.name, () => this.asked())] : []));
  }

  /** A run in training has new checkpoints: the slider gets them, and moves on if it stood at the end. */
  grown(run, epochs) {
    const known = this.runs[run].epochs;
    if (epochs.join() === known.join()) return;
    this.runs[run].epochs = epochs;
    if (!this.chosen.length && epochs.length) {
      this.add(run);
      return;
    }
    for (const side of this.chosen.filter((s) => s.run === run)) {
      side.follows ||= !epochs.includes(side.epoch); // its checkpoint has been deleted
      if ((known.length > 1) !== (epochs.length > 1)) this.build();
      side.slider.set(side.follows ? epochs.length - 1 : epochs.indexOf(side.epoch), { max: epochs.length - 1 });
      this.catchUp(side);
    }
  }
}

function sameClasses(a, b) {
  return a !== undefined && JSON.stringify(a) === JSON.stringify(b);
}

function words(run) {
  const z = `z of ${run.prior.dim} numbers from ${run.prior.law}`;
  const labels = run.labels === "none" ? "" : ` with labels (${run.labels})`;
  return `${run.net} nets on ${run.data}${labels}, ${z}${run.training ? ", in training" : ""}`;
}
