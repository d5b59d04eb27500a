"""What a study file says, and what it may not say."""

import json
from pathlib import Path

import pytest

from ayneh.errors import UserError
from ayneh.studies.names import slug
from ayneh.studies.plan import BUILT_IN, from_dict, planned, read

ARMS = {"name": "s", "arms": {"a": {}, "b": {"optimizer": {"lr": 1e-4}}}}


def test_a_grid_has_every_combination_and_named_arms_keep_what_they_fix():
    nets = [{"name": "mlp", "width": 8}, {"name": "mirror"}]
    study = from_dict(ARMS | {"factors": {"rules": {"dropout": [0.0, 0.3]}, "net": nets}}, "s")
    assert list(study.cells()) == [
        f"{arm}, dropout {p}, {net}" for arm in "ab" for p in ("0", "0.3") for net in ("mlp", "mirror")
    ]
    cell = study.cells()["b, dropout 0.3, mlp"]
    assert cell == {"rules.dropout": 0.3, "net.name": "mlp", "net.width": 8, "optimizer.lr": 1e-4}
    arms, factors = {"a": {}, "b": {"rules": {"dropout": 0.5}}}, {"rules": {"dropout": [0.0, 0.3]}}
    fixed = from_dict({"name": "s", "arms": arms, "factors": factors}, "s")
    assert list(fixed.cells()) == ["a, dropout 0", "a, dropout 0.3", "b"]


def test_runs_of_the_same_seed_are_pairs_and_an_arm_may_have_seeds_of_its_own():
    study = from_dict({**ARMS, "arms": {"a": {"seeds": 3}, "b": {}}, "seeds": 2, "first_seed": 7}, "s")
    assert [(run.arm, run.seed) for run in study.runs()] == [("a", 7), ("a", 8), ("a", 9), ("b", 7), ("b", 8)]


def test_groups_split_where_structure_differs_and_nowhere_else():
    numbers = {
        "lr": {"optimizer": {"lr": 1e-4}}, "gamma": {"rules": {"gamma": 2.0}}, "prior": {"prior": {"name": "uniform"}},
        "drop": {"rules": {"dropout": 0.0}},
    }  # fmt: skip
    structure = {"net": {"net": {"name": "mlp"}}, "loss": {"rules": {"loss": "hinge"}}, "batch": {"batch": 16}}
    study = from_dict({"name": "s", "arms": {"base": {}} | numbers | structure, "seeds": 2}, "s")
    groups = [sorted({run.arm for run in group}) for group in study.groups()]
    assert groups == [sorted(["base", *numbers]), ["net"], ["loss"], ["batch"]]


def test_every_arm_is_looked_at_when_it_ends():
    arms = {"short": {"epochs": 7}, "long": {"epochs": 40}}
    study = from_dict({"name": "s", "base": "fast", "arms": arms, "seeds": 2}, "s")
    assert {6, 39} <= set(study.look_epochs())
    assert max(study.look_epochs()) == 39


def test_comparisons_are_asked_at_every_level_that_both_sides_share():
    study = from_dict(
        {
            "name": "s",
            "factors": {"net": [{"name": "mlp"}, {"name": "mirror"}]},
            "arms": {"a": {}, "b": {"batch": 32}, "c": {"net": {"name": "mlp"}, "batch": 16}},
            "asks": [{"arm": "b", "reference": "a", "question": "?"}, {"arm": "c", "reference": "a"}],
        },
        "s",
    )
    pairs = [(ask.arm, ask.reference) for ask in study.comparisons()]
    assert pairs == [("b, mlp", "a, mlp"), ("b, mirror", "a, mirror"), ("c", "a, mlp")]
    alone = from_dict(ARMS, "s")
    assert [(ask.arm, ask.reference) for ask in alone.comparisons()] == [("b", "a")]


def test_an_arm_whose_name_begins_with_that_of_another_is_compared_alone():
    arms = {"a": {}, "a, b": {"batch": 32}, "c": {"batch": 16}}
    asks = [{"arm": "a", "reference": "c"}, {"arm": "a, b", "reference": "a"}]
    study = from_dict({"name": "s", "arms": arms, "asks": asks}, "s")
    assert [(ask.arm, ask.reference) for ask in study.comparisons()] == [("a", "c"), ("a, b", "a")]
    grid = from_dict({"name": "s", "arms": arms, "asks": asks, "factors": {"rules": {"dropout": [0.0, 0.3]}}}, "s")
    pairs = [(ask.arm, ask.reference) for ask in grid.comparisons()]
    assert pairs == [
        *((f"a, dropout {p}", f"c, dropout {p}") for p in ("0", "0.3")),
        *((f"a, b, dropout {p}", f"a, dropout {p}") for p in ("0", "0.3")),
    ]


