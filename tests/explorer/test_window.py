"""The explorer started from Python: a thread, a frame in a notebook, the same guard."""

import http.server
import subprocess
import sys
import threading
import urllib.request
from types import ModuleType

import pytest

import ayneh
from ayneh.api import window as room
from ayneh.errors import UserError


@pytest.fixture
def run(tiny_run):
    return ayneh.open(tiny_run)


def test_a_window_answers_until_it_is_stopped_and_refuses_other_pages(run, get):
    import torch

    torch.set_num_threads(2)
    try:
        with run.explore() as window:
            assert torch.get_num_threads() == 2  # as for trainings in the same process
            assert window.url == f"http://127.0.0.1:{window.port}/"
            assert window.running
            status, headers, body = get(window, "/api/runs")
            assert (status, b"tiny" in body) == (200, True)
            assert "frame-ancestors 'none'" in headers["content-security-policy"]  # no notebook here
            assert get(window, "/api/runs", host="evil.example")[0] == 421
            assert get(window, "/api/runs", host="x-8000-colab.googleusercontent.com")[0] == 421
            assert get(window, "/api/runs", origin="http://localhost:8888")[0] == 403
            assert repr(window) == f"Window({window.url})"
    finally:
        torch.set_num_threads(1)
    assert not window.running
    assert "which has ended" in repr(window)
    assert "<iframe" not in window._repr_html_()
    with pytest.raises(ConnectionError):
        get(window, "/api/runs")


def test_two_windows_are_at_two_ports(run):
    with run.explore() as one, run.explore(run) as other:
        assert one.port != other.port


@pytest.mark.slow
def test_a_page_of_a_notebook_shows_it_in_a_frame_and_no_other_does(run, monkeypatch, chromium):
    monkeypatch.setattr(room.notebook, "in_kernel", lambda: True)
    with run.explore() as window, hosted(window._repr_html_()) as port:
        page = chromium.new_page()
        page.goto(f"http://localhost:{port}/")  # as Jupyter's page: another site than 127.0.0.1
        frame = page.frame_locator("iframe")
        frame.locator("html[data-shown]").wait_for(timeout=60_000)
        assert "tiny" in frame.locator("body").inner_text()
        page.route(
            "http://evil.example/", lambda route: route.fulfill(body=window._repr_html_(), content_type="text/html")
        )
        page.goto("http://evil.example/")
        page.wait_for_timeout(500)
        assert page.frames[1].url != window.url  # refused by the policy
        page.close()


def hosted(body):
    """A server of this page alone; its port."""
    from contextlib import contextmanager

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    @contextmanager
    def serve():
        server = http.server.HTTPServer(("127.0.0.1", 0), Page)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    return serve()


def test_colab_shows_it_through_its_own_frame(run, monkeypatch, get):
    shown, output = [], ModuleType("google.colab.output")
    output.serve_kernel_port_as_iframe = lambda port, **how: shown.append((port, how))
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    monkeypatch.setitem(sys.modules, "google.colab.output", output)
    pytest.importorskip("IPython")
    with run.explore() as window:
        window._ipython_display_()
        assert shown == [(window.port, {"height": str(room.HEIGHT)})]
        proxy = "abc-8000-colab.googleusercontent.com"
        assert get(window, "/api/runs", host=proxy)[0] == 200
        assert get(window, "/api/runs", host=proxy, origin=f"https://{proxy}")[0] == 200
        assert get(window, "/api/runs", host=proxy, origin="https://evil.example")[0] == 403
        assert get(window, "/api/runs", host="evil-googleusercontent.com")[0] == 421
        assert get(window, "/api/runs", host="googleusercontent.com.evil.example")[0] == 421


def test_without_the_extra_one_sentence_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(UserError, match=r"ayneh\[explore\]") as raised:
        run.explore()
    assert "\n" not in str(raised.value)


@pytest.mark.slow
def test_it_ends_with_the_process(tiny_run):
    code = f"import ayneh; window = ayneh.open({str(tiny_run)!r}).explore(); print(window.url)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    with pytest.raises(OSError):
        urllib.request.urlopen(done.stdout.strip(), timeout=5)


INSIDE_PYTORCH = """
import threading, torch, ayneh
from ayneh.explorer.library import Library

entered, parts = threading.Event(), []
def part(self, run, replica, epoch, name):
    parts.append(name)
    entered.set()
    x = torch.ones(600, 600)
    for _ in range(200):
        x = (x @ x).clamp(0, 1)

Library.part = part
window = ayneh.open({run!r}).explore()
entered.wait()
{then}
"""


@pytest.mark.parametrize("then", ["", "window.stop(); print(parts)"])
def test_the_process_ends_well_while_the_first_parts_are_made(tiny_run, then):
    code = INSIDE_PYTORCH.format(run=str(tiny_run), then=then)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")  # it was 134: "terminate called without an active exception"
    assert done.stdout in ("", "['start']\n")  # no part is begun once it is stopped


def test_to_stop_it_does_not_wait_for_the_part_that_is_being_made(run, monkeypatch):
    entered, leave, left = threading.Event(), threading.Event(), threading.Event()

    def part(self, *which):
        entered.set()
        leave.wait(15)
        left.set()

    monkeypatch.setattr("ayneh.explorer.library.Library.part", part)
    window = run.explore()
    assert entered.wait(60)
    window.stop()
    assert not left.is_set()
    assert not window.running
    leave.set()
    assert left.wait(60)
    window.stop()  # again: its threads are done by now


def test_a_window_shows_its_run_when_the_working_directory_changes(tiny_run, monkeypatch, tmp_path, get):
    monkeypatch.chdir(tiny_run.parent)
    with ayneh.open(tiny_run.name).explore() as window:
        before = get(window, "/api/runs")[2]
        monkeypatch.chdir(tmp_path)
        after = get(window, "/api/runs")[2]
        assert b"no longer there" not in after
        assert after == before


@pytest.mark.slow
def test_a_kernel_shows_a_frame_and_goes_on(notebook, saved, tiny_run):
    book = notebook(
        f"import ayneh, urllib.request\nwindow = ayneh.open({str(tiny_run)!r}).explore()\nwindow",
        "answer = urllib.request.urlopen(window.url)\nanswer.status, answer.headers['Content-Security-Policy'][-400:]",
        "window.stop()\nwindow",
    )
    (output,) = book.cells[0].outputs
    assert output.data["text/html"].startswith('<iframe src="http://127.0.0.1:')
    assert len(saved(book.cells[0])) < 1_000
    assert "(200" in saved(book.cells[1])
    assert "http://localhost:*" in saved(book.cells[1])
    assert "which has ended" in saved(book.cells[2])
