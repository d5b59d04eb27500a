"""init_from in Python: a path, a run or an ayneh.InitFrom, with the same result as the command line."""

import torch

import ayneh


def test_a_run_a_path_and_an_init_from_begin_with_the_same_weights(tiny_run, tmp_path):
    config = ayneh.open(tiny_run).config.changed({"epochs": 1, "seed": 9})
    firsts = []
    for k, init in enumerate((tiny_run, ayneh.open(tiny_run), ayneh.InitFrom(tiny_run, epoch=2))):
        run = ayneh.train(config, out=tmp_path / str(k), init_from=init, quiet=True)
        firsts.append(run.at(0).state)
    assert all(torch.equal(first[name], firsts[0][name]) for first in firsts for name in firsts[0])
