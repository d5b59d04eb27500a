"""Download of one file over HTTP; an interrupted one continues where it stopped."""

from __future__ import annotations

from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import msgspec
import requests
import urllib3
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from ayneh.errors import UserError
from ayneh.files.reading import json_in, typed
from ayneh.files.whole import size_of
from ayneh.terminal.notebook import in_cell

# What ``fetch`` raises. A server's odd headers reach requests as ValueError and http.client's own errors.
FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, HTTPException, ValueError)
ATTEMPTS = 3
TIMEOUT_S = (5, 30)  # to connect, and between two arrivals of bytes
CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class Remote:
    """The file that a part belongs to; noted beside the part, so that no other file is ever appended to it."""

    url: str = ""
    etag: str | None = None  # a strong one: a weak one does not mean the same bytes
    size: int | None = None  # in bytes, of the whole file


class Refused(requests.RequestException):
    """What a server sends is not the file: it is too long, or comes without encryption where that was asked for."""


def fetch(url: str, part: Path, most: int) -> None:
    """Fetch ``url`` into ``part``, in up to 3 attempts, as long as each brings some bytes; ``most`` bytes in all.

    A part of the same file that an earlier process left is continued. Raises one of FAILURES; the part stays, but
    is of no use after Refused.
    """
    for attempt in range(1, ATTEMPTS + 1):
        before = size_of(part)
        try:
            _transfer(url, part, most)
            return
        except Refused:
            raise
        except FAILURES:
            if attempt == ATTEMPTS or size_of(part) <= before:
                raise


def discard(part: Path) -> None:
    """Remove a part and the note beside it."""
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def _transfer(url: str, part: Path, most: int) -> None:
    remote = _recall(part)
    have = size_of(part) if remote.url == url else 0
    if have and have == remote.size:
        return  # an earlier process ended before it used the whole file
    # identity: compressed for the transfer, neither ranges nor checksum would fit
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-"} | ({"If-Range": remote.etag} if remote.etag else {})
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
        if url.startswith("https:") and not all(r.url.startswith("https:") for r in (*response.history, response)):
            raise Refused("it redirects to an address without https")
        if have and response.status_code in (206, 416) and not _continues(response, have, remote):
            discard(part)
            _transfer(url, part, most)
            return
        response.raise_for_status()
        if response.status_code == 200:  # the whole file: the first time, and always from servers without ranges
            have, remote = 0, _remember(part, url, response)
        if remote.size is not None and remote.size > most:
            raise Refused(f"it announces {remote.size:,} bytes, and the file has at most {most:,}")
        with _progress() as bar, part.open("ab" if have else "wb") as file:
            task = bar.add_task(part.stem, total=remote.size, completed=have)
            for chunk in response.raw.stream(CHUNK_BYTES, decode_content=False):
                have += len(chunk)
                if have > most:
                    raise Refused(f"it sends more than {most:,} bytes, the most that the file can have")
                file.write(chunk)
                bar.advance(task, len(chunk))


def _continues(response: requests.Response, have: int, remote: Remote) -> bool:
    """Whether the answer is the rest of the same file, from byte ``have`` on."""
    span = response.headers.get("Content-Range", "")  # bytes 100-999/1000
    start, _, size = span.removeprefix("bytes ").partition("/")
    return response.status_code == 206 and start.split("-")[0] == str(have) and size == str(remote.size)


def _remember(part: Path, url: str, response: requests.Response) -> Remote:
    etag, size = response.headers.get("ETag"), response.headers.get("Content-Length")
    strong = etag if etag and not etag.startswith("W/") else None
    remote = Remote(url, strong, int(size) if size and size.isascii() and size.isdecimal() else None)
    _note(part).write_bytes(msgspec.json.encode(remote))
    return remote


def _recall(part: Path) -> Remote:
    """The note beside a part; an empty one, which fits no URL, if it is missing or damaged."""
    try:
        return typed(json_in(_note(part)) or {}, Remote, str(_note(part)))
    except UserError:
        return Remote()


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _progress() -> Progress:
    """A bar on stderr, shown to a terminal only."""
    console = Console(stderr=True, force_jupyter=False)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal or in_cell())