@pytest.mark.parametrize("path", sorted(BUILT_IN.glob("*.toml")), ids=lambda p: p.stem)
def test_a_built_in_study_is_sound_and_survives_its_own_folder(path):
    study = read(path.stem)
    assert study.question.endswith("?")
    assert from_dict(json.loads(json.dumps(study.to_dict())), "again") == study
    assert len({run.place for run in study.runs()}) == len(list(study.runs()))


def test_looks_include_the_first_and_the_last_epoch():
    study = from_dict(ARMS | {"set": {"epochs": 57}}, "s")
    looks = study.look_epochs()
    assert (looks[0], looks[-1]) == (0, 56)
    assert 10 <= len(looks) <= 13
    assert from_dict(ARMS | {"set": {"epochs": 9}, "looks": [2, 4]}, "s").look_epochs() == [2, 4, 8]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"arms": {"a": {}, "b": {"optimiser": {"lr": 1}}}}, "'optimiser.lr'. Did you mean 'optimizer.lr'"),
        ({"arms": {"a": {}, "b": {"optimizer": {"lr": "high"}}}}, 'optimizer.lr is "high"; it must be a number'),
        ({"arms": {"a": {}, "b": {"epochs": 1.5}}}, "epochs is 1.5; it must be a whole number"),
        ({"arms": {"a": {}, "b": {"rules": {"dropout": 2.0}}}}, "--rules.dropout is 2; it must lie between"),
        ({"arms": {"a": {}, "b": {"seeds": 0}}}, "s: b: seeds is 0"),
        ({"arms": {"a": {}, "b": {"seed": 3}}}, "is set by the study"),
        ({"arms": {"a": {}}}, "s has 1 arm; a comparison needs two"),
        ({"factors": {"batch": [32]}}, "the factor batch has one level"),
        ({"arms": {"a": {}, "a ": {}}}, "s: the arms 'a' and 'a ' look the same: rename one"),
        ({"arms": {"\u00e9": {}, "e\u0301": {}}}, "look the same"),
        ({"arms": {"a": {}, "b\x1b[31m": {}}}, "with the control character U+001B"),
        ({"arms": {"a": {}, " ": {}}}, "the name of an arm is empty"),
        ({"arms": {"a": {}, "b" * 300: {}}}, "has 300 letters"),
        ({"name": ""}, "The study's name is empty"),
        ({"swaps": {"a\nb": {}}}, "the name of a swap is 'a\\nb'"),
        ({"base": "digit"}, "There is no preset called 'digit'. Did you mean 'digits'"),
        ({"outcome": ["fd"]}, "There is no field of a study called 'outcome'. Did you mean 'outcomes'"),
        ({"looks": [100]}, "looks has 100; the epochs run from 0 to 99"),
        ({"margin": 10}, "margin is 10"),
        ({"asks": [{"arm": "c", "reference": "a"}]}, "There is no arm called 'c'. Choose one of: a, b."),
        ({"asks": [{"arms": "b"}]}, "s: asks[0]: There is no field of a comparison called 'arms'. Did you mean 'arm'"),
        ({"asks": [{"arm": "b"}]}, "asks[0].reference is missing"),
        ({"asks": 3}, "s: asks is 3; it must be a list"),
        ({"asks": ["b"]}, 's: asks[0] is "b"; it must be an object'),
        ({"seeds": "five"}, 's: seeds is "five"; it must be a whole number'),
        ({"seeds": "8"}, 's: seeds is "8"; it must be a whole number'),
        ({"seeds": True}, "s: seeds is true; it must be a whole number"),
        ({"seeds": 2.5}, "s: seeds is 2.5; it must be a whole number"),
        ({"outcomes": 3}, "s: outcomes is 3; it must be a list"),
        ({"outcomes": "fd"}, 's: outcomes is "fd"; it must be a list'),
        ({"outcomes": []}, "outcomes is []; it must name at least one"),
        ({"outcomes": ["fd", "fd"]}, "each once"),
        ({"margin": "0.1"}, 's: margin is "0.1"; it must be a number'),
        ({"looks": [0, "1"]}, 's: looks[1] is "1"; it must be a whole number'),
        ({"base": ["digits"]}, 's: base is ["digits"]; it must be text'),
        ({"question": 3}, "s: question is 3; it must be text"),
        ({"images": 10**9}, "images is 1000000000; it must be at most 100,000"),
        ({"budget_minutes": -1}, "budget_minutes is -1; it must be more than 0"),
        ({"budget_minutes": float("inf")}, "budget_minutes is inf; it must be"),
        ({"looks": [0, 3000]}, "looks has 3000; the epochs run from 0 to"),
        ({"arms": 3}, "s: arms should be a table"),
        ({"arms": {"a": {}, "b": 3}}, "s: arms.b should be a table, not 3"),
        ({"arms": {"a": {}, "b": {"prior": {"name": {"deep": {"er": 1}}}}}}, "'prior.name.deep.er'"),
        ({"arms": {"a": {}, "b": {"seeds": "8"}}}, "s: b: seeds is '8'; it must be a whole number"),
        ({"set": ["a"]}, "s: set should be a table"),
        ({"factors": {"batch": [32, "64"]}}, 'batch is "64"; it must be a whole number'),
        ({"factors": {"batch": [32, {}]}}, "has a level that changes nothing"),
        ({"seeds": 10**8}, "seeds is 100000000; it must be at most 4,000"),
        ({"arms": {"a": {"seeds": 10**8}, "b": {}}}, "has 100,000,005 runs (2 arms with their seeds); at most 4,000"),
        ({"seeds": 4000}, "has 8,000 runs"),
        ({"factors": {name: list(range(1, 400)) for name in ("batch", "epochs", "keep.sample_epochs")}},
         "has 127,042,398 arms, the product of its factors' levels counted; at most 500"),
        ({"swaps": {"x": {"batch": 3}}}, "swaps.x changes batch; a swap may change the prior alone"),
        ({"swaps": {"x": {"prior": {"nam": "uniform"}}}}, "'prior.nam'. Did you mean 'prior.name'"),
        ({"swaps": {"x": 3}}, "s: swaps.x should be a table"),
    ],
)  # fmt: skip
def test_bad_studies_are_refused_in_words(values, words):
    with pytest.raises(UserError) as error:
        from_dict(ARMS | values, "s")
    assert words in str(error.value)


