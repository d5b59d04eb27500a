// The row of tabs: one for each view, moved through by the arrow keys.

import { h } from "./elements.js";
import { t } from "./words.js";

/** {mark(view)}: which one is open; open(view) is called for a choice. */
export function makeTabs(list, views, open) {
  let current;
  const tabs = views.map((view) =>
    h("button", { role: "tab", id: `tab-${view.name}`, type: "button", "aria-controls": `view-${view.name}`, onclick: () => open(view) }, view.title));
  list.setAttribute("aria-label", t("page.views"));
  list.replaceChildren(...tabs);
  list.addEventListener("keydown", (event) => {
    const at = views.indexOf(current);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key] ?? { Home: -at, End: -1 - at }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = (at + step + views.length) % views.length;
    open(views[next]);
    tabs[next].focus();
  });
  return {
    mark(view) {
      current = view;
      views.forEach((other, i) => {
        tabs[i].setAttribute("aria-selected", String(other === view));
        tabs[i].tabIndex = other === view ? 0 : -1;
      });
    },
  };
}
