// The doctor's findings, each from the event with which it appeared to the one with which it cleared.

import { h } from "./elements.js";
import { t } from "./words.js";

/** Events of one replica, oldest first -> findings, newest first: {event, from, to}. `event` is the last one that has its
 *  severity, title and evidence; `to` is the event with which it cleared, null while it lasts. */
export function findings(events, replica) {
  const found = [];
  for (const event of events) {
    if (event.replica !== replica) continue;
    const open = found.find((finding) => finding.event.name === event.name && !finding.to);
    if (!event.appeared) {
      if (open) open.to = event;
      else found.push({ event, from: null, to: event }); // the file does not hold where it appeared
    } else if (open) open.event = event;
    else found.push({ event, from: event, to: null });
  }
  return found.reverse();
}

/** Findings as the items of a list, those that last first. */
export function items(found) {
  const now = found.filter((finding) => !finding.to);
  const over = found.filter((finding) => finding.to);
  return [...now, ...over].map((finding) => {
    const { severity, title, evidence, advice } = finding.event;
    const state = finding.to ? "over" : severity;
    const said = [`${title.charAt(0).toUpperCase()}${title.slice(1)}.`, evidence, advice?.words].filter(Boolean).join(" ");
    const command = advice?.argv.map(quoted).join(" ");
    return h("li", { class: `finding ${state}` },
      h("p", { class: "when" }, h("b", {}, t(`finding.${state}`)), " ", when(finding)), h("p", {}, said), command && h("code", {}, command));
  });
}

/** An argument as a shell takes it, as Python's shlex.quote writes it. */
function quoted(argument) {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'"'"'`)}'`;
}

function when({ from, to }) {
  const kind = !to ? "since" : !from ? "until" : from.epoch === to.epoch ? "within" : "between";
  return t(`finding.${kind}`, { from: from?.epoch, to: to?.epoch });
}

/** Where findings lie among the lines of metrics, in images seen: [{from, to, severity}], `to` null while it lasts. */
export function spans(found, lines) {
  const images = (event) => lines.find((line) => line.step >= event.step)?.images ?? lines.at(-1)?.images ?? 0;
  return found.filter(({ from }) => from).map(({ event, from, to }) => ({
    from: images(from), to: to && images(to), severity: event.severity,
  }));
}
