// What the run's look-out noticed: each finding from where it appeared to where it cleared.

import { h } from "./elements.js";

const SEVERITIES = ["note", "warning", "severe"];

/** Events of one replica, oldest first -> findings, newest first: {name, severity, words, from, to}; `to` is the event
 *  that cleared it, and null while it lasts. */
export function findings(events, replica) {
  const found = [];
  for (const event of events) {
    if ((event.replica ?? replica) !== replica) continue;
    const { name, severity, words = event.message ?? name ?? "", appeared = true } = event;
    const open = name && found.find((finding) => finding.name === name && !finding.to);
    if (!appeared) {
      if (open) open.to = event;
      else found.push({ name, severity, words, from: null, to: event }); // what came before was not written down
    } else if (open) Object.assign(open, { severity, words }); // it became better or worse
    else found.push({ name, severity, words, from: event, to: null });
  }
  return found.reverse();
}

/** Findings as the items of a list, those that last first. */
export function items(found) {
  const now = found.filter((finding) => !finding.to);
  const over = found.filter((finding) => finding.to);
  return [...now, ...over].map((finding) => {
    const severity = SEVERITIES.includes(finding.severity) ? finding.severity : "note";
    const state = finding.to ? "over" : severity;
    const [said, command] = sentence(String(finding.words)).split(" Try: ");
    return h("li", { class: `finding ${state}` },
      h("p", { class: "when" }, h("b", {}, state), ` ${when(finding)}`), h("p", {}, said), command && h("code", {}, command));
  });
}

/** Without the place and the severity at its head, which stand above it. */
function sentence(words) {
  const bare = words.replace(/^(seed \d+: )?(step \d+, \w+: )?/, "");
  return bare.charAt(0).toUpperCase() + bare.slice(1);
}

function when({ from, to }) {
  const [first, last] = [from?.epoch, to?.epoch];
  if (!to) return first == null ? "" : `since epoch ${first}`;
  if (first == null) return last == null ? "" : `until epoch ${last}`;
  return first === last ? `in epoch ${first}` : `from epoch ${first} to ${last}`;
}

/** Where findings lie among the lines of metrics, in images seen: [{from, to, severity}], `to` null while it lasts. */
export function spans(found, lines) {
  const images = (event) => lines.find((line) => line.step >= event.step)?.images ?? lines.at(-1)?.images ?? 0;
  return found.filter(({ from }) => from?.step != null).map(({ from, to, severity }) => ({
    from: images(from), to: to?.step == null ? null : images(to), severity,
  }));
}
