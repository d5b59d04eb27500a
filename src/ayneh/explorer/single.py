"""The explorer as one file: the page, the runtime and the nets, usable without a server and without a network."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from ayneh.errors import UserError
from ayneh.evenly import evenly
from ayneh.explorer.assets import page_files, runtime_script, runtime_wasm_gz
from ayneh.explorer.library import Library
from ayneh.export.halves import halved
from ayneh.files.whole import atomically, refuse_unwritable
from ayneh.record.forms import of_replicas

POLICY = (  # what is in the file, and nothing else: no request can leave the page
    "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval' data:; style-src 'unsafe-inline'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'"
)


def write_page(path: Path, library: Library, replica: int, epochs: int) -> None:
    """One self-contained page of all the runs: the newest checkpoint whole, and G alone at a few epochs before it.

    replica: which one of each run; epochs: how many of each run, at most. Raises UserError for a run without a
    checkpoint or such a replica, a path that does not end in .html, and fewer than one epoch.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"--save is {path}; the page is one .html file.")
    if epochs < 1:
        raise UserError(f"--save-epochs is {epochs}; the page needs one at least.")
    refuse_unwritable(path)
    page = page_of(answers(library, replica, epochs))
    with atomically(path) as file:
        file.write(page.encode())


def answers(library: Library, replica: int, epochs: int) -> dict[str, bytes]:
    """The server's answers, by path, for one replica of each run; weights in half precision."""
    runs = json.loads(library.runs().body)
    if why := next((about["error"] for about in runs["runs"] if "error" in about), None):
        raise UserError(why)
    kept: dict[str, bytes] = {}
    for run, about in enumerate(runs["runs"]):
        if not about["epochs"]:
            raise UserError(f"{library.records[run].folder} has no checkpoint yet: train an epoch first.")
        if replica not in range(about["replicas"]):
            raise UserError(f"--replica is {replica}; {library.records[run].folder} has {about['replicas']}.")
        newest = about["epochs"][-1]  # with D and the rest
        films = [epoch for epoch in about["films"] if epoch <= newest]
        chosen = evenly(films, epochs) if epochs > 1 else films[-1:]
        # The page shows one replica of each run as the only one.
        about |= {"epochs": [newest], "films": chosen, "replicas": 1, "seed": about["seed"] + replica}
        about["training"] = False
        for epoch in chosen:
            kept[_place(run, epoch, "generator")] = halved(library.part(run, replica, epoch, "generator").body)
        for net in () if about.get("alone") else ("discriminator", "encoder"):
            kept[_place(run, newest, net)] = halved(library.part(run, replica, newest, net).body)
        for part in ("start", "notes"):
            kept[_place(run, newest, part)] = library.part(run, replica, newest, part).body
        for part in ("levels", "gallery"):
            with suppress(UserError):  # the data set is not on this machine: the page says so where it needs it
                kept[_place(run, newest, part)] = library.part(run, replica, newest, part).body
        kept |= _live(library, run, replica)
    kept["/api/runs"] = json.dumps(runs).encode()
    return kept


def _live(library: Library, run: int, replica: int) -> dict[str, bytes]:
    """The metrics and findings of one replica, and its newest picture."""
    live: dict[str, Any] = json.loads(library.live(run).body)
    own = [event | {"replica": 0} for event in live["findings"] if event.get("replica", 0) == replica]
    lines = [of_replicas(line, range(replica, replica + 1)) for line in live["lines"]]
    live |= {"lines": lines, "training": False, "pictures": live["pictures"][-1:], "findings": own}
    found = {f"/api/runs/{run}/live": json.dumps(live).encode()}
    for epoch in live["pictures"]:  # of another replica it may be missing
        found[_place(run, epoch, "picture")] = library.picture(run, replica, epoch).body
    return found


def _place(run: int, epoch: int, part: str) -> str:
    return f"/api/runs/{run}/replicas/0/epochs/{epoch}/{part}"


def page_of(kept: dict[str, bytes]) -> str:
    """index.html with its style, its scripts and these answers inside."""
    files = {name: body for name, (body, _) in page_files().items()}
    scripts = {f"explorer/{name}": files[name].decode() for name in files if name.endswith(".js")}
    scripts["explorer/ort.mjs"] = runtime_script().decode()
    modules = {name: _data_url("text/javascript", _renamed(text)) for name, text in scripts.items()}
    packed = {path: gzip.compress(body, mtime=0) for path, body in kept.items()}
    packed["ort.wasm"] = runtime_wasm_gz()
    blocks = [
        f'<script type="application/octet-stream" data-path="{html.escape(path)}">'
        f"{base64.b64encode(body).decode()}</script>"
        for path, body in packed.items()
    ]
    meta = '<meta charset="utf-8">'
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    page = files["index.html"].decode()
    for was, now in (
        ("<html ", "<html data-saved "),
        (meta, f"{meta}\n    {policy}"),
        ("/page/icon.svg", _data_url("image/svg+xml", files["icon.svg"].decode())),
        ('<link rel="stylesheet" href="/page/style.css">', f"<style>{files['style.css'].decode()}</style>"),
        (
            '<script type="module" src="/page/main.js"></script>',
            f'<script type="importmap">{json.dumps({"imports": modules})}</script>',
        ),
        ("</body>", "\n".join(blocks) + '\n<script type="module">import "explorer/main.js";</script>\n</body>'),
    ):
        if page.count(was) != 1:
            raise RuntimeError(f"index.html has {page.count(was)} of {was!r}")
        page = page.replace(was, now)
    return page


def _renamed(script: str) -> str:
    """Modules are imported by their names in the page's import map: relative paths do not work in data URLs."""
    return re.sub(r'(from|import)(\s*\(?\s*)"\./([\w-]+\.m?js)"', r'\1\2"explorer/\3"', script)


def _data_url(kind: str, text: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(text.encode()).decode()}"
