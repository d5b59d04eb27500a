"""Errors of the system, of memory and of the code itself: one sentence for each, in every verb; signals that save."""

import errno
import os
import signal
import subprocess
import sys

import pytest

import ayneh.jobs.show as show_job
from ayneh.errors import SYSTEM, Stopped, UserError, of_system
from ayneh.record.record import Record


def one_line(err: str) -> str:
    (line,) = [line for line in err.splitlines() if line]
    assert line.startswith("ayneh: ")
    assert "Traceback" not in line
    return line


@pytest.mark.parametrize("verb", ["show", "sample", "diagnose", "resume", "export", "mirror", "evaluate"])
def test_an_error_of_the_system_is_a_sentence_in_every_verb(ayneh, own_run, verb, monkeypatch):
    def denied(*_args, **_kwargs):
        raise PermissionError(errno.EACCES, "Permission denied", "/some/where")

    monkeypatch.setattr(Record, "open", denied)
    monkeypatch.setattr(Record, "exists", lambda self: denied())
    args = ["sample", own_run, "--out", own_run / "x.png"] if verb == "sample" else [verb, own_run]
    status, _, err = ayneh(*args)
    assert status == 2
    assert "/some/where may not be read or written" in one_line(err)


@pytest.mark.parametrize("number", sorted({number for numbers in SYSTEM for number in numbers}))
def test_every_known_error_of_the_system_names_the_file_and_the_way_out(number):
    error = of_system(OSError(number, os.strerror(number), "/a/b"))
    assert "/a/b" in str(error)
    assert "[Errno" not in str(error)
    full = number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
    assert isinstance(error, Stopped if full or number == errno.ENOTEMPTY else UserError)


def test_other_errors_of_the_system_are_sentences_too():
    assert str(of_system(OSError(errno.EIO, "Input/output error", b"/a/b"))).count("/a/b (Input/output error)") == 1
    assert str(of_system(OSError("the proxy refused"))) == "the proxy refused: try again."
    assert len(str(of_system(OSError(errno.ENAMETOOLONG, "File name too long", "/a" * 5000)))) < 300


def test_a_file_where_a_folder_should_be(ayneh, tmp_path, tiny):
    (tmp_path / "file").write_text("")
    status, _, err = ayneh("train", "digits", *tiny, "--epochs", 1, "--quiet", "--out", tmp_path / "file" / "run")
    assert status == 2
    assert "is a file where a folder should be" in one_line(err)


def test_a_working_directory_that_was_deleted_is_a_sentence_before_torch_is_imported(ayneh, tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    monkeypatch.setattr("ayneh.__main__.run", lambda *_: pytest.fail("a verb was begun"))
    status, _, err = ayneh("train", "digits")
    assert (status, err.count("\n")) == (2, 1)
    assert "The working directory was deleted or moved: change to one that is there" in err
    assert ayneh("--version")[0] == 0


def test_a_name_that_is_too_long(ayneh, tmp_path, tiny):
    status, _, err = ayneh("train", "digits", *tiny, "--epochs", 1, "--quiet", "--out", tmp_path / ("n" * 300))
    assert status == 2
    assert "too long for this file system" in one_line(err)


def failing(monkeypatch, error):
    def fail(*_args, **_kwargs):
        raise error

    monkeypatch.setattr(show_job, "presets", fail)


@pytest.mark.parametrize(
    "error", [MemoryError("2 GiB"), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you ...")]
)
def test_memory_that_runs_out_is_a_sentence(ayneh, monkeypatch, error):
    failing(monkeypatch, error)
    status, _, err = ayneh("presets")
    assert status == 1
    assert "Memory ran out" in one_line(err)


def test_a_file_nested_too_deeply_is_a_sentence(ayneh, monkeypatch):
    failing(monkeypatch, RecursionError("maximum recursion depth exceeded"))
    status, _, err = ayneh("presets")
    assert status == 2
    assert "nested too deeply" in one_line(err)


def test_an_error_of_the_code_itself_is_a_sentence_and_a_report(ayneh, monkeypatch, tmp_path):
    monkeypatch.setenv("AYNEH_CACHE", str(tmp_path / "cache"))
    failing(monkeypatch, KeyError("no such thing"))
    status, _, err = ayneh("presets")
    assert status == 1
    (report,) = (tmp_path / "cache" / "reports").iterdir()
    assert str(report) in one_line(err)
    assert "KeyError: 'no such thing'" in one_line(err)
    assert "Traceback" in report.read_text()
    assert "ayneh presets" in report.read_text()


def test_the_report_goes_elsewhere_where_the_cache_cannot_be_written(ayneh, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AYNEH_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "other"))
    failing(monkeypatch, KeyError("no such thing"))
    assert ayneh("presets")[0] == 1
    assert len(list((tmp_path / "other").iterdir())) == 1
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "file"))
    status, _, err = ayneh("presets")
    assert status == 1
    assert "AYNEH_DEBUG=1" in one_line(err)


def test_debug_shows_the_traceback(ayneh, monkeypatch):
    monkeypatch.setenv("AYNEH_DEBUG", "1")
    failing(monkeypatch, KeyError("no such thing"))
    assert "Traceback" in ayneh("presets")[2]


