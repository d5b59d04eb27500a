// onnxruntime-web: one thread of WebAssembly in this page. It is given bytes, so that it makes no requests.

import { bytes, saved } from "./source.js";

let engine;

async function start() {
  const [ort, wasm] = await Promise.all([import("./ort.mjs"), bytes(saved ? "ort.wasm" : new URL("ort.wasm", import.meta.url).pathname)]);
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = wasm;
  ort.env.logLevel = "error";
  return ort;
}

let before = Promise.resolve();

/** Calls of the engine one after another, also after one that fails: all nets share its stack in WebAssembly, and two
 *  calls that overlap, of two nets as well, overwrite one another's results there. */
function inTurn(work) {
  const result = before.then(work);
  before = result.catch(() => {});
  return result;
}

/** A net from its ONNX bytes: run(input, shape, mixes) -> {name of an output: Float32Array}; mixes: (N K) numbers, for
 *  a net that takes the class. */
export async function load(model) {
  const ort = await (engine ??= start());
  const session = await inTurn(() => ort.InferenceSession.create(new Uint8Array(model), { executionProviders: ["wasm"] }));
  const [given] = session.inputNames;
  const labelled = session.inputNames.includes("mix");
  return {
    run: (input, shape, mixes = null) => inTurn(async () => {
      const inputs = { [given]: new ort.Tensor("float32", input, shape) };
      if (labelled) inputs.mix = new ort.Tensor("float32", mixes, [shape[0], mixes.length / shape[0]]);
      const outputs = await session.run(inputs);
      return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, tensor.data]));
    }),
    release: () => inTurn(() => session.release()),
  };
}
