// All data comes from the explorer's server or, in a saved page, from the page itself. There are no other requests.

export const saved = document.documentElement.hasAttribute("data-saved");

/** The bytes under a path of the explorer, as an ArrayBuffer. Throws an Error with one sentence. */
export async function bytes(path) {
  if (saved) return embedded(path);
  let response;
  try {
    response = await fetch(path);
  } catch {
    throw new Error("The explorer's server does not answer; is it still running?");
  }
  if (!response.ok) {
    const answer = await response.json().catch(() => ({}));
    throw new Error(answer.error ?? `The explorer's server answered ${response.status}.`);
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
  if (place === null) throw new Error("This is not in the saved page.");
  const packed = Uint8Array.from(atob(place.textContent.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}
