"""VERBS: name -> function. The command line is derived from the functions' types; every error is one sentence."""

from __future__ import annotations

import importlib
import inspect
import itertools
import os
import shlex
import shutil
import sys
import textwrap
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ayneh.errors import NO_PATH, NUL, Stopped, UserError, of_memory, of_system, unknown
from ayneh.files.home import at_home
from ayneh.pytorch import as_imported
from ayneh.terminal.text import plain, prepare
from ayneh.version import __version__

if TYPE_CHECKING:  # `ayneh --help` takes 0.04 s: each verb is imported when it is called
    from ayneh.config import Config

VERBS = {  # verb -> (module in jobs, function, what it does)
    "train": ("train", "train", "train a preset: ayneh train [PRESET] [--flags]"),
    "resume": ("train", "resume", "go on with a run, also after kill -9"),
    "sample": ("sample", "sample", "draw images from a run into a file or folder"),
    "evaluate": ("evaluate", "evaluate", "score runs, or images from anywhere, and compare them"),
    "judge": ("judge", "judge", "train the judge of a data set that has none: ayneh judge train --data ..."),
    "report": ("report", "report", "play the course report that ayneh grew from, and write it"),
    "study": ("study", "study", "compare arms over seeds, with statistics: ayneh study run prior"),
    "mirror": ("mirror", "mirror", "how far a run's discriminator is an inverse of its generator"),
    "diagnose": ("diagnose", "diagnose", "what a run suffers from, since when, why, and what to do"),
    "explore": ("explore", "explore", "walk through what runs have learnt, in a browser"),
    "export": ("export", "export", "a run's nets as ONNX or weights, checked, with a model card"),
    "show": ("show", "show", "a run in the terminal: last losses, speed, where the pictures are"),
    "presets": ("show", "presets", "the presets, and what each shows"),
    "parts": ("parts", "parts", "every net, loss, metric and other part, and where it comes from"),
}

