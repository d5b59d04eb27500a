"""init_from in Python: a path, a run or an ayneh.InitFrom, with the same result as the command line."""

import pytest
import torch

import ayneh


@pytest.mark.slow
def test_a_run_a_path_and_an_init_from_begin_with_the_same_weights(tiny_run, tmp_path):
    run = ayneh.open(tiny_run)
    theirs = run.at(2).state
    for k, init in enumerate((tiny_run, run, ayneh.InitFrom(tiny_run, epoch=2))):
        begun = ayneh.train(run.config.changed(epochs=1, seed=9), out=tmp_path / str(k), init_from=init, quiet=True)
        first = begun._record.checkpoints.initial().tensors
        taken = [name for name in first if name.partition("/")[0] in ("gen", "dis", "ema")]
        assert taken
        assert all(torch.equal(first[name], theirs[name]) for name in taken)
