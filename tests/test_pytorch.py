"""PyTorch's settings for the whole process or thread: a run's numbers do not follow from them, and they stay."""

import hashlib
import threading
from contextlib import contextmanager

import numpy as np
import pytest
import torch

import ayneh
from ayneh import lab
from ayneh.pytorch import as_imported


@contextmanager
def changed(on, off):
    on()
    try:
        yield
    finally:
        off()


OTHERS = {
    "float64": lambda: changed(
        lambda: torch.set_default_dtype(torch.float64), lambda: torch.set_default_dtype(torch.float32)
    ),
    "no gradients": torch.no_grad,
    "inference": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "device": lambda: changed(lambda: torch.set_default_device("meta"), lambda: torch.set_default_device(None)),
    "with device": lambda: torch.device("meta"),
}


@contextmanager
def both_devices():
    with OTHERS["device"](), torch.device("meta"):
        yield


OTHERS["with device over device"] = both_devices
DEVICES = [name for name in OTHERS if "device" in name]


def now():
    """All of these settings."""
    return (
        *(torch.get_default_dtype(), torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        *(torch.is_autocast_enabled("cpu"), torch.get_default_device().type),
    )


def digest(folder):
    """The weights and all else of a run's last checkpoint."""
    return hashlib.sha256(sorted((folder / "checkpoints").glob("epoch*"))[-1].read_bytes()).hexdigest()


def numbers(folder):
    """What a run gives from its first step to its export."""
    config = ayneh.preset("digits").changed({"epochs": 1, "data.limit": 128, "net.width": 4, "data.resize": 16})
    run = ayneh.train(config, out=folder, quiet=True, threads=1)
    first = digest(folder)
    run.resume(epochs=2, quiet=True)
    moment = next(ayneh.play(config, every=1))
    gen, _ = run.at().nets()
    return {
        "weights": (first, digest(folder)),
        "images": run.sample(4, seed=1).tobytes(),
        "score": run.evaluate(n=100)["fd"].value,
        "play": (moment.losses["loss_d"].tolist(), moment.samples(2).tobytes()),
        "nets": (next(gen.parameters()).dtype, run.prior.sample(1).dtype),
        "export": (run.export(overwrite=True) / "generator.onnx").read_bytes()[-1000:],
        "lab": lab.check_losses(
            lambda dis, real, fake: (
                torch.nn.functional.softplus(-dis(real)).mean()
                + torch.nn.functional.softplus(dis(fake.detach())).mean()
            ),
            lambda dis, fake: torch.nn.functional.softplus(-dis(fake)).mean(),
        ).right,
    }


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    return numbers(tmp_path_factory.mktemp("usual") / "run")


@pytest.mark.parametrize("other", OTHERS)
def test_a_run_has_the_same_bits_whatever_the_program_has_set(tmp_path, usual, other):
    with OTHERS[other]():
        before = now()
        assert before != (torch.float32, True, False, False, "cpu")
        assert numbers(tmp_path / "run") == usual
        assert now() == before


def test_between_two_moments_the_loop_has_its_own_settings():
    with torch.no_grad(), OTHERS["float64"]():
        before = now()
        for moment in ayneh.play("digits", every=1):
            assert now() == before
            if moment.step == 2:
                break
        assert now() == before


def test_of_several_threads_the_last_puts_the_type_of_numbers_back():
    entered, leave = threading.Event(), threading.Event()
    found = []

    def other():
        with as_imported():
            entered.set()
            leave.wait(20)
            found.append(torch.get_default_dtype())

    with OTHERS["float64"]():
        thread = threading.Thread(target=other)
        with as_imported():
            thread.start()
            entered.wait(20)
        leave.set()
        thread.join()
        assert found == [torch.float32]  # though the other thread was through before
        assert torch.get_default_dtype() == torch.float64


def test_a_type_of_numbers_that_the_program_sets_while_another_thread_trains_is_kept():
    entered, leave = threading.Event(), threading.Event()

    def other():
        with as_imported():
            entered.set()
            leave.wait(20)

    thread = threading.Thread(target=other)
    thread.start()
    entered.wait(20)
    with OTHERS["float64"]():
        with as_imported():
            assert torch.get_default_dtype() == torch.float32
        leave.set()
        thread.join()
        assert torch.get_default_dtype() == torch.float64


def test_within_a_callback_a_score_is_the_same_and_the_callback_keeps_its_settings(tmp_path, usual):
    found = []

    class Scored:
        def on_epoch(self, line, run):
            if line["epoch"] < 1:  # no checkpoint yet
                return
            torch.set_default_dtype(torch.float64)
            torch.set_default_device("meta")
            found.append((run.sample(4, seed=1), now()))

    config = ayneh.preset("digits").changed({"epochs": 2, "data.limit": 128, "net.width": 4, "data.resize": 16})
    ayneh.train(config, out=tmp_path / "run", quiet=True, threads=1, callbacks=[Scored()])
    assert digest(tmp_path / "run") == usual["weights"][1]
    images, settings = found[-1]
    assert images.tobytes() == usual["images"]
    assert settings == (torch.float64, True, False, False, "meta")
    assert now() == (torch.float32, True, False, False, "cpu")


@pytest.mark.parametrize("other", DEVICES)
def test_a_device_that_a_callback_sets_leaves_the_program_s_own(tmp_path, usual, other):
    found = []

    def sets(line):
        torch.set_default_device("meta")
        found.append(torch.get_default_device().type)

    config = ayneh.preset("digits").changed({"epochs": 1, "data.limit": 128, "net.width": 4, "data.resize": 16})
    with OTHERS[other]():
        before = now()
        run = ayneh.train(config, out=tmp_path / "run", quiet=True, threads=1, callbacks=[sets])
        assert now() == before
    assert now() == (torch.float32, True, False, False, "cpu")
    assert set(found) == {"meta"}
    assert digest(run.folder) == usual["weights"][0]


@pytest.mark.parametrize("other", DEVICES)
def test_a_device_that_a_file_with_parts_sets_leaves_the_program_s_own(tmp_path, usual, other):
    (tmp_path / "mine.py").write_text("import torch\ntorch.set_default_device('meta')\n")
    config = ayneh.preset("digits").changed({"epochs": 1, "data.limit": 128, "net.width": 4, "data.resize": 16})
    with OTHERS[other]():
        before = now()
        run = ayneh.train(config, parts=tmp_path / "mine.py", out=tmp_path / "run", quiet=True, threads=1)
        assert now() == before
    assert now() == (torch.float32, True, False, False, "cpu")
    assert run.metrics["loss_d"].size


def test_a_file_with_parts_changes_no_settings(tmp_path):
    parts = tmp_path / "mine.py"
    parts.write_text(
        "import torch\ntorch.set_default_dtype(torch.float64)\ntorch.set_grad_enabled(False)\n"
        "torch.set_default_device('meta')\n"
    )
    config = ayneh.preset("digits").changed({"epochs": 1, "data.limit": 128, "net.width": 4})
    run = ayneh.train(config, parts=parts, out=tmp_path / "run", quiet=True, threads=1)
    assert np.isfinite(run.metrics["loss_d"]).all()
    assert now() == (torch.float32, True, False, False, "cpu")
