"""The numbers that may differ between the replicas of a stack: one table for the engine and for studies."""

import subprocess
import sys

import pytest
import torch

from ayneh.config import Config, Net, Optimizer, Prior, Rules, changed, flatten
from ayneh.engine.hyper import HYPER, SHARED, structure
from ayneh.engine.match import Match
from ayneh.game.augment import Augmentation
from ayneh.labels import Labels
from ayneh.parts.registry import add

CPU = torch.device("cpu")
BASE = Config(
    batch=8,
    prior=Prior(dim=8),
    net=Net("mlp", width=8),
    rules=Rules(penalty="r1", instance_noise=0.5, dis_steps=2),
    optimizer=Optimizer(lr=1e-2),
    precision="float64",
)
ANOTHER = {  # each shared field with another value than BASE has
    "seed": 5,
    "prior.name": "uniform",
    "prior.mean": 0.5,
    "prior.std": 2.0,
    "prior.low": -3.0,
    "prior.high": 3.0,
    "prior.bound": 1.0,
    "prior.radius": 1.0,
    "prior.scale": 3.0,
    "prior.df": 5.0,
    "prior.p": 0.2,
    "prior.components": 3,
    "rules.gamma": 3.0,
    "rules.dropout": 0.0,
    "rules.label_smoothing": 0.1,
    "rules.instance_noise": 0.1,
    "rules.instance_noise_images": 100,
    "rules.translation": 0.2,
    "rules.cutout": 0.4,
    "rules.augmentation_strength": 0.5,
    "rules.label_weight": 3.0,
    "rules.ema_halflife_images": 10.0,
    "optimizer.lr": 1e-3,
    "optimizer.lr_dis": 1e-3,
    "optimizer.beta1": 0.0,
    "optimizer.beta2": 0.9,
    "optimizer.decay_images": 100,
    "optimizer.schedule": "constant",
    "optimizer.warmup_images": 50,
    "optimizer.end_factor": 0.5,
    "optimizer.milestones_images": (10,),
    "optimizer.step_factor": 0.5,
    "rules.gamma_schedule": "cosine",
    "rules.gamma_images": 40,
    "rules.gamma_end": 8.0,
    "rules.gamma_warmup_images": 30,
    "rules.instance_noise_schedule": "cosine",
    "rules.instance_noise_end": 3.0,
    "rules.instance_noise_warmup_images": 30,
    "optimizer.momentum": 0.7,
    "optimizer.weight_decay": 0.2,
}
TAKES = {  # priors that have these numbers; the normal prior has the others
    "prior.low": "uniform",
    "prior.high": "uniform",
    "prior.bound": "truncated-normal",
    "prior.radius": "sphere",
    "prior.scale": "laplace",
    "prior.df": "student-t",
    "prior.p": "bernoulli",
    "prior.components": "mixture",
}
BRIGHTER = Augmentation(lambda x, u, strength: x + strength * u[..., None, None])
NEEDS = {  # what both replicas have, so that the field is read
    "optimizer.momentum": {"optimizer.name": "sgd"},
    "optimizer.weight_decay": {"optimizer.name": "adamw"},
    "optimizer.schedule": {"optimizer.decay_images": 40},
    "optimizer.end_factor": {"optimizer.decay_images": 20},
    "optimizer.milestones_images": {"optimizer.schedule": "steps", "optimizer.milestones_images": (1000,)},
    "optimizer.step_factor": {"optimizer.schedule": "steps", "optimizer.milestones_images": (10,)},
    "rules.augmentation_strength": {"rules.augmentation": "brighter"},
    "rules.label_weight": {"rules.labels": "auxiliary"},
    "rules.gamma_schedule": {"rules.gamma_images": 50},
    "rules.gamma_end": {"rules.gamma_images": 20},
    "rules.instance_noise_schedule": {"rules.instance_noise_images": 50},
    "rules.instance_noise_end": {"rules.instance_noise_images": 20},
}


@pytest.fixture(autouse=True)
def brighter():
    add("augmentation", "brighter", BRIGHTER)


def pair(leaf: str) -> list[Config]:
    """Two replicas that differ in this field."""
    one = changed(BASE, {"prior.name": TAKES.get(leaf, "normal"), **NEEDS.get(leaf, {})}, "")
    return [one, changed(one, {leaf: ANOTHER[leaf]}, "")]


def pixels():
    return torch.randint(0, 256, (64, 1, 8, 8), dtype=torch.uint8, generator=torch.manual_seed(5))


def played(replicas: list[Config]):
    """The state after two steps: in the second, some numbers have begun to fade."""
    match = Match(replicas, pixels(), CPU, labelled=(torch.arange(64) % 4, Labels(tuple("abcd"), (0.25,) * 4)))
    state = match.start()
    for i in range(2):
        state, _ = match.play(state, i)
    return state


def test_a_field_is_shared_or_structure_and_no_number_of_the_game_is_forgotten():
    leaves = set(flatten(BASE))
    assert leaves == SHARED | set(structure(BASE))
    assert not SHARED & set(structure(BASE))
    assert set(ANOTHER) == SHARED
    fading = {leaf for leaf in leaves if leaf.endswith("_images") and leaf.startswith(("rules", "optimizer"))}
    assert fading <= SHARED  # how long a number takes to fade, or an average to forget
    read = {leaf for number in HYPER.values() for leaf in number.fields}
    assert read - SHARED == {"rules.mirror_weight", "rules.mirror_weight_gen"}  # these decide what D is made of


@pytest.mark.parametrize("leaf", sorted(SHARED))
def test_replicas_that_differ_in_a_shared_field_play_as_they_play_alone(leaf):
    replicas = pair(leaf)
    stack = played(replicas)
    for r, config in enumerate(replicas):
        for name, value in played([config]).items():
            torch.testing.assert_close(stack[name][r], value[0], rtol=1e-10, atol=1e-10, msg=name)
    assert any((stack[name][0] - stack[name][1]).abs().max() > 1e-6 for name in ("gen", "dis", "ema"))


@pytest.mark.parametrize("leaf", sorted(SHARED - {"seed"}))
def test_numbers_follow_from_the_fields_that_they_name(leaf):
    one, other = (numbers(c) for c in pair(leaf))
    assert {name for name in HYPER if one[name] != other[name]} <= {
        name
        for name, number in HYPER.items()
        if leaf in number.fields or (number.schedule and leaf in number.schedule.fields)
    }


def numbers(config: Config) -> dict:
    """Every number of the game at the start, half way and later."""
    courses = {name: number.course(config) or (lambda seen: (1.0, 0.0)) for name, number in HYPER.items()}
    return {name: (n.value(config), [courses[name](seen) for seen in (0, 15, 100)]) for name, n in HYPER.items()}


def test_a_study_is_planned_without_torch():
    code = "import sys; from ayneh.studies.plan import read; read('prior').groups(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
