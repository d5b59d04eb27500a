"""`ayneh explore`: starts, says where, refuses in words, ends by Ctrl-C, and saves one file."""

import builtins
import re
import signal
import socket
import urllib.request

import pytest


def address(child):
    return re.fullmatch(r"(http://\S+/)\n", child.stdout.readline())[1]


@pytest.mark.slow
def test_it_serves_until_ctrl_c_and_ends_in_peace(process, tiny_run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        child = process("explore", tiny_run, "--no-open", "--port", port)
        url = address(child)
        assert f":{port}/" not in url
        with urllib.request.urlopen(url, timeout=60) as answer:
            assert b"ayneh" in answer.read()
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=60)
    assert child.returncode == 0
    assert f"Port {port} is taken" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "No run is named"),
        (["nowhere"], "There is no run in nowhere"),
        (["RUN", "--port", 70000], "--port is 70000"),
        (["RUN", "--host", "no such host"], "--host is 'no such host'"),
        (["RUN", "--host", "192.0.2.1"], "cannot listen there"),
        (["RUN", "--save", "page.pdf"], "the page is one .html file"),
        (["RUN", "--save", "page.html", "--save-epochs", 0], "--save-epochs is 0"),
        (["RUN", "--save", "page.html", "--replica", 2], "--replica is 2"),
    ],
)
def test_what_cannot_be_done_is_refused(ayneh, tiny_run, monkeypatch, tmp_path, args, message):
    monkeypatch.chdir(tmp_path)
    status, _, err = ayneh("explore", "--no-open", *[tiny_run if arg == "RUN" else arg for arg in args])
    assert status == 2
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_without_its_packages_it_says_how_to_get_them(ayneh, tiny_run, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "uvicorn":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    status, _, err = ayneh("explore", tiny_run, "--no-open")
    assert status == 2
    assert "pip install 'ayneh[explore]'" in err


def test_a_saved_page_names_no_address_and_no_path(ayneh, tiny_run, tmp_path):
    status, out, err = ayneh("explore", tiny_run, "--save", tmp_path / "page.html", "--save-epochs", 2, "--replica", 1)
    assert status == 0
    assert all(line.startswith("digits: ") for line in err.splitlines())  # what was understood, once in a process
    page = (tmp_path / "page.html").read_text()
    assert out.strip() == f"{tmp_path / 'page.html'}: {len(page) / 1e6:.1f} MB"
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert str(tiny_run.parent) not in page
    nets = re.findall(r'data-path="/api/runs/0/replicas/0/epochs/(\d)/generator"', page)
    assert nets == ["0", "2"]
