// onnxruntime-web: one thread of WebAssembly in this page. It is given bytes, so that it makes no requests.

import { bytes } from "./source.js";

let engine;

async function start() {
  const [ort, wasm] = await Promise.all([import("/runtime/ort.mjs"), bytes("/runtime/ort.wasm")]);
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = wasm;
  ort.env.logLevel = "error";
  return ort;
}

/** A net from its ONNX bytes: run(input, shape) -> {name of an output: Float32Array}. */
export async function load(model) {
  const ort = await (engine ??= start());
  const session = await ort.InferenceSession.create(new Uint8Array(model), { executionProviders: ["wasm"] });
  const [given] = session.inputNames;
  let before = Promise.resolve();
  return {
    run(input, shape) {
      const result = before.then(async () => {
        const outputs = await session.run({ [given]: new ort.Tensor("float32", input, shape) });
        return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, tensor.data]));
      });
      before = result.catch(() => {}); // calls run one after another, also after one that fails
      return result;
    },
    release: () => before.then(() => session.release()),
  };
}
