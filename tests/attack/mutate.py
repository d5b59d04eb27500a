"""Damaged files, many thousands: each is read, and must come to the same result, to a word, or to one sentence."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import re
import shutil
import signal
import traceback
import zlib
from functools import partial
from pathlib import Path
from typing import Any

from child import LIMIT_BYTES, LIMIT_S, TRACEBACK, Child, forget_peak, in_child, one_sentence, peak
from inputs import Input, inputs, prepare, renew
from tally import Row, Tally

SHARE = {"small": 0.003, "half": 0.1, "full": 1.0}  # of the attempts of each input
BATCH = 400  # attempts of a child
PATIENCE_S = 3600


def attack(size: str, seed: int, root: Path, only: str = "") -> Tally:
    """Each input its share of all attempts."""
    tally, stage = Tally("mutate"), root / "stage"
    for name in ("work", "cache"):
        (stage / name).mkdir(parents=True)
    made = in_child(partial(_in, stage, prepare), 900)
    assert made.status == 0, made
    shutil.copytree(stage, root / "template")
    os.chdir(stage / "work")
    every = inputs()
    for one in every:
        if only and only not in one.name:
            continue
        _try(tally.row(one.name), one, stage, root, max(2, round(SHARE[size] * one.n)), seed)
    os.chdir("/")
    return tally


def _in(stage: Path, work: Any) -> Any:
    os.chdir(stage / "work")
    os.environ["AYNEH_CACHE"] = str(stage / "cache")
    from scenes import soften

    soften()
    return work()


def _try(row: Row, one: Input, stage: Path, root: Path, n: int, seed: int) -> None:
    """n attempts on one file, in children that do `BATCH` of them unless one ends it."""
    notes = root / "notes"
    whole = Path(one.file).read_bytes()
    if words := in_child(partial(_in, stage, partial(_unread, one))).value:
        row.n += 1
        row.fail("refused", f"the whole file is not read: {words}")
        n = 0
    first = 0
    while first < n:
        notes.write_bytes(b"")
        last = min(n, first + BATCH)
        ended = Child(partial(_in, stage, partial(_batch, one, whole, first, last, seed, root)), PATIENCE_S).wait()
        done = [json.loads(line) for line in notes.read_text().splitlines()]
        for note in done:
            for kind, words in note["faults"]:
                row.fail(kind, f"number {note['number']} ({note['what']}): {words}")
        reached = len(done)
        if reached < last - first:  # the child was ended by this one
            kind = {-signal.SIGALRM: "slow", -signal.SIGPROF: "slow", -signal.SIGKILL: "memory"}.get(
                ended.status, "died"
            )
            row.fail(kind, f"number {first + reached} ({_damaged(one, whole, first + reached, seed)[1]}): "
                           f"exit status {ended.status} {ended.err[-300:]}")  # fmt: skip
            reached += 1
        first += reached
        row.n += reached
        Path(one.file).write_bytes(whole)
        renew(root / "template" / "work", one.fresh)


def _unread(one: Input) -> str:
    """In a child: why the whole file is not read; empty if it is."""
    _, faults, refused = _read(one)
    return str(faults or "refused") if refused or faults else ""


def _damaged(one: Input, whole: bytes, number: int, seed: int) -> tuple[bytes, str]:
    return one.damage(whole, random.Random(zlib.crc32(f"{seed} {one.name} {number}".encode())))


def _batch(one: Input, whole: bytes, first: int, last: int, seed: int, root: Path) -> None:
    """In a child: a line of notes for each attempt when it is over."""
    file, template = Path(one.file), root / "template" / "work"
    expected, _, _ = _read(one)
    with (root / "notes").open("a", encoding="utf-8") as notes:
        for number in range(first, last):
            blob, what = _damaged(one, whole, number, seed)
            renew(template, one.fresh)
            file.write_bytes(blob)
            before = forget_peak()
            signal.setitimer(signal.ITIMER_PROF, LIMIT_S)  # of its own work: other processes may be busy
            signal.setitimer(signal.ITIMER_REAL, 6 * LIMIT_S)
            found, faults, _ = _read(one)
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)
            if peak() - before > LIMIT_BYTES:
                faults.append(("memory", f"{(peak() - before) / 2**30:.1f} GB"))
            if one.sealed and found is not None and found != expected and not faults and blob != whole:
                faults.append(("silent", f"{found!r} for {expected!r}"[:300]))
            notes.write(json.dumps({"number": number, "what": what[:120], "faults": faults}) + "\n")
            notes.flush()
    file.write_bytes(whole)


def _read(one: Input) -> tuple[Any, list[tuple[str, str]], bool]:
    """The value that was read, None where something was said or refused; what is wrong with that; whether refused."""
    from ayneh.errors import Stopped, UserError
    from ayneh.terminal.text import plain

    out, faults, value, refused = io.StringIO(), list[tuple[str, str]](), None, True
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            value = one.read()
        said, refused = out.getvalue(), False
    except (UserError, Stopped) as error:
        said = plain(error)  # as `main` prints it
        if not said.strip() or "\n" in str(error) or len(said) > 2000:
            faults.append(("words", f"not one sentence: {said[:200]!r}"))
    except MemoryError:
        said, faults = "", [("memory", "MemoryError")]
    except BaseException:
        said, faults = "", [("traceback", traceback.format_exc()[-500:])]
    if isinstance(value, tuple) and len(value) == 3 and isinstance(value[0], int):
        status, shown, err = value
        said, refused = shown + err, status != 0
        if TRACEBACK in said:
            faults.append(("traceback", said[-500:]))
        elif status not in (0, 1, 2):
            faults.append(("refused", f"exit status {status}"))
        elif status and not one_sentence(err):
            faults.append(("words", f"exit status {status}, not one sentence: {err[-300:]!r}"))
        value = None
    if "Memory ran out" in said:
        faults.append(("memory", said[-300:]))
    if re.search("[\x1b\x07\x9b]", said):
        faults.append(("leak", f"an escape reaches the terminal: {said[-200:]!r}"))
    return (None if said.strip() else value), faults, refused
