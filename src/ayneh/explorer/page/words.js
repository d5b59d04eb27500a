// Every sentence that the page shows, in English. {names} are filled in. Another language has the same keys.
//
// A sentence is one entry, never a sum of pieces: languages order their words differently. What differs between two
// sides is three entries: "key" for one side alone, "key.left" and "key.right".

export const WORDS = {
  "number.percent": "{n}\u00a0%",
  "number.million": "{n} million",
  "number.images": "{n} images",
  "list.comma": ", ",

  "page.views": "Views",
  "page.waiting": "No checkpoint has been written yet. The other views open when there is one.",
  "page.unreachable": "The explorer's server does not answer; this message goes away as soon as it answers again.",
  "page.answered": "The explorer's server answered with the status {status}.",
  "page.not saved": "This is not in the saved page.",
  "page.fallen back": "The link names epoch {epoch} of {run}, which is no longer kept: the newest one is shown.",
  "page.young run": "The run {run} has no checkpoint yet: {instead} is shown until it has one.",
  "page.unknown run": "The link names the run {run}, which is not open here: {instead} is shown.",

  "side.run": "Run",
  "side.left": "Left",
  "side.right": "Right",
  "side.replica": "Replica",
  "side.seed": "seed {seed}",
  "side.epoch": "Epoch",
  "side.compare": "Compare with another",
  "side.card": "Its card: data and licence, scores, command",
  "side.close": "Close",
  "side.close.left": "Close the left side",
  "side.close.right": "Close the right side",
  "side.preparing": "Preparing this checkpoint; the first time takes a few seconds…",
  "side.judging": "The images are here; D follows…",
  "side.about": "{net} nets on {data}, z of {dim} numbers from {law}",
  "side.about training": "{net} nets on {data}, z of {dim} numbers from {law}, in training",
  "side.about labelled": "{net} nets on {data} with labels ({labels}), z of {dim} numbers from {law}",
  "side.about labelled training": "{net} nets on {data} with labels ({labels}), z of {dim} numbers from {law}, in training",

  "D.both": "D: more real than {share} of the training images; probability of “real” {probability}",
  "D.share": "D: more real than {share} of the training images",
  "D.probability": "D: probability of “real” {probability}",
  "D.score": "D's output: {logit}",
  "D.absent": "This model is a generator alone: there is no D.",
  "D.waits": "D is being prepared…",
  "D.bars share": "The bar under an image shows how many of the training images look less real to the discriminator.",
  "D.bars probability": "The training images are not on this machine: the bar under an image shows D's probability that it is real.",
  "D.bars none": "The training images are not on this machine, and D's output is no probability with the loss {loss}: there are no bars.",

  "class.class": "Class",
  "class.class.left": "Class, left",
  "class.class.right": "Class, right",
  "class.towards": "Towards",
  "class.towards long": "Towards the class",
  "class.towards long.left": "Towards the class, left",
  "class.towards long.right": "Towards the class, right",
  "class.share": "Share",
  "class.share long": "Share of the second class",
  "class.share long.left": "Share of the second class, left",
  "class.share long.right": "Share of the second class, right",
  "class.none": "none",
  "class.digit": "Digit {n}",
  "class.digit.left": "Digit {n}, left",
  "class.digit.right": "Digit {n}, right",
  "class.rows": "All classes, a row each",
  "class.rows digits": "All last digits, a row each",
  "class.no between": "There is no slider between two classes: G uses the number of a class itself, and not as a row of a table.",
  "class.unknown": "No class, or more than one, is called “{typed}”: type a name of the list, or a number from 0 to {last}.",

  "save.png": "Save as PNG",
  "save.gif": "Save as GIF",
  "save.z": "Save z as JSON",
  "save.link": "Copy a link to this",
  "save.link copied": "The link is copied.",
  "save.link shown": "This link leads here: {link}",
  "save.making": "Making the GIF: {done} of {all}…",
  "save.saved": "Saved as {file}.",

  "plane.title": "Plane",
  "plane.lead": "Every point of the map is a latent, a list of numbers from which the generator makes an image. Move over the map: the lens shows the images around that point.",
  "plane.hint": "Click to hold the lens in its place, and again to free it. On a touch screen tap, or drag the yellow frame; everywhere else the page scrolls. With the keyboard: arrows move it, with Shift further.",
  "plane.width": "Lens width",
  "plane.width value": "{n}\u00a0% of the map",
  "plane.through": "Plane through",
  "plane.draws": "three draws of noise",
  "plane.ways": "two principal directions",
  "plane.new": "New noise",
  "plane.middle": "The middle one. {opinion}",
  "plane.middle class": "The middle one of the class asked for. {opinion}",
  "plane.map": "Map of the plane. Arrow keys move the lens.",
  "plane.map.left": "Map of the plane, left. Arrow keys move the lens.",
  "plane.map.right": "Map of the plane, right. Arrow keys move the lens.",
  "plane.map kind": "map",
  "plane.lens": "25 images around the point",
  "plane.lens.left": "25 images around the point, left",
  "plane.lens.right": "25 images around the point, right",
  "plane.place": "{across}\u00a0% from the left, {down}\u00a0% from the top.",
  "plane.corner": "The lower left corner is your drawing's latent.",
  "plane.centre": "The plane goes through your drawing's latent.",

  "directions.title": "Directions",
  "directions.lead": "A latent has many numbers, but images change along a few directions most. Each slider is the latent's coordinate along one of them, in standard deviations of the noise.",
  "directions.hint": "Found by the server from 5,120 generated images: the singular vectors of the linear map from latents to images. The percentage is the share of all variation that a direction explains; with two sides, in the left one.",
  "directions.waits": "The directions are being computed from 5,120 generated images…",
  "directions.start": "Back to the start",
  "directions.strip": "Direction {k} from {low} to {high}, the rest as set.",
  "directions.label": "{k}. {share}",
  "directions.slider": "Direction {k}, explains {share}",
  "directions.image": "The image",
  "directions.image.left": "The image, left",
  "directions.image.right": "The image, right",
  "directions.along": "The image along the chosen direction",
  "directions.along.left": "The image along the chosen direction, left",
  "directions.along.right": "The image along the chosen direction, right",

  "path.title": "Path",
  "path.lead": "Two draws of noise and a path between them on which every point follows the prior, as any draw does. A straight line leads through points on which the generator was never trained.",
  "path.position": "Position",
  "path.play": "Play",
  "path.stop": "Stop",
  "path.ends": "New ends",
  "path.straight too": "Show the straight line too",
  "path.own": "The prior's own path",
  "path.own at": "The prior's own path: the image at the position",
  "path.own at.left": "The prior's own path: the image at the position, left",
  "path.own at.right": "The prior's own path: the image at the position, right",
  "path.own steps": "The prior's own path, in nine steps",
  "path.own steps.left": "The prior's own path, in nine steps, left",
  "path.own steps.right": "The prior's own path, in nine steps, right",
  "path.straight": "The straight line",
  "path.straight at": "The straight line: the image at the position",
  "path.straight at.left": "The straight line: the image at the position, left",
  "path.straight at.right": "The straight line: the image at the position, right",
  "path.straight steps": "The straight line, in nine steps",
  "path.straight steps.left": "The straight line, in nine steps, left",
  "path.straight steps.right": "The straight line, in nine steps, right",
  "path.word": "{opinion}. Spread of z: {spread} of a draw's",

  "drawing.title": "Draw",
  "drawing.lead": "Draw a digit, or drop an image anywhere on this page. The discriminator turns it into numbers, a latent is read back from these, and the generator draws the image of that latent.",
  "drawing.hint": "The latent is read by a linear map that was fitted to generated images. “Search” goes on from there: it follows the slope of the generator towards the image, in this browser, in a second or two.",
  "drawing.absent": "An image is read by the discriminator, and this model is a generator alone. Choose a run for it.",
  "drawing.centre": "Centre it as the training images are",
  "drawing.alone": "Training images of this class alone",
  "drawing.search": "Search for its latent",
  "drawing.walk": "Walk from here",
  "drawing.clear": "Clear",
  "drawing.open": "Open an image",
  "drawing.take": "Take a training image",
  "drawing.area": "Drawing area. Arrow keys move the pen, Space puts it down or lifts it, Delete clears.",
  "drawing.here": "Draw here",
  "drawing.no image": "{file} is not an image that this browser can read.",
  "drawing.not here": "The training images are not here. {why}",
  "drawing.none of class": "None of these {n} is of the class {name}.",
  "drawing.yours": "Your drawing, as D sees it. {opinion}",
  "drawing.yours class": "Your drawing, as D sees it, as {name} (logit {logit}). {opinion}",
  "drawing.yours mixture": "Your drawing, as D sees it, as the mixture (logit {logit}). {opinion}",
  "drawing.yours logit": "Your drawing, as D sees it (logit {logit}). {opinion}",
  "drawing.theirs": "A training image. {opinion}",
  "drawing.theirs class": "A training image, as {name} (logit {logit}). {opinion}",
  "drawing.theirs mixture": "A training image, as the mixture (logit {logit}). {opinion}",
  "drawing.theirs logit": "A training image (logit {logit}). {opinion}",
  "drawing.made read": "G's image, as read from its numbers. Off by {error} (root mean square). {opinion}",
  "drawing.made found": "G's image, after the search. Off by {error} (root mean square). {opinion}",
  "drawing.step": "Step {n}: off by {error}",
  "drawing.found": "Found. “Walk from here” puts it into the other views.",
  "drawing.near": "The nearest of {n} training images, by D's numbers.",
  "drawing.near labelled": "Labels: {labels}. The nearest of {n} training images, by D's numbers.",
  "drawing.no neighbours": "Neighbours are left out. {why}",
  "drawing.seen": "The image as D sees it",
  "drawing.seen.left": "The image as D sees it, left",
  "drawing.seen.right": "The image as D sees it, right",
  "drawing.made": "G's image of the latent",
  "drawing.made.left": "G's image of the latent, left",
  "drawing.made.right": "G's image of the latent, right",
  "drawing.nearest": "The nearest training images",
  "drawing.nearest.left": "The nearest training images, left",
  "drawing.nearest.right": "The nearest training images, right",
  "drawing.chart": "D's numbers of the image",
  "drawing.chart.left": "D's numbers of the image, left",
  "drawing.chart.right": "D's numbers of the image, right",
  "drawing.numbers": "D's {n} numbers",
  "drawing.numbers wait": "D's numbers",
  "drawing.as numbers": "As numbers",
  "drawing.neighbours": "Neighbours",
  "drawing.reads": "The class that D reads",

  "reads.head": "D was trained to name the class: a bar is its probability of that class.",
  "reads.head some": "D was trained to name the class: a bar is its probability of that class. The {shown} longest of {all}.",
  "reads.preference": "D takes the class with the image and was not trained to name it. The bars compare its logits for this image under each class (their softmax): the longest one is the class under which the image looks most real to D. They are no calibrated probabilities.",
  "reads.preference some": "D takes the class with the image and was not trained to name it. The bars compare its logits for this image under each class (their softmax): the longest one is the class under which the image looks most real to D. They are no calibrated probabilities. The {shown} longest of {all}.",
  "reads.read": "D reads {name}, {share}",
  "reads.most real": "Most real to D as {name}, {share}",

  "epochs.title": "Epochs",
  "epochs.lead": "The noise stays the same and the generator changes. Move through the epochs that the run kept and see how its images change.",
  "epochs.hint": "The bars are from the discriminator of the checkpoint chosen above, for images of all epochs.",
  "epochs.slider": "Generator of epoch",
  "epochs.both": "{left} | {right}",
  "epochs.noise": "Noise",
  "epochs.own": "the run's own, as in its pictures",
  "epochs.new": "new noise",
  "epochs.after": "After epoch {epoch}",
  "epochs.grid": "25 images of the same noise",
  "epochs.grid.left": "25 images of the same noise, left",
  "epochs.grid.right": "25 images of the same noise, right",
  "epochs.film": "Three latents, epoch by epoch",
  "epochs.three": "Three of them, epoch by epoch",
  "epochs.every class": "The first of them in every class, epoch by epoch",
  "epochs.three shown": "Three latents after the epochs {epochs}",
  "epochs.every class shown": "Every class after the epochs {epochs}",
  "epochs.order": "From left to right: after the epochs {epochs}.",
  "epochs.exported": "An exported model has one epoch; its run has those before it.",
  "epochs.thinned": "This run kept {kept} of its {all} epochs, so that there is little to see here. A run trained with --keep.keep-epochs 1 keeps every one.",

  "training.title": "Training",
  "training.lead": "The course of the training. This view and the epoch slider above follow a run that is in training.",
  "training.losses": "Losses",
  "training.probabilities": "D's probability of “real”",
  "training.sigmoids": "Sigmoid of D's output (no probability with the loss {loss})",
  "training.judged": "{protocol} (lower is better)",
  "training.real": "real",
  "training.fake": "fake",
  "training.now": "In training: epoch {epoch} of 0 to {last}, {images} images seen, {seconds} s.",
  "training.over": "Epoch {epoch} of 0 to {last}, {images} images seen, {seconds} s.",
  "training.nothing": "Nothing has been written down yet.",
  "training.exported": "This is an exported model: the course of its training is in the folder of its run. Its card has the scores and the findings.",
  "training.picture": "The fixed noise after epoch {epoch}, a grid of images",
  "training.caption": "The run's fixed noise after epoch {epoch}.",
  "training.findings": "Findings",
  "training.none": "None.",
  "finding.note": "note",
  "finding.warning": "warning",
  "finding.severe": "severe",
  "finding.over": "over",
  "finding.since": "since epoch {from}",
  "finding.until": "until epoch {to}",
  "finding.within": "in epoch {to}",
  "finding.between": "from epoch {from} to {to}",
  "chart.described": "{title}, over images seen. Last: {ends}",
  "chart.empty": "{title}, over images seen. Nothing yet.",
  "chart.end": "{name} {value}",
};

