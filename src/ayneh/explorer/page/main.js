// The page: the chosen checkpoints on top, six views below them, one of which is open.

import { benchmark } from "./benchmark.js";
import { makeDirections } from "./directions.js";
import { makeDrawing } from "./drawing.js";
import { h } from "./elements.js";
import { makeEpochs } from "./epochs.js";
import { makePlane } from "./plane.js";
import { saving } from "./saving.js";
import { Sides } from "./sides.js";
import { json, onReturn, Unreachable } from "./source.js";
import { during } from "./state.js";
import { makeTabs } from "./tabs.js";
import { makeTraining } from "./training.js";
import { format, keep, parse, recall } from "./url.js";
import { makeWalk } from "./walk.js";
import { t } from "./words.js";

const VIEWS = [makePlane, makeDirections, makeWalk, makeDrawing, makeEpochs, makeTraining];
const SHOWN_SEEDS = 1_000_000;
const SOON_MS = 150;

const message = document.querySelector("#message");
let said = null;

/** An Error, a sentence, or null for nothing. */
function say(error) {
  said = error;
  message.textContent = error ? (error.message ?? String(error)) : "";
  message.hidden = !error;
}

async function start() {
  const { runs } = await json("/api/runs");
  const link = parse(location.hash);
  const waiting = runs.every((run) => !run.epochs.length);
  let current;
  let views = [];
  let timer;
  let written = location.hash;

  /** kind: "pushState" for an entry of its own in the history, to which the browser's back button leads. */
  function write(kind = "replaceState") {
    if (!current || location.hash !== written) return; // an address that was just changed is read first: hashchange
    const values = Object.assign({ seed: app.seed === 1 ? undefined : app.seed }, ...views.map((view) => view.state?.() ?? {}));
    history[kind]({ own: true }, "", format(current.name, app.sides.state, values));
    written = location.hash;
    keep("found", app.found.map((z) => z && Array.from(z)));
  }

  const app = {
    runs,
    params: link.params,
    seed: Math.abs(Math.trunc(Number(link.params.get("seed") ?? 1))) % SHOWN_SEEDS || 1,
    found: link.sides.length ? (recall("found") ?? []).map((z) => z && Float32Array.from(z)) : [], // a latent per side
    say,
    write,
    /** The address follows soon: not with every movement of the pointer. */
    remember() {
      clearTimeout(timer);
      timer = setTimeout(() => write(), SOON_MS);
    },
    get models() {
      return this.sides?.models ?? [];
    },
    newNoise() {
      this.seed = (this.seed + 1) % SHOWN_SEEDS;
      this.found = [];
      refresh();
    },
    show: (name) => visit(views.find((view) => view.name === name)),
  };
  app.sides = new Sides(document.querySelector("#sides"), runs, link.sides, {
    changed: () => {
      if (said instanceof Error) say(null);
      const fits = (z, model) => (z?.length === model.prior.dim ? z : undefined);
      const { models, complete } = app.sides;
      app.found = complete ? models.map((model, i) => fits(app.found[i], model)) : app.found.map((z, i) => (models[i] ? fits(z, models[i]) : z));
      refresh();
    },
    picked: () => current?.needsNoModel && refresh(),
    asked: () => redraw(),
    failed: say,
  });
  views = VIEWS.map((make) => make(app));
  const tabs = makeTabs(document.querySelector("#tabs"), views, visit);
  document.querySelector("#views").replaceChildren(...views.map((view) => {
    const { root, name } = view;
    Object.assign(root, { id: `view-${name}`, hidden: true });
    root.setAttribute("role", "tabpanel");
    root.setAttribute("aria-labelledby", `tab-${name}`);
    if (view.canvases) root.append(saving(app, view));
    return root;
  }));

  async function refresh() {
    const view = current;
    if (!view) return;
    const bare = !app.models.length && !view.needsNoModel;
    view.root.querySelector(".skeleton.view")?.remove();
    if (bare && !waiting) view.root.append(h("div", { class: "skeleton view", "aria-hidden": "true" }));
    if (bare) return;
    app.remember();
    try {
      await during(view.root, (async () => view.update())());
      if (view === current) document.documentElement.dataset.shown = view.name;
    } catch (error) {
      say(error);
    }
  }

  /** Another class, or D has come: the same latents, drawn anew. */
  async function redraw() {
    const view = current;
    if (!view || !app.models.length) return;
    app.remember();
    try {
      await during(view.root, (async () => view.redraw?.())());
    } catch (error) {
      say(error);
    }
  }

  /** Another view, by the user. */
  function visit(view) {
    if (view === current) return;
    write();
    open(view, "pushState");
  }

  function open(view, kind) {
    current = view;
    views.forEach((other) => (other.root.hidden = other !== view));
    tabs.mark(view);
    refresh();
    write(kind);
  }

  const named = (hash) => views.find((view) => view.name === parse(hash).view);
  window.addEventListener("hashchange", () => {
    if (location.hash === written) return;
    written = location.hash;
    const { sides } = parse(location.hash);
    const same = history.state?.own && format("", sides, {}) === format("", app.sides.state, {}); // back or forward
    if (sides.length && !same) location.reload(); // a link to another state
    else if (named(location.hash)) open(named(location.hash));
  });
  onReturn(() => {
    if (said instanceof Unreachable) say(null);
    app.sides.again();
    refresh();
  });
  open(named(location.hash) ?? views[waiting ? 5 : 0]);
  const broken = runs.flatMap((run) => run.error ?? []).join(" ");
  if (waiting) say(broken || t("page.waiting"));
  else if (broken) app.sides.root.append(h("p", { class: "note", role: "alert" }, broken));
  window.addEventListener("unhandledrejection", (event) => say(event.reason));
  window.explorer = {
    benchmark: (...args) => benchmark(app.models[0], ...args),
    generate: async (zs) => Array.from(await app.models[0].generate(zs.map((z) => Float32Array.from(z)))),
    read: async (images) => {
      const [model, flat] = [app.models[0], Float32Array.from(images)];
      return { logits: Array.from(await model.logits(flat)), features: Array.from(await model.features(flat)) };
    },
  };
}

start().catch((error) => {
  say(error);
  if (error instanceof Unreachable) onReturn(() => location.reload());
  else console.error(error);
});
