"""Whom the explorer's server does not answer, and what it does not give: hosts, origins, escapes, noise."""

import json
import random
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ayneh.explorer.server import Guard


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),  # a name that was bent to this address
        ({"host": "evil.example:{port}"}, 421),
        ({"host": "127.0.0.1:1"}, 421),
        ({"host": None}, 400),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost:{port}"}, 403),  # another origin than the Host says
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site", "sec_fetch_mode": "no-cors"}, 403),
        ({"origin": "http://127.0.0.1:{port}", "sec_fetch_site": "same-origin"}, 200),
        ({"host": "localhost:{port}"}, 200),
        ({}, 200),
    ],
)
def test_only_its_own_page_is_answered(served, headers, status, get):
    headers = {k: v and v.format(port=served.port) for k, v in headers.items()}
    told, sealed, body = get(served, "/api/runs", **headers)
    assert told == status
    if status != 200:
        assert b"tiny" not in body
    if status != 400:  # refused below the application
        assert "script-src 'self' 'wasm-unsafe-eval';" in sealed["content-security-policy"]


def test_a_link_from_elsewhere_opens_the_page_but_not_its_data(served, get):
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert get(served, "/", **link)[0] == 200
    assert get(served, "/api/runs", **link)[0] == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_it_only_reads(served, method, get):
    assert get(served, "/api/runs", method)[0] == 405


def test_two_hosts_are_refused(served):
    wanted = f"GET /api/runs HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nHost: evil.example\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served.port)) as line:
        line.sendall(wanted.encode())
        assert line.recv(4096).split()[1] in (b"400", b"421")


def test_open_to_a_network_it_goes_by_addresses_and_not_by_names():
    guard = Guard(None, "0.0.0.0", 80)
    assert guard.known("192.168.1.7")
    assert guard.known("[fe80::1]:80") is False  # port 80 is left out by browsers
    assert not guard.known("evil.example")
    assert Guard(None, "0.0.0.0", 8765).known("192.168.1.7:8765")
    assert not Guard(None, "127.0.0.1", 8765).known("192.168.1.7:8765")


ESCAPES = [
    "/page/../../../record.py", "/page/..%2f..%2frecord.py", "/page/%2e%2e/models.py", "/page//etc/passwd",
    "/page/index.html%00.js", "/../../etc/passwd", "/..%5c..%5cconfig.json", "/runtime/../models.py",
    "/runtime/README.md", "/page/__init__.py", "/config.json", "/api/runs/0/../../config.json",
    "/api/runs/0/replicas/0/epochs/0/checkpoint", "/api/runs/0/replicas/0/epochs/0/__init__",
    "/api/runs/0/replicas/0/epochs/0/_nets", "/api/runs/0/replicas/0/epochs/..%2f0/generator",
    "/api/runs/1/live", "/api/runs/-1/live", "/api/runs/0x0/live", "/api/runs/%D9%A0/live", "/api/runs/1e0/live",
    "/api/runs/" + "9" * 5000 + "/live", "/api/runs/0/replicas/2/epochs/0/generator",
    "/api/runs/0/replicas/0/epochs/7/generator", "/api/runs/0/live?since=-1", "/api/runs/0/replicas/0/epochs/9/picture",
]  # fmt: skip


@pytest.mark.parametrize("path", ESCAPES, ids=lambda path: path[:50])
def test_nothing_lies_beyond_what_is_named(served, path, get):
    status, _, body = get(served, path)
    assert status == 404
    assert set(json.loads(body)) == {"error"}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(["..", "%2e%2e", "api", "runs", "0", "replicas", "epochs", "%00", "~", "generator", "page"])
    )
    | st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#"), max_size=30))
)
def test_any_path_is_answered_in_order(served, get, parts):
    status, headers, body = get(served, "/" + "/".join(parts))
    assert status in (200, 404)
    assert "content-security-policy" in headers
    assert status == 404 or parts in ([], [""], ["api", "runs"]) or b"safetensors" not in body


def test_it_survives_noise(served, get):
    chance = random.Random(0)
    beginnings = [b"", b"GET ", b"GET / HTTP/1.1\r\n", f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n".encode()]
    for i in range(120):
        with socket.create_connection(("127.0.0.1", served.port), timeout=10) as line:
            noise = chance.randbytes(chance.choice([1, 10, 1000, 100_000]))
            try:
                line.sendall(beginnings[i % len(beginnings)] + noise)
                if i % 3 == 0:
                    line.shutdown(socket.SHUT_WR)
                    line.recv(1000)
            except OSError:
                continue  # the server may hang up
    waiting = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(50)]  # and never say a word
    try:
        assert get(served, "/api/runs")[0] == 200
    finally:
        for line in waiting:
            line.close()


