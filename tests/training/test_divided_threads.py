"""Threads that are asked for, and replicas that a timing would divide among processes of one thread each."""

import pytest
import torch

import ayneh as package
from ayneh.engine.threads import asked_for, gone_on, kept, repeated_by
from ayneh.errors import UserError
from ayneh.record.record import Record

SMALL = package.preset("digits").changed(
    {"data.limit": 64, "data.resize": 8, "net.width": 4, "prior.dim": 8, "epochs": 1, "keep.score_epochs": 0}
)


@pytest.mark.parametrize(("batch", "workers"), [(20, 0), (32, 2)])
def test_no_timing_divides_replicas_whose_stack_has_other_bits_than_its_parts(tmp_path, monkeypatch, batch, workers):
    """Timings that differ chose 0 and 2 processes for the same command, `--threads 1`, with other last bits."""
    asked = []
    monkeypatch.setattr("ayneh.engine.stacks.choose_workers", lambda match, steps: asked.append(workers) or 0)
    config = SMALL.changed({"seeds": 2, "batch": batch})
    package.train(config, out=tmp_path / "run", threads=1, quiet=True)
    assert asked == [workers] * (batch == 32)


@pytest.fixture
def divided(tmp_path):
    """``divided(batch)``: a run of two replicas whose record has worker processes, after its first epoch."""

    def make(batch):
        run = package.train(SMALL.changed({"seeds": 2, "batch": batch}), out=tmp_path / "run", threads=1, quiet=True)
        record = Record(run.folder)
        record.set_engine(record.engine() | {"workers": 2, "threads": 2})
        return run.folder

    return make


@pytest.mark.parametrize("batch", [20, 32])
def test_a_run_of_processes_goes_on_in_one_with_the_threads_that_are_asked_for(ayneh, divided, batch):
    """They had one thread each whatever the record says, and were not asked."""
    run = divided(batch)
    status, output, error = ayneh("resume", run, "--epochs", 2, "--threads", 2)
    assert status == 0
    engine, played = Record(run).engine(), 64 // batch
    assert (engine["workers"], engine["threads"], engine["changes"]) == (0, 1, [(played, 2)])
    assert "one process with 2 threads from here on, as --threads asks for, in place of 2 with one thread each" in error
    assert f"--threads 1,2@{played}" in output if batch == 32 else "no --threads has the same bits again" in output
    torch.set_num_threads(1)


def test_processes_have_the_one_thread_that_is_asked_for_and_stay(tmp_path):
    engine = {"device": "cpu", "threads": 2, "workers": 2, "up_to": 0, "changes": [], "apart": 0}
    assert gone_on(engine, kept(1), 4) == (kept(2), engine, "")
    assert gone_on(engine, None, 4) == (kept(2), engine, "")
    assert repeated_by(engine | {"changes": [(4, 1)]}, 32, 9) == ""  # of an earlier version, which wrote it in vain
    with pytest.raises(UserError, match="--threads is '2,1@9'; a run that is gone on with takes one number"):
        gone_on(engine, asked_for("2,1@9"), 4)


def test_a_run_says_that_its_threads_changed_where_a_step_had_another_number():
    engine = {"threads": 1, "workers": 0, "changes": [(3, 1), (9, 2)], "apart": 0}
    assert repeated_by(engine, 32, 9) == ""  # of nine steps
    assert repeated_by(engine, 32, 10) == "its threads changed; the same bits again: --threads 1,1@3,2@9"
