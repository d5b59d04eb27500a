"""Errors that are messages for the user: one sentence with the value and what to do about it."""

from __future__ import annotations

import difflib
import errno
import os
import shlex
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Sentence(Exception):
    """An error whose message is all that a user needs."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in a notebook: the sentence; with AYNEH_DEBUG=1 also where it arose."""
        if os.environ.get("AYNEH_DEBUG"):
            return traceback.format_exception(self)
        return [f"{type(self).__name__}: {self}"]


class UserError(Sentence, ValueError):
    """Bad input: what happened, the value, what to change. The command line prints it and exits with 2.

    >>> import ayneh
    >>> try:
    ...     ayneh.preset("fsat")
    ... except ayneh.UserError as error:
    ...     print(error)
    There is no preset called 'fsat'. Did you mean 'fast'? Choose one of: ...
    """


def unknown(what: str, name: str, allowed: Iterable[str]) -> UserError:
    """The error for an unknown name, with the nearest allowed one and all of them."""
    names = sorted(set(allowed))
    hint = nearest(str(name).lower(), names)  # from Python it may be no text
    choice = f" Choose one of: {', '.join(names)}." if names else " There is none to choose from."
    return UserError(f"There is no {what} called {name!r}.{hint}{choice}")


def nearest(name: str, allowed: Iterable[str]) -> str:
    """ " Did you mean 'fast'?": the nearest allowed name; empty if none is near."""
    near = difflib.get_close_matches(name, list(allowed), n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""


def pick(table: Mapping[str, T], name: str, what: str) -> T:
    """``table[name]``, or a UserError that names the nearest ``what`` (e.g. "prior").

    A table of parts, built in and of one's own, has an attribute ``missing``: what to do for one that is not loaded.
    """
    if not isinstance(name, str) or name not in table:  # a list from Python has no hash
        raise UserError(f"{unknown(what, name, table)}{getattr(table, 'missing', '')}")
    return table[name]


def need_replica(replica: int, there: int) -> None:
    """Raise UserError unless a run of so many replicas has this one."""
    if not 0 <= replica < there:
        raise UserError(f"--replica is {replica}; the run has {there}, counted from 0.")


@contextmanager
def extra(name: str, what: str) -> Iterator[None]:
    """Around the imports of ``what``: if one fails, a UserError with the command that installs this extra."""
    try:
        yield
    except ImportError as error:
        raise UserError(f"{what} needs a package that is missing ({error}): pip install 'ayneh[{name}]'.") from error


def typed_as(path: object) -> str:
    """A path or a name as it is typed in a shell, for the command that a sentence advises."""
    word = str(path)
    return shlex.quote(f"./{word}" if word.startswith("-") else word)


class Stopped(Sentence, RuntimeError):
    """The work ended early for a reason that is not bad input; what was saved stays. Exit status 1.

    >>> import ayneh
    >>> config = ayneh.preset("digits").changed({"optimizer.lr": 1e30})
    >>> try:
    ...     for moment in ayneh.play(config):
    ...         pass
    ... except ayneh.Stopped as error:
    ...     print(error)
    The training broke down: ...
    """


class Interrupted(Stopped):
    """A person or the system interrupted the work. ``where``: how far it was; then what goes on with it."""

    def __init__(self, where: str, advice: str) -> None:
        super().__init__(f"{where}: {advice}")
        self.where = where


def brief(error: BaseException) -> str:
    """The first line of another library's error."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".:") if lines else type(error).__name__


def line_of(error: BaseException) -> str:
    """ "mine.py:12": the line of a person's own file at which an error arose; empty if the error is not from there.

    The file is the first one of the traceback that is not of this package; what it calls in libraries does not count.
    """
    home = os.path.dirname(__file__) + os.sep
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(home)]
    own = [frame for frame in frames if frame.filename == frames[0].filename]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else ""


NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
SYSTEM: dict[tuple[int, ...], tuple[type[UserError] | type[Stopped], str]] = {  # errno -> what happened, what to do
    NO_SPACE: (Stopped, "There is no disk space left for {path}: free some space, then run the command again."),
    (errno.EACCES, errno.EPERM): (
        UserError,
        "{path} may not be read or written by this user (permission denied): choose another place, or change its "
        "permissions.",
    ),
    (errno.EROFS,): (UserError, "{path} is on a file system that is mounted read-only: choose another place."),
    (errno.ENOENT,): (UserError, "There is no {path}: check the path, and that nothing else removed it meanwhile."),
    (errno.ENOTDIR, errno.EEXIST): (
        UserError,
        "{path} or a part of this path is a file where a folder should be: choose another path, or move the file away.",
    ),
    (errno.EISDIR,): (
        UserError,
        "{path} is a folder where a file should be: choose another path, or move the folder away.",
    ),
    (errno.ENOTEMPTY,): (Stopped, "{path} could not be removed, since other files were put there: move them away."),
    (errno.ENAMETOOLONG,): (UserError, "The name {path} is too long for this file system: choose a shorter one."),
    (errno.ELOOP,): (UserError, "{path} is a symbolic link that leads back to itself: mend the link."),
    (errno.EMFILE, errno.ENFILE): (
        Stopped,
        "Too many files are open, so that {path} could not be opened: close other programs, or raise the limit "
        "(`ulimit -n`), then run the command again.",
    ),
    (errno.ENOMEM,): (Stopped, "Memory ran out at {path}: close other programs, then run the command again."),
}
LONGEST = 120  # characters of a path in a sentence
MEMORY = "Memory ran out ({error}): close other programs, or use fewer or smaller images, nets or batches."


NUL = "embedded null"  # what Python's errors on a path with a character of the number 0 say
NO_PATH = "A path has a character of the number 0, which no path may have: leave it out."


def of_system(error: OSError) -> UserError | Stopped:
    """The sentence for an error of the operating system: bad input, or work that was cut short."""
    if error.errno is None:  # of a library
        return Stopped(f"{str(error).strip() or type(error).__name__}: try again.")
    name = place_of(error)
    path = (name if len(name) <= LONGEST else f"{name[:LONGEST]}...") or "a file"
    for numbers, (kind, sentence) in SYSTEM.items():
        if error.errno in numbers:
            return kind(sentence.format(path=path))
    return Stopped(f"The system reports an error at {path} ({error.strerror}): mend it, then run the command again.")


def place_of(error: OSError) -> str:
    """The path that an error of the operating system is about; empty if it names none.

    Of a file that could not be renamed, the target, if a folder is there: the file has a temporary name.
    """
    name = error.filename2 if error.errno in (errno.EISDIR, errno.ENOTDIR) and error.filename2 else error.filename
    return name.decode(errors="replace") if isinstance(name, bytes) else name if isinstance(name, str) else ""


def of_memory(error: BaseException) -> Stopped | None:
    """The sentence for memory that ran out, in Python, NumPy or PyTorch; None for another error."""
    words = str(error).partition("\n")[0]
    lower = words.lower()
    if isinstance(error, MemoryError) or "out of memory" in lower or "allocate memory" in lower:
        return Stopped(MEMORY.format(error=words or "no number is given"))
    return None


@contextmanager
def in_a_sentence() -> Iterator[None]:
    """Around work that Python code asks for, or its decorator: errors of the system and of memory become sentences.

    UserError and Stopped pass; an error that is not foreseen passes with its traceback.
    """
    try:
        yield
    except OSError as error:
        raise of_system(error) from error
    except ValueError as error:
        if NUL in str(error) and not isinstance(error, UserError):
            raise UserError(NO_PATH) from error
        raise
    except (MemoryError, RuntimeError) as error:
        if found := None if isinstance(error, Stopped) else of_memory(error):
            raise found from error
        raise
