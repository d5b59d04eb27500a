"""Tiny runs from Python."""

import pytest

import ayneh

TINY = {
    "epochs": 2,
    "batch": 32,
    "net.width": 4,
    "prior.dim": 8,
    "data.resize": 8,
    "data.limit": 128,
    "rules.ema_halflife_images": 0,
    "keep.score_epochs": 0,
    "keep.sample_epochs": 1,
    "keep.checkpoint_epochs": 1,
}


@pytest.fixture(scope="session")
def config():
    """Settings of two epochs of four small steps, as `tiny` on the command line."""
    return ayneh.preset("digits").changed(TINY)
