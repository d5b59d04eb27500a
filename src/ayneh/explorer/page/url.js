// The state of the page in its address, so that a link leads to it and a reload loses nothing:
// #plane?run=mirror&replica=0&epoch=9&seed=4&lens=0.5,0.6,0.28. Two sides have two of each.

const PER_SIDE = ["run", "replica", "epoch", "class", "towards", "share", "rows"];

/** The address's part after # -> {view, sides: [{run, replica, epoch, ...}], params}; everything as words. */
export function parse(hash) {
  const [view, query = ""] = hash.replace(/^#/, "").split("?");
  const params = new URLSearchParams(query);
  const lists = PER_SIDE.map((key) => params.getAll(key));
  const sides = lists[0].map((_, i) => Object.fromEntries(PER_SIDE.map((key, k) => [key, lists[k][i] || null])));
  return { view, sides, params };
}

/** The opposite: values of undefined are left out. */
export function format(view, sides, values) {
  const params = new URLSearchParams();
  const used = PER_SIDE.filter((key) => sides.some((side) => side[key] != null)); // empty where the other side has one
  for (const side of sides) for (const key of used) params.append(key, side[key] ?? "");
  for (const [key, value] of Object.entries(values)) if (value !== undefined) params.append(key, value);
  const query = params.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
  return `#${view}${query && "?"}${query}`;
}

/** Numbers of an address, "0.5,0.6" -> [0.5, 0.6]; null for what is none, or fewer or more than n of them. */
export function numbers(words, n = null) {
  if (!words) return null;
  const found = words.split(",").map((word) => (word.trim() === "" ? NaN : Number(word)));
  return found.every(Number.isFinite) && (n === null || found.length === n) ? found : null;
}

/** A short number for an address. */
export function short(x) {
  return String(Number(x.toFixed(3)));
}

const PLACE = "ayneh-explorer:";

/** What is too long for an address is kept by the tab: null where it keeps nothing. */
export function recall(key) {
  try {
    return JSON.parse(sessionStorage.getItem(PLACE + key));
  } catch {
    return null;
  }
}

export function keep(key, value) {
  try {
    sessionStorage.setItem(PLACE + key, JSON.stringify(value));
  } catch {
    // a browser that keeps nothing, or no more
  }
}
