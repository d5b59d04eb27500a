"""The files of the page, by name. They are read from the package; no path of a request is ever opened."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

JAVASCRIPT, WASM = "text/javascript; charset=utf-8", "application/wasm"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": JAVASCRIPT,
    ".svg": "image/svg+xml",
}


def page_files() -> dict[str, tuple[bytes, str]]:
    """Name -> (contents, media type) of everything in page/."""
    found = {}
    for file in sorted(files("ayneh.explorer").joinpath("page").iterdir(), key=lambda file: file.name):
        suffix = file.name[file.name.rfind(".") :]
        if suffix in KINDS:
            found[file.name] = file.read_bytes(), KINDS[suffix]
    return found


def runtime_script() -> bytes:
    """onnxruntime-web, an ES module."""
    return files("ayneh.explorer").joinpath("runtime", "ort.mjs").read_bytes()


def runtime_wasm_gz() -> bytes:
    """onnxruntime-web's WebAssembly, compressed by gzip."""
    return files("ayneh.explorer").joinpath("runtime", "ort.wasm.gz").read_bytes()


@cache
def address() -> str:
    """The folder of the page's files in URLs, named by their contents: what a browser keeps of them stays true."""
    contents = hashlib.sha256(runtime_script() + runtime_wasm_gz())
    for name, (body, _) in page_files().items():
        contents.update(name.encode() + body)
    return f"/files/{contents.hexdigest()[:16]}"
