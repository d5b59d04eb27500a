// What a part of the page is doing: its root has data-state "preparing" while anything in it is under way, else "ready".

const counts = new WeakMap();

/** Count `work`, a promise, as under way in `root` until it ends; the same promise. */
export function during(root, work) {
  counts.set(root, (counts.get(root) ?? 0) + 1);
  root.dataset.state = "preparing";
  return work.finally(() => {
    counts.set(root, counts.get(root) - 1);
    if (!counts.get(root)) root.dataset.state = "ready";
  });
}

/** A function that runs `work`, one run at a time: of several calls during a run, one more run follows. Each call's
 *  promise ends when no run is left. */
export function latest(root, work) {
  let running = null;
  let again = false;
  async function repeat() {
    try {
      while (again) {
        again = false;
        await work();
        await nextFrame();
      }
    } finally {
      running = null;
    }
  }
  return function ask() {
    again = true;
    running ??= during(root, repeat());
    return running;
  };
}

/** Until the browser has painted; in a hidden page, a moment. */
export function nextFrame() {
  return new Promise((done) => {
    const timer = setTimeout(done, 50);
    requestAnimationFrame(() => {
      clearTimeout(timer);
      setTimeout(done);
    });
  });
}
