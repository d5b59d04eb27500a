"""`add` and `table`: what is taken, what is refused, what replaces what."""

from functools import partial

import pytest
import torch
from torch import nn

from ayneh.config import Config, Prior
from ayneh.engine.match import prior_of
from ayneh.errors import UserError
from ayneh.game.losses import LOSSES, Loss, hinge_dis
from ayneh.game.priors import Normal, make_prior
from ayneh.parts.origin import sha256_of, source_of
from ayneh.parts.registry import KINDS, add, builtin, every, own, table


def mean_gen(real, fake):
    return -fake


class Wide(Normal):
    name = "wide"


class Gives(nn.Module):
    def it(self): ...


def test_a_part_stands_beside_the_built_in_ones():
    mine = Loss(hinge_dis, mean_gen)
    add("loss", "mine", mine)
    assert table("loss", LOSSES) == {**LOSSES, "mine": mine}
    assert "mine" not in LOSSES
    assert table("loss", LOSSES)["hinge"] is LOSSES["hinge"]


def test_the_owner_of_a_kind_says_what_the_table_holds():
    add("net", "pair", (hinge_dis, mean_gen), gen_args={"width": 3})
    made = table("net", {}, made=lambda part: (*part.value, part.arguments))
    assert made == {"pair": (hinge_dis, mean_gen, {"gen_args": {"width": 3}})}


def test_a_prior_of_ones_own_is_made_with_its_numbers():
    add("prior", "wide", Wide)
    assert make_prior("wide", std=3.0).law == Wide(std=3.0)
    found = prior_of(Config(prior=Prior("wide", std=2.0)))
    assert (found.name, found.law, found.moments(5)) == ("wide", Wide(std=2.0), (0.0, 4.0))


def test_a_part_of_the_same_name_replaces_the_former():
    add("init", "mine", mean_gen)
    add("init", "mine", hinge_dis)
    assert [part.value for part in every()] == [hinge_dis]
    found = own("init", "mine")
    assert found is not None
    assert found.value is hinge_dis


@pytest.mark.parametrize("kind", KINDS)
def test_the_name_of_a_built_in_part_is_refused(kind):
    for name in list(builtin(kind))[:2]:
        with pytest.raises(UserError, match=f"There is a built-in {KINDS[kind].words} called '{name}': choose another"):
            add(kind, name, mean_gen)
    assert not every()


def test_none_is_no_penalty():
    with pytest.raises(UserError, match="built-in penalty called 'none'"):
        add("penalty", "none", mean_gen)


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "a/b", "x" * 101, "a.b", "ü", "a\n"])
def test_a_name_that_is_not_allowed_is_refused(name):
    with pytest.raises(UserError, match="it must be letters, digits and - _ [+] : "):
        add("loss", name, mean_gen)


def test_a_data_set_has_no_colon_in_its_name():
    assert add("net", "a:b", (hinge_dis, mean_gen)).name == "a:b"
    with pytest.raises(UserError, match="it must have no colon, which is for folder:PATH"):
        add("data", "a:b", mean_gen)


def test_an_unknown_kind_names_the_nearest():
    with pytest.raises(UserError, match="There is no kind of part called 'optimizer'. Did you mean 'optimiser'"):
        add("optimizer", "mine", mean_gen)


def test_a_part_has_the_source_of_its_file():
    with open(__file__, encoding="utf-8") as file:
        text = file.read()
    source = add("loss", "mine", Loss(hinge_dis, mean_gen)).source
    assert (source.text, source.readable) == (text, True)
    assert source.sha256 == sha256_of(text.replace("\n", "\r\n"))
    assert source.file is not None
    assert source.file.name == "test_registry.py"


@pytest.mark.parametrize("value", [partial(mean_gen, 1), Gives().it, [{"a": mean_gen}], nn.Sequential(Gives())])
def test_the_source_of_what_holds_the_user_s_code_is_that_of_the_code(value):
    source = source_of(value)
    assert source.file is not None
    assert source.file.name == "test_registry.py"


def test_the_source_of_a_notebook_s_class_is_its_definition():
    import linecache
    import sys
    import types

    cell = "x = 1\n\nclass Mine:\n    def play(self):\n        return 7\n\ny = 2\n"
    linecache.cache["<cell 1>"] = (len(cell), None, cell.splitlines(keepends=True), "<cell 1>")
    module = types.ModuleType("__main__")
    before, sys.modules["__main__"] = sys.modules["__main__"], module
    try:
        exec(compile(cell, "<cell 1>", "exec"), vars(module))
        source = add("data", "mine", module.Mine).source
    finally:
        sys.modules["__main__"] = before
        del linecache.cache["<cell 1>"]
    assert source.text == "class Mine:\n    def play(self):\n        return 7"
    assert (source.module, source.file, source.readable) == ("__main__", None, True)


def test_code_without_source_is_known_by_what_python_made_of_it():
    def defined(text):
        space = {"__name__": "nowhere"}
        exec(text, space)
        return source_of(space["f"])

    one, same, other = (defined(f"def f(x):\n    return x in {{'a', 'b', {n}}}") for n in (1, 1, 2))
    assert not one.readable
    assert one.sha256 == same.sha256 != other.sha256


def test_an_object_of_a_library_is_known_by_its_words():
    one, other = (add("net", "mine", (nn.Linear(2, n), nn.Linear(2, 2))).source for n in (3, 4))
    assert "out_features=3" in one.text
    assert source_of(torch.Generator()).text == "Generator"  # without its address in memory
    assert not one.readable
    assert one.sha256 != other.sha256
