"""Bounds stand beside the fields, and a refusal names the flag, the value and the bound."""

import json
import re
import typing
from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest
import torch

from ayneh.bounds import written
from ayneh.config import NESTED, Config, Data, Net, Optimizer, Prior, Rules, differences, flatten, ranges, to_dict
from ayneh.errors import UserError


def with_value(name, value):
    """The default config but for this field."""
    room, _, leaf = name.rpartition(".")
    return replace(Config(), **({room: replace(getattr(Config(), room), **{leaf: value})} if room else {leaf: value}))


def numeric_fields():
    """Every field of every settings class that is a number by its type, or may be one, or has some."""

    def kinds(hint):
        inner = typing.get_args(hint)
        return set().union(*map(kinds, inner)) if inner else {hint}

    for room, cls in {"": Config, **NESTED}.items():
        for name, hint in typing.get_type_hints(cls).items():
            if kinds(hint) & {int, float}:
                yield f"{room}.{name}".lstrip(".")


NUMBERS = list(numeric_fields())


def test_every_number_has_a_range_with_two_ends():
    assert set(NUMBERS) == set(ranges())
    assert {name for name, value in flatten(Config()).items() if type(value) in (int, float)} < set(NUMBERS)
    assert all(-inf < allowed.low < allowed.high < inf for allowed in ranges().values())


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_out_of_range_is_refused_by_its_flag(name):
    allowed, flag = ranges()[name], f"--{name.replace('_', '-')}"
    several = {"data.range": lambda value: (0.0, value), "optimizer.milestones_images": lambda value: (value,)}
    pair = several.get(name, lambda value: value)
    above, below = allowed.high * 1.5, allowed.low * 1.5 if allowed.low < 0 else allowed.low - 1
    for value in (above, below, *((allowed.low, allowed.high) if allowed.open else ())):
        with pytest.raises(UserError, match=re.escape(f"{flag} is {written(value)}; it must {allowed.needs(value)}.")):
            with_value(name, pair(value))
    for value in (nan, inf, -inf):
        with pytest.raises(UserError, match=re.escape(f"{flag} is {value:g}; it must be a finite number.")):
            with_value(name, pair(value))
    if not allowed.open and name not in ("optimizer.lr", "data.range"):
        assert flatten(with_value(name, pair(allowed.low)))[name] == pair(allowed.low)


@pytest.mark.parametrize("lr_dis", [None, 0.0])
def test_a_rate_of_zero_for_both_players_is_refused(lr_dis):
    with pytest.raises(UserError, match="nothing would learn"):
        Config(optimizer=Optimizer(lr=0.0, lr_dis=lr_dis))
    assert Config(optimizer=Optimizer(lr=0.0, lr_dis=1e-3))  # G is frozen
    assert Config(optimizer=Optimizer(lr=1e-3, lr_dis=0.0))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Config(rules=Rules(gamma=-1.0)), "--rules.gamma is -1; it must be at least 0."),
        (lambda: Config(rules=Rules(dropout=1.0)), "--rules.dropout is 1; it must lie between 0 and 0.99."),
        (lambda: Config(rules=Rules(instance_noise_images=-5)), "--rules.instance-noise-images is -5; it must lie"),
        (lambda: Config(optimizer=Optimizer(lr_dis=-1e-4)), "--optimizer.lr-dis is -0.0001; it must be at least 0."),
        (lambda: Config(optimizer=Optimizer(eps=-1e-8)), "--optimizer.eps is -1e-08; it must be at least 0."),
        (lambda: Config(net=Net(width=0)), "--net.width is 0; it must lie between 1 and"),
        (lambda: Config(net=Net(width=-1)), "--net.width is -1; it must lie between 1 and 1,000,000."),
        (lambda: Config(epochs=10**9), "--epochs is 1,000,000,000; it must lie between 1 and 1,000,000."),
        (lambda: Config(seeds=10**9), "--seeds is 1,000,000,000; it must lie between 1 and 10,000."),
        (lambda: Config(batch=10**9), "--batch is 1,000,000,000; it must lie between 2 and 1,000,000."),
        (lambda: Config(prior=Prior(p=1.0)), "--prior.p is 1; it must lie between 0 and 1, without these two."),
        (lambda: Config(prior=Prior(std=1e300)), "--prior.std is 1e+300; it must be below 3e+38."),
        (lambda: Config(rules=Rules(gamma=1e39)), "--rules.gamma is 1e+39; it must be at most 3e+38."),
        (lambda: Config(prior=Prior(bound=1e-30)), "--prior.bound is 1e-30; it must be at least 0.001."),
        (lambda: Config(data=Data(resize=0)), "--data.resize is 0; it must lie between 1 and"),
    ],
)
def test_nonsense_is_refused(make, words):
    with pytest.raises(UserError) as error:
        make()
    assert words in str(error.value)