const LANGUAGE = "en";

/** The sentence of this key with {names} filled in. Throws for a key or a name that is not there. */
export function t(key, values = {}) {
  return parts(key).map((part) => (part.name ? filled(key, part.name, values) : part.text)).join("");
}

/** The same as nodes, for values that are elements: [text or element, ...]. */
export function rich(key, values) {
  return parts(key).map((part) => (part.name ? filled(key, part.name, values) : part.text));
}

/** The key for a side: itself for one side alone, else that of the left or the right one. */
export function ofSide(key, index, count, values = {}) {
  return t(count > 1 ? `${key}.${["left", "right"][index]}` : key, values);
}

export function number(x) {
  return x.toLocaleString(LANGUAGE);
}

export function percent(p) {
  return t("number.percent", { n: p > 0.995 || p < 0.005 ? (100 * p).toFixed(1) : Math.round(100 * p) });
}

function parts(key) {
  const sentence = WORDS[key];
  if (sentence === undefined) throw new Error(`words.js has no ${key}`);
  return sentence.split(/(\{\w+\})/).filter(Boolean).map((text) => (/^\{\w+\}$/.test(text) ? { name: text.slice(1, -1) } : { text }));
}

function filled(key, name, values) {
  if (values[name] == null) throw new Error(`${key} needs ${name}`);
  return values[name];
}
