"""VERBS: name -> function. The command line is derived from the functions' types; every error is one sentence."""

from __future__ import annotations

import importlib
import inspect
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ayneh import __version__
from ayneh.errors import Stopped, UserError, unknown

if TYPE_CHECKING:  # `ayneh --help` takes 0.04 s: each verb is imported when it is called
    from ayneh.config import Config

VERBS = {  # verb -> (module in jobs, function, what it does)
    "train": ("train", "train", "train a preset: ayneh train [PRESET] [--flags]"),
    "resume": ("train", "resume", "go on with a run, also after kill -9"),
    "sample": ("sample", "sample", "draw images from a run into a file or folder"),
    "evaluate": ("evaluate", "evaluate", "score runs, or images from anywhere, and compare them"),
    "judge": ("judge", "judge", "train the judge of a data set that has none: ayneh judge train --data ..."),
    "study": ("study", "study", "compare arms over seeds, with statistics: ayneh study run prior"),
    "mirror": ("mirror", "mirror", "how far a run's discriminator is an inverse of its generator"),
    "diagnose": ("diagnose", "diagnose", "what a run suffers from, since when, why, and what to do"),
    "explore": ("explore", "explore", "walk through what runs have learnt, in a browser"),
    "export": ("export", "export", "a run's nets as ONNX or weights, checked, with a model card"),
    "show": ("show", "show", "a run in the terminal: last losses, speed, where the pictures are"),
    "presets": ("show", "presets", "the presets, and what each shows"),
}

DEFAULT = "digits"  # preset
OFTEN = (  # settings that are changed most often, in the help of `train`
    *("epochs", "batch", "seed", "seeds", "data.name", "data.resize", "prior.name", "net.name", "net.width"),
    *("rules.loss", "rules.penalty", "rules.gamma", "rules.dropout", "optimizer.lr"),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run one verb. Exits with 2 for bad input, 1 when the work was cut short, 130 on a second Ctrl-C."""
    args = list(sys.argv[1:] if argv is None else argv)
    try:
        if not args or args[0] in ("-h", "--help"):
            print(overview())
        elif args[0] == "--version":
            print(f"ayneh {__version__}")
        else:
            run(args[0], args[1:])
    except UserError as error:
        sys.exit(_say(error, 2))
    except Stopped as error:
        sys.exit(_say(error, 1))
    except BrokenPipeError:
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def overview() -> str:
    """What `ayneh --help` prints."""
    verbs = "\n".join(f"  {verb:10}{what}" for verb, (_, _, what) in VERBS.items())
    title = f"ayneh {__version__}: a laboratory for GANs on small images"
    return f"{title}\n\n{verbs}\n\n`ayneh VERB --help` shows every flag with its unit and default."


def run(verb: str, args: list[str]) -> None:
    """Derive the verb's command line from its function's types, and call it."""
    if verb not in VERBS:
        raise unknown("verb", verb, VERBS)
    import tyro

    module, name, _ = VERBS[verb]
    function: Callable[..., Any] = getattr(importlib.import_module(f"ayneh.jobs.{module}"), name)
    prog = f"ayneh {verb}"
    description = None
    if "config" in inspect.signature(function).parameters:  # its first word is a preset, whose values are the defaults
        from ayneh.presets import preset

        name = args.pop(0) if args and not args[0].startswith("-") else DEFAULT
        config = preset(name).config
        description = f"{inspect.getdoc(function)}".partition("\n")[0] + first_screen(name, config)
        function, prog = partial(function, config=config), f"{prog} {name}"
    tyro.cli(function, args=args, prog=prog, description=description)


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
        lines += textwrap.wrap(head + found.shows, width, subsequent_indent=" " * len(head))
    values = flatten(config)
    flags = " ".join(f"--{flag.replace('_', '-')}\xa0{values[flag]}" for flag in OFTEN)
    lines += ["", f"Changed most often, with the values of {name}; all flags are below:"]
    lines += textwrap.wrap(f"  --out\xa0FOLDER {flags}", width, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(lines).replace("\xa0", " ") + "\n"


def _say(error: Exception, status: int) -> int:
    print(f"ayneh: {error}", file=sys.stderr)
    return status


if __name__ == "__main__":
    main()