def test_levels_are_called_by_what_distinguishes_them():
    """Two levels that looked alike became one arm without a word."""
    rates = from_dict({"name": "s", "factors": {"optimizer": {"lr": [0.001, 0.0010000001, 0.01]}}}, "s")
    assert list(rates.cells()) == ["lr 0.001", "lr 0.0010000001", "lr 0.01"]
    assert len({run.place for run in rates.runs()}) == 15
    priors = [
        {"name": "uniform", "low": 0.0, "high": 1.0},
        {"name": "uniform", "low": -1.0, "high": 1.0},
        {"name": "normal"},
    ]
    study = from_dict({"name": "s", "factors": {"prior": priors}}, "s")
    assert list(study.cells()) == ["uniform, low 0.0", "uniform, low -1.0", "normal"]
    assert [run.config.prior.low for run in study.runs()][::5] == [0.0, -1.0, None]
    some = [{"name": "mlp"}, {"name": "mlp", "width": 8}]
    assert list(from_dict({"name": "s", "factors": {"net": some}}, "s").cells()) == ["mlp, width none", "mlp, width 8"]


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ({"optimizer": {"lr": [0.1, 0.2, 0.1]}}, "the factor optimizer.lr has the same level twice (0.1 and 0.1)"),
        ({"batch": [32, 32]}, "the same level twice (32 and 32)"),
        ({"optimizer": {"lr": [1, 1.0]}}, "the same level twice (1 and 1.0)"),
        ({"net": [{"name": "mlp"}, {"name": "mlp"}]}, 'the same level twice ({"name": "mlp"} and {"name": "mlp"})'),
    ],
)
def test_equal_levels_are_refused_with_both_named(factors, words):
    with pytest.raises(UserError) as error:
        from_dict({"name": "s", "factors": factors}, "s")
    assert words in str(error.value)


def test_an_arm_may_not_be_called_as_a_level_of_another():
    arms = {"a": {}, "a, lr 0.1": {"optimizer": {"lr": 0.5}}}
    with pytest.raises(UserError, match="two arms are called 'a, lr 0.1'"):
        from_dict({"name": "s", "arms": arms, "factors": {"optimizer": {"lr": [0.1, 0.2]}}}, "s")


@pytest.mark.parametrize(
    "text",
    ["outcomes = 3", 'seeds = "8"', "seeds = 100000000", "a = " + "[" * 2000 + "]" * 2000, "arms = [1, 2]", "\x00",
     "[arms.a]\n[arms.b]\nepochs = inf", "[arms.a]\n[arms.b]\nepochs = 2020-01-01", "seeds = 1" + "0" * 5000,
     "seed = 8", "[set]\nprior = 3", "[[factors]]\nx = 1", "name = 3", 'outcomes = ["fd"'],
)  # fmt: skip
def test_a_wrong_file_is_one_sentence_that_names_it(tmp_path, text):
    file = tmp_path / "wrong.toml"
    file.write_text(text)
    with pytest.raises(UserError) as error:
        read(str(file))
    assert str(error.value).startswith(str(file))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ("data.resize = 8", "data.resize = 16", "data.resize is 8 and 16|data.resize is 16 and 8"),
        ("", 'data.name = "mnist"', 'data.name is "mnist" and "digits"'),
        ('data.name = "folder:a"\ndata.limit = 9', 'data.name = "folder:a"\ndata.limit = 5', "data.limit is 5 and 9"),
    ],
)
def test_scores_against_different_images_are_not_compared(tmp_path, a, b, words):
    """Distances at 8 and at 16 pixels were given one verdict."""
    file = tmp_path / "one.toml"
    text = f'question = "q"\nbase = "digits"\nseeds = 2\n{{}}\n[arms.a]\n{a}\n[arms.b]\n{b}\n'
    for outcome in ("fd", "fd_best", "modes"):
        file.write_text(text.format(f'outcomes = ["loss_d", "{outcome}"]'))
        with pytest.raises(UserError, match=words) as refused:
            read(str(file))
        assert f"their {outcome} cannot be compared" in str(refused.value)
    file.write_text(text.format('outcomes = ["loss_d"]'))
    assert len(read(str(file)).comparisons()) == 1


