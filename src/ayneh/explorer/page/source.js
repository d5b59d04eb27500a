// All data comes from the explorer's server or, in a saved page, from the page itself. There are no other requests.

import { t } from "./words.js";

export const saved = document.documentElement.hasAttribute("data-saved");

const AGAIN_MS = 2000;
const returned = new Set(); // what to do once the server answers again
let asking = false;

/** Thrown where the server does not answer. */
export class Unreachable extends Error {}

/** Call f whenever the server answers again after it did not. */
export function onReturn(f) {
  returned.add(f);
}

async function askAgain() {
  if (asking) return;
  asking = true;
  for (let there = false; !there; ) {
    await new Promise((done) => setTimeout(done, AGAIN_MS));
    there = await fetch("/api/runs", { method: "HEAD" }).then((answer) => answer.ok, () => false);
  }
  asking = false;
  returned.forEach((f) => f());
}

/** The bytes under a path of the explorer, as an ArrayBuffer. Throws an Error with one sentence. */
export async function bytes(path) {
  if (saved) return embedded(path);
  let response;
  try {
    response = await fetch(path);
  } catch {
    askAgain();
    throw new Unreachable(t("page.unreachable"));
  }
  if (!response.ok) {
    const answer = await response.json().catch(() => ({}));
    throw new Error(answer.error ?? t("page.answered", { status: response.status }));
  }
  return response.arrayBuffer();
}

export async function json(path) {
  return JSON.parse(new TextDecoder().decode(await bytes(path)));
}

export function has(path) {
  return !saved || script(path) !== null;
}

/** A URL for the src of an image. */
export async function imageUrl(path) {
  if (!saved) return path;
  return URL.createObjectURL(new Blob([await embedded(path)], { type: "image/png" }));
}

function script(path) {
  return document.querySelector(`script[data-path="${CSS.escape(path)}"]`);
}

async function embedded(path) {
  const place = script(path);
  if (place === null) throw new Error(t("page.not saved"));
  const packed = Uint8Array.from(atob(place.textContent.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}
