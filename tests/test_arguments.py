"""What Python gives to a public function: a value of another type is one sentence, and a path that no file has."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import ayneh
from ayneh.arguments import checked
from ayneh.config import Config
from ayneh.errors import UserError

Parts = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@checked
def every(
    text: "str" = "",
    number: "float | None" = None,
    whole: "int | str" = 1,
    flag: "bool" = False,
    place: "str | os.PathLike[str] | None" = None,
    words: "Sequence[str]" = (),
    runs: "Iterable[Config | str]" = (),
    settings: "Mapping[str, Any] | None" = None,
    data: "Literal['digits', 'mnist', 5]" = "digits",
    parts: "Parts" = (),
    call: "Callable[[int], Any] | None" = None,
    anything: "Any" = None,
    elsewhere: "NotHere | None" = None,  # noqa: F821 - imported for the type checker alone
) -> dict:
    return locals()


ACCEPTED = [
    {"text": np.str_("x"), "number": 3, "whole": np.int64(3), "flag": np.bool_(True), "place": Path("x")},
    {"number": np.float32(0.5), "whole": "x", "flag": 1, "words": ["a", "b"], "runs": [Config(), "digits"]},
    {"number": None, "place": None, "words": np.array(["a"]), "runs": (one for one in [1]), "settings": {}},
    {"data": 5, "parts": "x.py", "anything": object(), "elsewhere": object()},
    {"call": len},
    {"parts": [Path("x.py"), "y"], "words": {"a"}, "data": "other"},
]
REFUSED = [
    ("text", 3, "text is 3; it must be text."),
    ("text", b"x", "text is b'x'; it must be text."),
    ("number", True, "number is True; it must be a number or None."),
    ("number", "3", "number is '3'; it must be a number or None."),
    ("whole", 2.0, "whole is 2.0; it must be a whole number or text."),
    ("flag", "no", "flag is 'no'; it must be True or False."),
    ("place", 3, "place is 3; it must be a path or None."),
    ("place", "a\0b", "a path has no character of the number 0"),
    ("place", Path("a\0b"), "a path has no character of the number 0"),
    ("words", "abc", "words is 'abc'; it must be a list."),
    ("words", ["a", 3], "An entry of words is 3; it must be text."),
    ("runs", [object()], "An entry of runs is of type object; it must be an ayneh.Config or text."),
    ("settings", [1], "settings is [1]; it must be a dictionary or None."),
    ("data", None, "data is None; it must be text or a whole number."),
    ("parts", [3], "An entry of parts is 3; it must be a path."),
    ("call", 3, "call is 3; it must be a function or None."),
    ("text", ["x" * 100], "it must be text."),
]


@pytest.mark.parametrize("given", ACCEPTED)
def test_values_of_the_declared_types_pass_as_they_are(given):
    found = every(**given)
    assert all(found[name] is value for name, value in given.items())


@pytest.mark.parametrize(("name", "value", "words"), REFUSED)
def test_a_value_of_another_type_is_one_sentence(name, value, words):
    with pytest.raises(UserError) as raised:
        every(**{name: value})
    assert words in str(raised.value)
    assert len(str(raised.value)) < 130


def test_a_call_that_python_refuses_is_python_s_own_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'txet'"):
        every(txet=3)


CALLS = {
    "out": lambda value: ayneh.train("digits", out=value),
    "init_from": lambda value: ayneh.train("digits", init_from=value),
    "folder": lambda value: ayneh.open(value),
    "parts": lambda value: ayneh.open("run", parts=value),
    "runs": lambda value: ayneh.compare(value),
    "every": lambda value: ayneh.play("digits", every=value),
    "seeds": lambda value: ayneh.Study("x", "digits", seeds=value),
    "looks": lambda value: ayneh.Study("x", "digits", looks=value),
    "budget_minutes": lambda value: ayneh.Study("x", arms={"a": {}, "b": {"epochs": 1}}).run(budget_minutes=value),
    "name": lambda value: ayneh.preset(value),
    "resize": lambda value: ayneh.images("digits", resize=value),
    "changes": lambda value: Config().changed(value),
    "run": lambda value: ayneh.InitFrom(value),
    "kind": lambda value: ayneh.add(value, "x", len),
    "lang": lambda value: ayneh.report(lang=value),
}


@pytest.mark.parametrize("name", CALLS)
def test_public_functions_name_the_argument_and_what_it_must_be(name):
    with pytest.raises(UserError, match=f"^{name} is of type object; it must be "):
        CALLS[name](object())


@pytest.mark.parametrize(
    "call",
    [
        lambda: ayneh.open("a\0b"),
        lambda: ayneh.load("a\0b"),
        lambda: ayneh.open_study("a\0b"),
        lambda: ayneh.images("folder:a\0b").train,
        lambda: ayneh.images(Path("a\0b")).train,
        lambda: ayneh.Run("a\0b"),
    ],
)
def test_a_path_that_no_file_can_have_is_a_sentence(call):
    with pytest.raises(UserError, match=r"character of the number 0|is no|There is no"):
        call()


def test_names_that_are_no_text_are_refused(tiny_run):
    with pytest.raises(UserError, match="arms has 3 as a name; names are text"):
        ayneh.Study("x", "digits", arms={"a": {}, 3: {"epochs": 1}})
    run = ayneh.open(tiny_run)
    with pytest.raises(UserError, match="There is no measure"):
        run.metrics[["loss_d"]]
    with pytest.raises(UserError, match=r"epoch is \[1\]; it must be a whole number, text or None"):
        run.at([1])
    with pytest.raises(UserError, match="latents, "):
        run.prior.path(None, None)