def test_paths_are_absolute_in_a_run_and_without_folders_where_others_see_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = Data("folder:a/pictures", test="b/held").anchored()
    assert (data.name, data.test) == (f"folder:{tmp_path}/a/pictures", f"{tmp_path}/b/held")
    assert data.anchored() == data
    assert (data.without_folders().name, data.without_folders().test) == ("folder:pictures", "held")
    assert Data("folder:a", test="0.2").anchored().test == Data("folder:a", test="0.2").without_folders().test == "0.2"


def test_a_named_set_is_the_same_however_others_are_divided():
    one, other = (Config(data=Data("digits", split=split)) for split in ("content", "position"))
    assert differences(one, other) == ""
    folders = (Config(data=Data("folder:a", split=split)) for split in ("content", "position"))
    assert differences(*folders) == "data.split: content -> position"


def test_numbers_of_numpy_and_pytorch_are_pythons_own():
    """`changed(epochs=np.int64(3))` was refused, and with it what a loop over an array gives."""
    given = {"epochs": np.int64(3), "optimizer.lr": np.float32(0.5), "prior.std": torch.tensor(2.0)}
    config = Config(seed=np.int64(7), prior=Prior(dim=np.int32(8))).changed(given)
    config = config.changed(optimizer={"milestones_images": np.array([10, 20])})
    assert json.loads(json.dumps(to_dict(config))) == to_dict(config) | {
        "optimizer": to_dict(config)["optimizer"] | {"milestones_images": [10, 20]},
        "keep": to_dict(config)["keep"] | {"callbacks": []},
    }
    values = flatten(config)
    told = [values[name] for name in ("seed", "epochs", "optimizer.lr", "prior.std", "prior.dim")]
    assert told == [7, 3, 0.5, 2.0, 8]
    assert [type(value) for value in told] == [int, int, float, float, int]
    with pytest.raises(UserError, match="epochs is 2.5; it must be a whole number"):
        config.changed(epochs=np.float64(2.5))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"epochs": "3"}, 'epochs is "3"; it must be a whole number.'),
        ({"epochs": 3.5}, "epochs is 3.5; it must be a whole number."),
        ({"epochs": True}, "epochs is true; it must be a whole number."),
        ({"seed": None}, "seed is null; it must be a whole number."),
        ({"optimizer": Optimizer(lr="fast")}, 'optimizer.lr is "fast"; it must be a number.'),
        ({"data": Data(name=3)}, "data.name is 3; it must be text."),
        (
            {"optimizer": {"lr": 1e-3}},
            "optimizer is {.*}; it must be of ayneh.config.Optimizer, and .* dictionary",
        ),
        ({"prior": "normal"}, 'prior is "normal"; it must be of ayneh.config.Prior'),
    ],
)
def test_fields_of_other_types_are_refused_where_the_config_is_made(fields, words):
    with pytest.raises(UserError, match=words):
        Config(**fields)
