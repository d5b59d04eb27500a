"""What a notebook keeps of a training and of a study, in its kernel and in `!` commands; scripts without a guard."""

import io
import subprocess
import sys
import threading
import time

import pytest

from ayneh.terminal import notebook as saved_in
from ayneh.terminal.progress import Interrupt, Terminal

MOST_BYTES = 4_000  # of a cell's outputs, in a notebook's file
BEGIN = "from ayneh.__main__ import main\n"


@pytest.mark.slow
def test_a_training_of_many_epochs_leaves_little_in_the_notebook(notebook, saved, tiny):
    flags = [*tiny, "--keep.sample-epochs", "60", "--keep.checkpoint-epochs", "60", "--epochs", "60"]
    command = " ".join(["train", "digits", *flags, "--out"])
    book = notebook(f"!python -m ayneh {command} cell", f"{BEGIN}main('{command} kernel'.split())")
    for cell, shown in zip(book.cells, ("epoch: 59 ", "epoch 59 "), strict=True):
        text = saved(cell)
        assert shown in text  # the last epoch
        assert "60 epochs in" in text
        assert "\\u001b" not in text
        assert len(text.encode()) < MOST_BYTES
    assert saved(book.cells[0]).count("last batch loss D") <= 13  # not 60
    progress = [output for output in book.cells[1].outputs if output.output_type == "display_data"]
    assert len(progress) == 1  # rewritten, and kept once
    assert "240/240" in progress[0].data["text/plain"]


@pytest.mark.slow
def test_a_study_leaves_little_in_the_notebook(notebook, saved, tmp_path, tiny_study):
    (tmp_path / "tiny.toml").write_text(tiny_study)
    command = "study run tiny.toml --workers 2 --out"
    book = notebook(f"!python -m ayneh {command} cell", f"{BEGIN}main('{command} kernel'.split())")
    for cell in book.cells:
        assert "4 of 4 runs done" in saved(cell)
        assert "report.html" in saved(cell)
        assert len(saved(cell).encode()) < MOST_BYTES
    (progress,) = (output for output in book.cells[1].outputs if output.output_type == "display_data")
    assert progress.data == {"text/plain": "4 of 4 runs done"}


@pytest.mark.slow
def test_a_script_without_a_guard_starts_workers_that_do_not_run_it_again(tmp_path, tiny_study):
    (tmp_path / "tiny.toml").write_text(tiny_study)
    script = tmp_path / "script.py"
    script.write_text(
        'print("once")\nfrom ayneh.__main__ import main\n'
        'main(["study", "run", "tiny.toml", "--workers", "2", "--out", "out"])\nprint(__file__, __spec__)\n'
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert done.stdout.count("once") == 1
    assert done.stdout.endswith(f"{script} None\n")  # put back
    assert len(list((tmp_path / "out").glob("runs/*/*/outcome.json"))) == 4


@pytest.fixture
def tiny_study() -> str:
    """Two arms over two seeds, a second each."""
    return (
        'seeds = 2\nimages = 200\noutcomes = ["fd"]\n[set]\nepochs = 3\nbatch = 32\ndata.resize = 8\n'
        "data.limit = 128\nnet.width = 4\nprior.dim = 8\nrules.ema_halflife_images = 0.0\n"
        "[factors]\noptimizer.lr = [1e-3, 1e-4]\n"
    )


@pytest.mark.parametrize(("epochs", "lines"), [(1, 1), (2, 1), (10, 1), (11, 1), (100, 1), (100, 4), (7, 50)])
def test_a_cell_shows_the_first_the_last_and_few_epochs_between(epochs, lines):
    shown = [epoch for epoch in range(epochs) if saved_in.is_due(epoch, epochs, lines)]
    assert shown[0] == 0
    assert shown[-1] == epochs - 1
    assert len(shown) <= 12
    if epochs * lines <= saved_in.LINES:
        assert shown == list(range(epochs))


@pytest.mark.parametrize(
    ("env", "inside"),
    [
        ({}, False),
        ({"JPY_PARENT_PID": "12"}, True),
        ({"MPLBACKEND": "module://matplotlib_inline.backend_inline", "CLICOLOR_FORCE": "1"}, True),
        ({"MPLBACKEND": "module://matplotlib_inline.backend_inline"}, False),
        ({"MPLBACKEND": "Agg", "CLICOLOR_FORCE": "1"}, False),
    ],
)
def test_a_process_that_a_kernel_started_is_told_by_its_environment(monkeypatch, env, inside):
    for name in ("JPY_PARENT_PID", "MPLBACKEND", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert saved_in.in_cell() is inside


def test_a_pseudo_terminal_of_a_cell_gets_no_bar_that_is_redrawn(monkeypatch):
    class Screen(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm-color")
    for parent in ("", "12"):
        monkeypatch.setenv("JPY_PARENT_PID", parent)
        monkeypatch.setattr(sys, "stderr", screen := Screen())
        with Terminal().bar(100, 0) as move:
            for step in range(100):
                move(step + 1)
            time.sleep(0.2)
        assert bool(screen.getvalue()) is not bool(parent)


def test_work_outside_of_the_main_thread_leaves_the_signals_alone():
    found = []

    def work():
        with Interrupt() as interrupt:
            found.append(interrupt.caught())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]
