"""VERBS: name -> function. The command line is derived from the functions' types, and every failure is one sentence."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ayneh import __version__
from ayneh.errors import Stopped, UserError, pick, unknown

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
    """Derive the verb's command line from its types, and call it."""
    if verb not in VERBS:
        raise unknown("verb", verb, VERBS)
    import tyro

    module, name, _ = VERBS[verb]
    function: Callable[..., Any] = getattr(importlib.import_module(f"ayneh.jobs.{module}"), name)
    prog = f"ayneh {verb}"
    if "config" in inspect.signature(function).parameters:  # its first word is a preset, whose values are the defaults
        from ayneh.presets import PRESETS

        preset = args.pop(0) if args and not args[0].startswith("-") else "digits"
        function = partial(function, config=pick(PRESETS, preset, "preset").config)
        prog = f"{prog} {preset}"
    tyro.cli(function, args=args, prog=prog)


def _say(error: Exception, status: int) -> int:
    print(f"ayneh: {error}", file=sys.stderr)
    return status


if __name__ == "__main__":
    main()
