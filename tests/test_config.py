"""Bounds stand beside the fields, and a refusal names the flag, the value and the bound."""

import re
from dataclasses import replace
from math import inf, nan

import pytest

from ayneh.config import Config, Data, Net, Optimizer, Rules, differences, flatten, ranges
from ayneh.errors import UserError

UNBOUNDED = {  # of the fields that are numbers by default
    "net.gen_offset_gain"
}


def with_value(name, value):
    """The default config but for this field."""
    room, _, leaf = name.rpartition(".")
    return replace(Config(), **({room: replace(getattr(Config(), room), **{leaf: value})} if room else {leaf: value}))


def test_every_number_has_a_range():
    numbers = {name for name, value in flatten(Config()).items() if type(value) in (int, float)}
    assert numbers - set(ranges()) == UNBOUNDED
    optional = {"data.resize", "data.pad_to", "data.limit", "net.width", "net.features", "optimizer.lr_dis"}
    assert set(ranges()) - numbers == optional | {"rules.mirror_weight_gen"}


@pytest.mark.parametrize("name", ranges())
def test_a_number_out_of_range_is_refused_by_its_flag(name):
    allowed, flag = ranges()[name], f"--{name.replace('_', '-')}"
    for value in (allowed.low - 1, nan, *([allowed.high + 1] if allowed.high < inf else ())):
        with pytest.raises(UserError, match=re.escape(f"{flag} is {value:g}; it must {allowed}.")):
            with_value(name, value)
    assert flatten(with_value(name, allowed.low))[name] == allowed.low


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Config(rules=Rules(gamma=-1.0)), "--rules.gamma is -1; it must be at least 0."),
        (lambda: Config(rules=Rules(dropout=1.0)), "--rules.dropout is 1; it must lie between 0 and 0.99."),
        (lambda: Config(rules=Rules(instance_noise_images=-5)), "--rules.instance-noise-images is -5; it must be at"),
        (lambda: Config(optimizer=Optimizer(lr_dis=-1e-4)), "--optimizer.lr-dis is -0.0001; it must be at least 0."),
        (lambda: Config(optimizer=Optimizer(eps=-1e-8)), "--optimizer.eps is -1e-08; it must be at least 0."),
        (lambda: Config(net=Net(width=0)), "--net.width is 0; it must be at least 1."),
        (lambda: Config(data=Data(resize=0)), "--data.resize is 0; it must be at least 1."),
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
