"""A run that is interrupted in Python is saved and goes on; a script without a guard trains on several processes."""

import os
import signal
import subprocess
import sys

import pytest

import ayneh

SCRIPT = """
import sys
import ayneh

config = ayneh.preset("digits").changed({
    "epochs": 2000, "batch": 32, "net.width": 4, "prior.dim": 8, "data.resize": 8, "data.limit": 128,
    "rules.ema_halflife_images": 0, "keep.score_epochs": 0, "keep.sample_epochs": 2000, "keep.checkpoint_epochs": 2000,
})
run = ayneh.train(config, out=sys.argv[1])
print(run.finished, run.state, run.step, run.sample(2).shape)
"""


def started(folder, script, *args):
    (folder / "script.py").write_text(script)
    return subprocess.Popen(
        [sys.executable, folder / "script.py", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGINT"), reason="needs signals")
def test_an_interrupt_ends_the_training_with_the_run_saved_and_usable(tmp_path, wait_until):
    child = started(tmp_path, SCRIPT, str(tmp_path / "run"))
    metrics = tmp_path / "run" / "metrics.jsonl"
    wait_until(lambda: metrics.exists() and metrics.read_text().count("\n") > 2, child)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert "Traceback" not in err
    said = err.strip().splitlines()[-1]
    assert said.startswith("Stopped at step ")
    assert said.endswith(", and saved: run.resume() goes on.")
    step = int(said.split()[3])
    assert out == f"False interrupted {step} (2, 1, 8, 8)\n"
    run = ayneh.open(tmp_path / "run")
    assert (run.step, run.at().step) == (step, step)


def test_an_interrupt_before_anything_is_saved_brings_the_former_run_back_and_says_so(config, tmp_path, monkeypatch):
    from ayneh.terminal.progress import Interrupt

    run = ayneh.train(config, out=tmp_path / "run", quiet=True)
    before = run.sample(2)
    monkeypatch.setattr(Interrupt, "caught", lambda self: True)
    with pytest.raises(ayneh.Stopped, match="Stopped at step 0"):
        ayneh.train(config.changed(seed=5), out=tmp_path / "run", overwrite=True, quiet=True)
    assert (ayneh.open(tmp_path / "run").sample(2) == before).all()


def test_an_interrupted_run_is_resumed_to_the_bits_of_one_that_was_not(config, tmp_path, monkeypatch, capsys):
    from safetensors.torch import load_file

    from ayneh.terminal.progress import Interrupt

    config = config.changed({"keep.tick_steps": 1})  # else an epoch is one piece
    whole = ayneh.train(config, out=tmp_path / "whole", quiet=True)
    looks = iter([False] * 2 + [True] * 100)
    with monkeypatch.context() as patch:
        patch.setattr(Interrupt, "caught", lambda self: next(looks))
        run = ayneh.train(config, out=tmp_path / "run", quiet=True)
    assert not run.finished
    assert "Stopped at step" in capsys.readouterr().err
    assert run.resume(quiet=True).finished
    ends = [load_file(one.folder / "checkpoints" / "epoch-0001.safetensors") for one in (run, whole)]
    assert all(ends[0][name].equal(ends[1][name]) for name in ends[0])