METHODS = ["GET", "get", "HEAD", "POST", "TRACE", "CONNECT", "G T", "\x00", ""]
TARGETS = [
    *("/", "/api/runs", "/api/runs/0/live?since=0", "*", "//", "http://evil.example/", "/%", "/%ff", "\x7f"),
    "/api/runs?\x00",
]
NAMES = [
    *("127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}", "evil.example", "evil.example:{port}", "127.0.0.1"),
    *("127.0.0.1:{port}.evil.example", "127.0.0.1:0{port}", "user@127.0.0.1:{port}", "[::1", ":{port}", "", "\xff"),
]
ORIGINS = [
    *("http://127.0.0.1:{port}", "http://localhost:{port}", "https://127.0.0.1:{port}", "http://evil.example"),
    *("null", "", "\xff"),
]
OTHERS = [
    *("Content-Length: 5", "Content-Length: -1", "Content-Length: 1, 2", "Transfer-Encoding: chunked"),
    *("Upgrade: websocket", "Connection: Upgrade", "Expect: 100-continue", "Range: bytes=0-3", "no colon"),
    *(": no name", "Sec-Fetch-Site: cross-site", "X: " + "x" * 70_000),
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(METHODS) | st.just("GET"),
    target=st.sampled_from(TARGETS) | st.text(st.characters(max_codepoint=255), max_size=20),
    version=st.sampled_from(["HTTP/1.1", "HTTP/1.0", "HTTP/2", "HTTP/9.9", "HTTQ", ""]) | st.just("HTTP/1.1"),
    hosts=st.lists(st.sampled_from(NAMES), max_size=2) | st.just(NAMES[:1]),
    origins=st.lists(st.sampled_from(ORIGINS), max_size=2) | st.just([]),
    others=st.lists(st.sampled_from(OTHERS), max_size=2) | st.just([]),
    body=st.binary(max_size=20),
)
def test_a_malformed_request_is_refused_or_answered_to_its_own_page(
    served, method, target, version, hosts, origins, others, body
):
    hosts, origins = ([x.format(port=served.port) for x in words] for words in (hosts, origins))
    lines = [f"{method} {target} {version}", *(f"Host: {x}" for x in hosts), *(f"Origin: {x}" for x in origins)]
    wanted = "\r\n".join([*lines, *others, "Connection: close", "", ""]).encode("latin-1") + body
    status = first_status(served.port, wanted)
    assert status is None or status < 500 or status == 505  # 505: of another HTTP
    if status == 200:
        assert hosts in own_names(served.port)
        assert all(origin == f"http://{hosts[0]}" for origin in origins)
        assert "cross-site" not in str(others)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    target=st.sampled_from(["/", "/api/runs", "/api/runs/0/live", "/page/main.js"]),
    hosts=st.lists(st.sampled_from(NAMES), min_size=1, max_size=2) | st.just(NAMES[:1]),
    origins=st.lists(st.sampled_from(ORIGINS), max_size=2) | st.just([]),
    site=st.sampled_from(["same-origin", "none", "same-site", "cross-site", "other"]) | st.just("none"),
)
def test_a_request_is_answered_only_if_all_of_its_heads_are_of_its_own_page(served, target, hosts, origins, site):
    hosts, origins = ([x.format(port=served.port) for x in words] for words in (hosts, origins))
    heads = [*(f"Host: {x}" for x in hosts), *(f"Origin: {x}" for x in origins), f"Sec-Fetch-Site: {site}"]
    wanted = "\r\n".join([f"GET {target} HTTP/1.1", *heads, "Connection: close", "", ""]).encode("latin-1")
    own = hosts in own_names(served.port) and set(origins) <= {f"http://{hosts[0]}"} and site in ("same-origin", "none")
    status = first_status(served.port, wanted, waiting=True)
    assert (status == 200) if own else status in (400, 403, 421)


def own_names(port):
    """The heads that may name the server."""
    return [[f"{name}:{port}"] for name in ("127.0.0.1", "localhost", "[::1]")]


def first_status(port, wanted, waiting=False):
    """The status of the first answer to these bytes; None where the server hangs up without a word.

    waiting: the line stays open until there is one; a request that is cut short would wait for its rest.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        try:
            line.sendall(wanted)
            if not waiting:
                line.shutdown(socket.SHUT_WR)
            said = line.recv(4096)
        except OSError:
            return None
    return int(said.split()[1]) if said else None
