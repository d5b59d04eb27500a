// The page: the chosen checkpoints on top, six views below them, one of which is open.

import { benchmark } from "./benchmark.js";
import { makeDirections } from "./directions.js";
import { makeDrawing } from "./drawing.js";
import { h } from "./elements.js";
import { makeEpochs } from "./epochs.js";
import { makePlane } from "./plane.js";
import { Sides } from "./sides.js";
import { json } from "./source.js";
import { during } from "./state.js";
import { makeTraining } from "./training.js";
import { makeWalk } from "./walk.js";

const VIEWS = [makePlane, makeDirections, makeWalk, makeDrawing, makeEpochs, makeTraining];
const SHOWN_SEEDS = 1_000_000;

const message = document.querySelector("#message");

function say(error) {
  message.textContent = error ? (error.message ?? String(error)) : "";
  message.hidden = !error;
}

async function start() {
  const { runs } = await json("/api/runs");
  const app = {
    runs,
    seed: 1,
    found: [], // for each side, the latent found for the drawing
    say,
    get models() {
      return this.sides.models;
    },
    newNoise() {
      this.seed = (this.seed + 1) % SHOWN_SEEDS;
      this.found = [];
      refresh();
    },
    show: (name) => open(views.find((view) => view.name === name)),
  };
  let current;
  let views = [];
  app.sides = new Sides(document.querySelector("#sides"), runs, {
    changed: () => {
      say(null);
      app.found = app.models.map((model, i) => (app.found[i]?.length === model.prior.dim ? app.found[i] : undefined));
      refresh();
    },
    picked: () => current?.needsNoModel && refresh(),
    asked: () => redraw(),
    failed: say,
  });
  views = VIEWS.map((make) => make(app));
  const tabs = views.map((view) =>
    h("button", { role: "tab", id: `tab-${view.name}`, type: "button", "aria-controls": `view-${view.name}`, onclick: () => open(view) }, view.title));
  const list = document.querySelector("#tabs");
  list.replaceChildren(...tabs);
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key] ?? { Home: -views.indexOf(current), End: -1 - views.indexOf(current) }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = (views.indexOf(current) + step + views.length) % views.length;
    open(views[next]);
    tabs[next].focus();
  });
  document.querySelector("#views").replaceChildren(...views.map(({ root, name }) => {
    Object.assign(root, { id: `view-${name}`, hidden: true });
    root.setAttribute("role", "tabpanel");
    root.setAttribute("aria-labelledby", `tab-${name}`);
    return root;
  }));

  function named() {
    return views.find((view) => `#${view.name}` === location.hash);
  }

  async function refresh() {
    const view = current;
    if (!view || (!app.models.length && !view.needsNoModel)) return;
    try {
      await during(view.root, (async () => view.update())());
      if (view === current) document.documentElement.dataset.shown = view.name;
    } catch (error) {
      say(error);
    }
  }

  /** Another class: the same latents, drawn anew. */
  async function redraw() {
    const view = current;
    try {
      await during(view.root, (async () => view.redraw?.())());
    } catch (error) {
      say(error);
    }
  }

  function open(view) {
    current = view;
    views.forEach((other, i) => {
      other.root.hidden = other !== view;
      tabs[i].setAttribute("aria-selected", String(other === view));
      tabs[i].tabIndex = other === view ? 0 : -1;
    });
    history.replaceState(null, "", `#${view.name}`);
    refresh();
  }

  const wanted = named();
  window.addEventListener("hashchange", () => named() && open(named()));
  const waiting = runs.every((run) => !run.epochs.length);
  open(wanted ?? views[waiting ? 5 : 0]);
  const broken = runs.flatMap((run) => run.error ?? []).join(" ");
  if (waiting) say(broken || "No checkpoint has been written yet. The other views open when there is one.");
  else if (broken) app.sides.root.append(h("p", { class: "note", role: "alert" }, broken));
  window.addEventListener("unhandledrejection", (event) => say(event.reason));
  window.explorer = {
    benchmark: (...args) => benchmark(app.models[0], ...args),
    generate: async (zs) => Array.from(await app.models[0].generate(zs.map((z) => Float32Array.from(z)))),
    read: async (images) => {
      const [model, flat] = [app.models[0], Float32Array.from(images)];
      return { opinions: Array.from(await model.opinions(flat)), features: Array.from(await model.features(flat)) };
    },
  };
}

start().catch((error) => {
  console.error(error);
  say(error);
});
