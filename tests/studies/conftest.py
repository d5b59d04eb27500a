"""A study small enough to be played in a second or two."""

from pathlib import Path

import pytest

from ayneh.studies.design import Study
from ayneh.studies.plan import from_dict

TINY = {
    "name": "tiny",
    "question": "Does the learning rate matter?",
    "base": "digits",
    "seeds": 2,
    "images": 200,
    "outcomes": ["fd", "modes", "loss_d"],
    "set": {
        "epochs": 3,
        "batch": 32,
        "data": {"resize": 8, "limit": 128},
        "net": {"width": 4},
        "prior": {"dim": 8},
        "rules": {"ema_halflife_images": 0.0},
    },
    "factors": {"optimizer": {"lr": [1e-3, 1e-4]}},
}


@pytest.fixture
def tiny_values() -> dict:
    """What the file of a tiny study holds."""
    return TINY


@pytest.fixture(scope="session")
def tiny() -> Study:
    """Two arms, two seeds, three epochs of four steps."""
    return from_dict(TINY, "tiny")


@pytest.fixture
def tiny_file(tmp_path: Path) -> Path:
    """The same as a file."""
    path = tmp_path / "tiny.toml"
    path.write_text(
        'question = "Does the learning rate matter?"\nbase = "digits"\nseeds = 2\nimages = 200\n'
        'outcomes = ["fd", "modes", "loss_d"]\n[set]\nepochs = 3\nbatch = 32\ndata.resize = 8\ndata.limit = 128\n'
        "net.width = 4\nprior.dim = 8\nrules.ema_halflife_images = 0.0\n[factors]\noptimizer.lr = [1e-3, 1e-4]\n"
    )
    return path