def test_a_breakdown_in_the_first_step_names_no_step_before_it_and_no_checkpoint(ayneh, tmp_path, tiny):
    hot = ["--optimizer.lr", 1e30, "--prior.std", 1e38]
    status, _, err = ayneh("train", "digits", *tiny, "--epochs", 1, *hot, "--quiet", "--out", tmp_path / "run")
    assert status == 1
    assert "step -1" not in err
    assert "No checkpoint was written." in one_line(err)


def test_a_breakdown_names_its_last_good_checkpoint(ayneh, own_run, monkeypatch):
    from ayneh.engine.meter import Diverged
    from ayneh.training.play import Play

    def fall(*_args):
        raise Diverged(13, "loss_d", 0, float("nan"))

    monkeypatch.setattr(Play, "run", fall)
    status, _, err = ayneh("resume", own_run, "--epochs", 5, "--quiet")
    assert status == 1
    assert "between step 12 and step 13. The last good checkpoint, after step 12, stays." in one_line(err)


# -- signals, in processes of their own ----------------------------------------------------------------------------


ENDLESS = ["--epochs", 1_000_000, "--keep.sample-epochs", 1000]


def steps(folder) -> int:
    lines = Record(folder).lines() if (folder / "metrics.jsonl").exists() else []
    return lines[-1]["step"] if lines else 0


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2], ids=["one process", "worker processes"])
def test_a_closed_terminal_saves(started, tmp_path, tiny, wait_until, workers):
    """The whole process group gets SIGHUP, twice, and stderr and stdout lead nowhere any more."""
    run, pty = tmp_path / "run", os.openpty()
    child = started(pty[1], workers, "train", "digits", *tiny, *ENDLESS, "--seeds", max(1, workers), "--out", run)
    os.close(pty[1])
    wait_until(lambda: steps(run) > 0, child)
    os.close(pty[0])  # now writing to the terminal is an error
    for _ in range(2):
        os.killpg(child.pid, signal.SIGHUP)
    child.wait(timeout=120)
    assert child.returncode == 1
    assert (run / "checkpoints" / "interrupted.safetensors").exists()
    checkpoint, damaged = Record.open(run).checkpoints.newest()
    assert checkpoint.step >= steps(run) > 0
    assert damaged == []


@pytest.mark.slow
def test_nohup_stays_in_force(started, tmp_path, tiny, wait_until):
    run = tmp_path / "run"
    with open(os.devnull, "w") as nowhere:
        args = ("train", "digits", *tiny, *ENDLESS, "--out", run)
        child = started(nowhere.fileno(), 0, *args, begin=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        wait_until(lambda: steps(run) > 0, child)
        child.send_signal(signal.SIGHUP)
        before = steps(run)
        wait_until(lambda: steps(run) > before + 20, child)
        child.send_signal(signal.SIGTERM)
        child.wait(timeout=120)
    assert (run / "checkpoints" / "interrupted.safetensors").exists()


@pytest.mark.slow
def test_a_killed_worker_is_a_sentence_with_what_was_saved(started, tmp_path, tiny, wait_until):
    run = tmp_path / "run"
    with (tmp_path / "err").open("w") as err:
        child = started(err.fileno(), 2, "train", "digits", *tiny, *ENDLESS, "--seeds", 2, "--quiet", "--out", run)
        wait_until(lambda: Record(run).checkpoints.epochs(), child)
        os.kill(workers_of(child.pid)[0], signal.SIGKILL)
        child.wait(timeout=120)
    assert child.returncode == 1
    line = one_line((tmp_path / "err").read_text())
    assert "A worker process was ended by SIGKILL after step" in line
    checkpoint, _ = Record.open(run).checkpoints.newest()
    assert f"`ayneh resume {run}` goes on from its checkpoint after step {checkpoint.step}, which is whole." in line


CHILD = """
import sys
from ayneh.engine import stacks

if __name__ == "__main__":
    workers = int(sys.argv.pop(1))
    stacks.choose_workers = lambda match, steps: workers
    from ayneh.__main__ import main

    main()
"""


@pytest.fixture
def started(tmp_path):
    """``started(stderr, workers, "train", ...)``: the command line in a session of its own; killed at the end."""
    script, children = tmp_path / "child.py", []
    script.write_text(CHILD)

    def start(stderr, workers, *args, begin=None):
        command = [sys.executable, str(script), str(workers), *map(str, args)]
        child = subprocess.Popen(command, stdout=stderr, stderr=stderr, start_new_session=True, preexec_fn=begin)
        children.append(child)
        return child

    yield start
    for child in children:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def workers_of(pid: int) -> list[int]:
    """The processes that `work` runs in: the children that were spawned, without multiprocessing's own."""
    found = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=True
    )
    return [int(line.split()[0]) for line in found.stdout.splitlines() if "spawn_main" in line]


def test_a_notebook_shows_the_sentence_of_an_error_and_with_debug_where_it_arose(monkeypatch):
    from ayneh.errors import Interrupted, Stopped, UserError

    for error in (UserError("No."), Stopped("No more."), Interrupted("Stopped", "go on.")):
        monkeypatch.delenv("AYNEH_DEBUG", raising=False)
        assert error._render_traceback_() == [f"{type(error).__name__}: {error}"]
        monkeypatch.setenv("AYNEH_DEBUG", "1")
        with pytest.raises(type(error)) as raised:
            raise error
        assert "test_failures.py" in "".join(raised.value._render_traceback_())
