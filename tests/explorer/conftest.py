"""A real server in a thread, and a real browser."""

import http.client
import os
import shutil
import socket
import threading
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
QUIET = [
    *("--no-sandbox", "--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]


@contextmanager
def explorer(*folders: Path, limits=None):
    """The explorer's server for these runs, at a free port of this machine."""
    from ayneh.explorer.library import Library
    from ayneh.explorer.server import server_of

    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    library = Library(folders)
    server = server_of(library, "127.0.0.1", listening, limits)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield SimpleNamespace(
            port=port, url=f"http://127.0.0.1:{port}", library=library,
            connections=lambda: list(server.server_state.connections),
        )  # fmt: skip
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()


@pytest.fixture(scope="session")
def serve():
    """``with serve(folder, ...) as server``: server.url, server.port, server.library."""
    return explorer


@pytest.fixture(scope="session")
def served(tiny_run):
    """A server for the tiny run, shared by the tests that change nothing."""
    with explorer(tiny_run) as server:
        yield server


@pytest.fixture(scope="session")
def get():
    """``get(server, "/path", method, host=..., origin=...)`` -> (status, headers, body), by hand."""
    return ask


def ask(server, path, method="GET", **headers):
    """Further headers by their names; those that are None are left out, Host as well."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    usual = {"Host": f"127.0.0.1:{server.port}"} | {
        name.replace("_", "-").title(): value for name, value in headers.items()
    }
    connection.putrequest(method, path, skip_host=True)
    for name, value in usual.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, body


@pytest.fixture(scope="session")
def chromium():
    """Debian's browser, driven by Playwright."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """A fresh page that fails the test for any error, refusal of the policy or request to elsewhere."""
    with strict(chromium) as found:
        yield found


BLANK = '<link rel="icon" href="data:,"><style>:root { --accent: #123; --faint: #ddd; }</style>'


@pytest.fixture(scope="session")
def desk(chromium, served):
    """A page of the explorer's server without the explorer: scripts are imported there one by one."""
    with strict(chromium) as found:
        found.route("**/desk", lambda route: route.fulfill(body=BLANK, content_type="text/html"))
        found.goto(f"{served.url}/desk")
        yield found


@contextmanager
def strict(browser):
    found = browser.new_page(viewport={"width": 1280, "height": 900})
    found.set_default_timeout(60_000)
    wrong: list[str] = []
    found.on("pageerror", lambda error: wrong.append(f"{error}\n{error.stack}"))
    found.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    found.on("request", lambda request: None if own(request.url) else wrong.append(f"asked for {request.url}"))
    yield found
    found.close()
    assert wrong == []


@pytest.fixture(scope="session")
def ready():
    """``ready(page, "plane")``: wait until this view is shown and nothing on the page is being prepared any more."""

    def wait(page, view: str) -> None:
        page.wait_for_selector(f'html[data-shown="{view}"]')
        page.wait_for_function("""() => !document.querySelector('[data-state="preparing"]')""")

    return wait


@pytest.fixture(scope="session")
def opened(ready):
    """``opened(page, server, "plane")``: the page with this view ready."""

    def show(page, server, view: str) -> None:
        page.goto(f"{server.url}/#{view}")
        ready(page, view)

    return show


@pytest.fixture(scope="session")
def pixels():
    """``pixels(page, "canvas")``: a canvas as its numbers, uint8 (H, W, 4)."""
    return canvas


def canvas(page, selector: str) -> np.ndarray:
    width, height, data = page.evaluate(
        """(selector) => {
          const c = document.querySelector(selector);
          const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
          return [c.width, c.height, Array.from(data)];
        }""",
        selector,
    )
    return np.array(data, np.uint8).reshape(height, width, 4)


@pytest.fixture(scope="session")
def changes():
    """``changes(page, "canvas", before)``: wait until it shows something else than ``before``, and return that."""

    def wait(page, selector: str, before: np.ndarray) -> np.ndarray:
        page.wait_for_function(
            """([selector, before]) => {
              const c = document.querySelector(selector);
              const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
              return data.length !== before.length || data.some((x, i) => x !== before[i]);
            }""",
            arg=[selector, before.ravel().tolist()],
        )
        return canvas(page, selector)

    return wait


def own(url: str) -> bool:
    """Whether a request stays on this machine."""
    return url.startswith(("http://127.0.0.1:", "data:", "blob:", "file:"))


@pytest.fixture(scope="session")
def shots(tmp_path_factory):
    """Where screenshots go: $AYNEH_SHOTS, to be kept, or a folder of pytest's."""
    folder = Path(os.environ.get("AYNEH_SHOTS") or tmp_path_factory.mktemp("shots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