def test_arms_at_the_same_images_can_be_asked_about(tmp_path):
    """What the refusal advises."""
    file = tmp_path / "one.toml"
    text = (
        'question = "q"\nbase = "digits"\nseeds = 2\noutcomes = ["fd"]\n[arms.x]\n[arms.y]\noptimizer.lr = 5e-4\n'
        "[factors]\ndata.resize = [8, 16]\n"
    )
    file.write_text(text)
    with pytest.raises(UserError, match="have different images"):
        read(str(file))
    file.write_text(text + '[[asks]]\narm = "y"\nreference = "x"\n')
    assert len(read(str(file)).comparisons()) == 2


@pytest.mark.parametrize(("a", "b"), [("data.limit = 500", "data.limit = 100"), ("", "data.pad_to = 16")])
def test_training_on_fewer_or_on_padded_images_can_be_compared(tmp_path, a, b):
    file = tmp_path / "one.toml"
    file.write_text(
        'question = "q"\nbase = "digits"\nseeds = 2\noutcomes = ["fd"]\n[set]\ndata.resize = 8\n'
        f"[arms.a]\n{a}\n[arms.b]\n{b}\n"
    )
    assert len(read(str(file)).comparisons()) == 1


def test_files_that_are_not_studies(tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text("seeds = = 3")
    missing = str(tmp_path / "no.toml")
    for where, words in (
        (str(bad), "not readable TOML"),
        (missing, "built-in studies are"),
        ("priors", "Did you mean 'prior'"),
    ):
        with pytest.raises(UserError, match=words):
            read(where)


def test_slugs_are_plain():
    assert slug("U(0, 1), net <b>/../x") == "u-0-1-net-b-..-x"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"arms": {"a": {}, "b": {}}}, "s: the arms 'a' and 'b' have the same settings"),
        ({"arms": {"a": {"seeds": 3}, "b": {"optimizer.lr": 0.5}, "c": {}}}, "the arms 'a' and 'c' have the same"),
        ({"base": "digits-normal", "arms": {"a": {}, "b": {"prior.name": "normal"}}}, "'a' and 'b' have the same"),
        ({"arms": {"a": {"rules.penalty": "wgan-gp"}, "b": {"rules.penalty": "wgan-gp", "rules.gamma": 10.0}}},
         "'a' and 'b' have the same"),
        ({"factors": {"batch": [32, 64]}, "arms": {"a": {"batch": 32}, "b": {}}},
         "'a' and 'b, batch 32' have the same"),
        ({"asks": [{"arm": "a", "reference": "a"}]}, "s: asks has 'a' against 'a', which is the same arm"),
        ({"asks": [{"arm": "b", "reference": "a"}] * 2}, "s: asks has 'b' against 'a' twice: leave one out"),
        ({"asks": [{"arm": "b", "reference": "a"}, {"arm": "a", "reference": "b"}]},
         "s: asks has 'b' against 'a' and 'a' against 'b', which is the same comparison"),
        ({"factors": {"batch": [32, 64]},
          "asks": [{"arm": "b", "reference": "a"}, {"arm": "b, batch 64", "reference": "a, batch 64"}]},
         "s: asks has 'b, batch 64' against 'a, batch 64' twice"),
    ],
)  # fmt: skip
def test_equal_arms_and_a_comparison_that_is_asked_twice_are_refused_where_a_study_is_to_be_played(changes, words):
    """They were counted in Holm's family, and a folder that has them is reported on still."""
    with pytest.raises(UserError) as error:
        planned(ARMS | changes, "s")
    assert words in str(error.value)
    assert from_dict(ARMS | changes, "s").comparisons()


PUBLISHED = sorted((Path(__file__).parents[2] / "docs/findings/studies").glob("*.toml"))


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_a_published_study_is_still_read(path):
    assert list(read(str(path)).runs())