PARTS = "--parts FILE"  # of every verb: taken out before the verb's own flags are read
OF_PARTS = "parts of your own: a .py file or a module that calls ayneh.add; may be given several times (docs/parts.md)"
DEFAULT = "digits"  # preset
LONGEST = 1500  # letters of an error's sentence
OFTEN = (  # settings that are changed most often, in the help of `train`
    *("epochs", "batch", "seed", "seeds", "data.name", "data.resize", "prior.name", "net.name", "net.width"),
    *("rules.loss", "rules.penalty", "rules.gamma", "rules.dropout", "optimizer.lr"),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run one verb; `in_sentences` has the exit status."""
    args = list(sys.argv[1:] if argv is None else argv)
    in_sentences(partial(_main, args), args)


def _main(asked: Sequence[str]) -> None:
    args, parts = without_parts(asked)
    if not args or args[0] in ("-h", "--help"):
        print(overview())
    elif args[0] == "--version":
        print(f"ayneh {__version__}")
    else:
        _need_working_directory()
        for spec in parts:
            load_parts(spec)
        with as_imported():
            run(args[0], args[1:])


def in_sentences(work: Callable[[], object], args: Sequence[str] | None = None) -> None:
    """Do the work of a command line, also that of a script. Every error becomes one sentence on stderr.

    Exits with 2 for bad input, 1 when the work was cut short, 130 on a second Ctrl-C; `AYNEH_DEBUG=1` shows the
    traceback as well. args: what was asked (None: those of the process), for the report of an error not foreseen.
    """
    prepare()
    try:
        work()
        sys.stdout.flush()
    except BrokenPipeError:  # who read the output has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the flush at the end succeeds
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BaseException as error:
        if not isinstance(error, Exception) and not _of_own_parts(error):  # of --help, and of a command line refused
            raise
        if os.environ.get("AYNEH_DEBUG"):
            traceback.print_exc()
        sys.exit(_say(sentence_of(error, sys.argv if args is None else args)))


def _need_working_directory() -> None:
    """Raise UserError where it was deleted: relative paths lead nowhere, and PyTorch needs one when it is imported."""
    try:
        os.getcwd()
    except FileNotFoundError as error:
        raise UserError(
            "The working directory was deleted or moved: change to one that is there (`cd ~`), then run the command "
            "again."
        ) from error


def _of_own_parts(error: BaseException) -> str:
    """What failed inside a file with parts of the user's own; empty if nothing did."""
    from ayneh.parts.calling import failed_inside

    return failed_inside(error)


def sentence_of(error: BaseException, args: Sequence[str]) -> UserError | Stopped:
    """What a user reads of an error: of one that is not foreseen also where its traceback was written."""
    if isinstance(error, UserError | Stopped):
        return error
    if own := _of_own_parts(error):
        return UserError(f"A part of your own failed: {own}. Correct it.")
    if isinstance(error, OSError):
        return of_system(error)
    if isinstance(error, ValueError) and NUL in str(error):
        return UserError(NO_PATH)
    if isinstance(error, RecursionError):
        return UserError("A file is nested too deeply to be read: is it the file that was meant?")
    if found := of_memory(error):
        return found
    what = f"An error that ayneh does not foresee ({type(error).__name__}: {str(error).partition(chr(10))[0]})"
    try:
        return Stopped(f"{what}: please report it with the file {_write_report(error, args)}.")
    except OSError:
        return Stopped(f"{what}: please report it; AYNEH_DEBUG=1 shows where it arose.")


def _write_report(error: BaseException, args: Sequence[str]) -> Path:
    """Write the traceback, the command and the versions into the cache folder, or into that for temporary files."""
    import tempfile

    from ayneh.files.whole import atomically, cache_folder

    parts = [f"ayneh {__version__}, Python {sys.version}", sys.platform, shlex.join(["ayneh", *args]), ""]
    text = "\n".join(parts) + "\n" + "".join(traceback.format_exception(error))
    name = f"report-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    for folder in (cache_folder() / "reports", Path(tempfile.gettempdir())):
        try:
            with atomically(folder / name) as file:
                file.write(text.encode(errors="replace"))
            return folder / name
        except OSError as failed:
            reason = failed
    raise reason


def overview() -> str:
    """What `ayneh --help` prints."""
    verbs = "\n".join(f"  {verb:10}{what}" for verb, (_, _, what) in VERBS.items())
    title = f"ayneh {__version__}: a laboratory for GANs on small images"
    parts = "\n".join(textwrap.wrap(f"{PARTS}, with any verb: {OF_PARTS}.", 100))
    return f"{title}\n\n{verbs}\n\n{parts}\n`ayneh VERB --help` shows every flag with its unit and default."


def without_parts(args: Sequence[str]) -> tuple[list[str], list[str]]:
    """The arguments without ``--parts X`` and ``--parts=X``, and what these name. UserError for a flag without X."""
    rest: list[str] = []
    parts: list[str] = []
    words = iter(args)
    for word in words:
        flag, equals, value = word.partition("=")
        if flag != "--parts":
            rest.append(word)
            continue
        value = value if equals else next(words, "")
        if not value or value.startswith("-"):
            raise UserError("--parts needs a file or a module: --parts my_parts.py.")
        parts.append(value)
    return rest, parts


def load_parts(spec: str) -> None:
    """Load a file or a module with parts of the user's own."""
    from ayneh.parts.loading import load

    load(spec)


def run(verb: str, args: list[str]) -> None:
    """Derive the verb's command line from its function's types, and call it."""
    if verb not in VERBS:
        raise unknown("verb", verb, VERBS)
    import tyro

    module, name, _ = VERBS[verb]
    function = _at_home(getattr(importlib.import_module(f"ayneh.jobs.{module}"), name))
    prog = f"ayneh {verb}"
    description = None
    if "config" in inspect.signature(function).parameters:  # its first word is a preset, whose values are the defaults
        from ayneh.presets import preset

        name = args.pop(0) if args and not args[0].startswith("-") else DEFAULT
        config = preset(name).config
        if _names_own_nets(args):  # which have no use for the preset's settings of nets
            config = replace(config, net=type(config.net)())
        description = f"{inspect.getdoc(function)}".partition("\n")[0] + first_screen(name, config)
        function, prog = partial(function, config=config), f"{prog} {name}"
    description = description or f"{inspect.getdoc(function)}".partition("\n\nArgs:")[0]
    _refuse_values(function, args)
    tyro.cli(function, args=args, prog=prog, description=f"{description}\n\n{PARTS}: {OF_PARTS}.")


def _at_home(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function; its paths may begin with ~."""

    @wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        return function(*map(_expanded, args), **{name: _expanded(value) for name, value in kwargs.items()})

    return called


def _expanded(value: Any) -> Any:
    """A path, or several, with the home folder for ~; other values as they are."""
    if isinstance(value, Path):
        return at_home(value)
    if isinstance(value, list | tuple) and any(isinstance(one, Path) for one in value):
        return type(value)(_expanded(one) for one in value)
    return value


def _refuse_values(function: Callable[..., Any], args: Sequence[str]) -> None:
    """Raise UserError where a word after a switch would be lost: it is no value, and no path for the verb to read."""
    parameters = inspect.signature(function).parameters
    switches = {f"--{name.replace('_', '-')}" for name, found in parameters.items() if found.annotation == "bool"}
    if "config" in parameters:
        from ayneh.config import Config, flatten

        settings = flatten(Config()).items()
        switches |= {f"--{name.replace('_', '-')}" for name, value in settings if isinstance(value, bool)}
    kinds = [found.annotation for found in parameters.values() if "Positional" in str(found.annotation)]
    for flag, word in itertools.pairwise(args):
        if flag not in switches - {"--pretrained"} or word.startswith("-"):  # after that one a name may follow
            continue
        if not kinds or word.lower() in ("true", "false", "yes", "no", "on", "off"):
            off = flag.replace(".", ".no-") if "." in flag else f"--no-{flag[2:]}"
            raise UserError(f"{flag} takes no value: give {flag} or {off} alone, and leave {word} out.")
        if all("Path" in kind for kind in kinds) and not Path(word).exists():
            raise UserError(f"There is no {word}: it is read as the folder of a run, since {flag} takes no value.")


def _names_own_nets(args: Sequence[str]) -> bool:
    """Whether these flags of a verb name nets of one's own."""
    from ayneh.config import is_own_net

    names = [value for flag, value in itertools.pairwise(args) if flag == "--net.name"]
    names += [arg.removeprefix("--net.name=") for arg in args if arg.startswith("--net.name=")]
    return "--nets" in args or any(is_own_net(name) for name in names)


def first_screen(name: str, config: Config) -> str:
    """The beginning of `train`'s help: the presets, and the flags that are changed most, with this preset's values."""
    from ayneh.config import flatten
    from ayneh.presets import PRESETS

    width, wide = shutil.get_terminal_size().columns, max(map(len, PRESETS)) + 2
    lines = [
        "",
        "",
        f"Presets: `ayneh train NAME`, by default {DEFAULT}. Times are on a CPU: `ayneh presets` has the details.",
    ]
    for other, found in PRESETS.items():
        head = f"  {other:{wide}}{found.time():14}"
        indent = " " * (len(head) if len(head) < width / 2 else 4)  # in a narrow terminal below, not beside
        lines += textwrap.wrap(head + found.shows, width, subsequent_indent=indent, break_long_words=False)
    values = flatten(config)
    flags = " ".join(f"--{flag.replace('_', '-')}\xa0{values[flag]}" for flag in OFTEN if values[flag] is not None)
    lines += ["", f"Changed most often, with the values of {name}; all flags are below:"]
    lines += textwrap.wrap(f"  --out\xa0FOLDER {flags}", width, subsequent_indent="  ", break_on_hyphens=False,
                           break_long_words=False)  # fmt: skip
    return "\n".join(lines).replace("\xa0", " ") + "\n"


def _say(error: UserError | Stopped) -> int:
    """Print the sentence; the exit status."""
    with suppress(OSError):  # the terminal was closed
        words = plain(error)
        if len(words) > LONGEST:  # a name or a value of thousands of letters
            words = f"{words[: LONGEST // 2]} ... {words[-LONGEST // 2 :]}"
        print(f"ayneh: {words}", file=sys.stderr)
    return 2 if isinstance(error, UserError) else 1


if __name__ == "__main__":
    main()
