"""Slow, large and many: what a connection to the explorer may take."""

import json
import socket

import pytest

from ayneh.explorer.connections import Limits

QUICK = Limits(ask_s=0.2, take_s=0.2, connections=5, head_bytes=2048)


@pytest.fixture(scope="module")
def strict(serve, tiny_run):
    with serve(tiny_run, limits=QUICK) as server:
        yield server


def line_to(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def rest_of(line) -> bytes:
    """All that comes until the other side hangs up."""
    got = b""
    try:
        while part := line.recv(65536):
            got += part
    except ConnectionError:
        pass
    return got


def ended(line) -> bool:
    """Whether the other side has hung up."""
    try:
        return line.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def head(server, *more, path="/api/runs", method="GET"):
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", *more, "", ""]
    return "\r\n".join(lines).encode("latin-1")


@pytest.mark.parametrize("first", [b"", b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "])
def test_who_does_not_finish_a_request_is_hung_up_on(strict, first):
    with line_to(strict) as line:
        line.sendall(first)
        assert rest_of(line) == b""  # it ends; without a deadline this waits for ever


def test_a_byte_now_and_then_is_no_reason_to_wait(strict):
    with line_to(strict) as line:
        line.settimeout(0.05)
        sent = 0
        while sent < 600 and not ended(line):
            try:
                line.sendall(b"GET / HTTP/1.1\r\nX: " if not sent else b"x")
            except ConnectionError:
                break
            sent += 1
    assert 1 < sent < 600


def test_after_an_answer_the_time_begins_again(strict):
    with line_to(strict) as line:
        line.sendall(head(strict))
        assert line.recv(65536).startswith(b"HTTP/1.1 200")
        line.sendall(b"GET / HT")  # of the next request only this
        rest_of(line)


def test_who_does_not_take_the_answer_is_hung_up_on(strict, wait_until):
    """The answer to be sent is larger than what the system keeps."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.connect(("127.0.0.1", strict.port))
    with line:
        for _ in range(3):  # in one go: pipelined
            line.sendall(head(strict, path="/page/ort.wasm"))
        wait_until(lambda: strict.connections(), seconds=30)
        wait_until(lambda: not strict.connections(), seconds=30)


@pytest.mark.parametrize("more", [["X: " + "x" * 5000], [f"X{i}: {'x' * 40}" for i in range(100)]])
def test_a_long_head_is_refused(strict, more):
    with line_to(strict) as line:
        line.sendall(head(strict, *more))
        answer = rest_of(line)
    assert answer[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 431")
    assert set(json.loads(answer.partition(b"\r\n\r\n")[2])) == {"error"}


def test_a_long_path_is_refused(strict):
    with line_to(strict) as line:
        line.sendall(head(strict, path="/" + "x" * 100_000))
        assert rest_of(line)[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 431", b"")


@pytest.mark.parametrize("more", ["Content-Length: 99999999999", "Transfer-Encoding: chunked"])
def test_a_body_is_not_waited_for(strict, more):
    with line_to(strict) as line:
        line.sendall(head(strict, more))
        answer = rest_of(line)  # the answer, and the end of the connection
    assert answer.startswith(b"HTTP/1.1 413")
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"error": "The explorer takes no request with a body."}


def test_many_that_wait_do_not_keep_others_out(serve, tiny_run, get):
    with serve(tiny_run, limits=Limits(ask_s=60, connections=5)) as server:
        waiting = [line_to(server) for _ in range(40)]
        try:
            for _ in range(10):
                assert get(server, "/api/runs")[0] == 200
            assert len(server.connections()) <= 5
        finally:
            for line in waiting:
                line.close()
