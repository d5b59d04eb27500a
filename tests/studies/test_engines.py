"""Shares in real processes and on a real Ray cluster, with workers killed in the middle."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ayneh.errors import Stopped
from ayneh.studies import local
from ayneh.studies.ledger import Ledger
from ayneh.studies.local import run_in_processes
from ayneh.studies.plan import from_dict
from ayneh.studies.stack import play


def never() -> bool:
    return False


def finished(folder: Path, runs) -> list:
    """What the runs came to, but for the clock."""
    found = []
    for run in runs:
        lines = [json.loads(text) for text in (folder / run.place / "metrics.jsonl").read_text().splitlines()]
        outcome = json.loads((folder / run.place / "outcome.json").read_text())
        timed = ("wall_s", "images_per_s")
        found.append([{k: v for k, v in line.items() if k not in timed} for line in (*lines, outcome)])
    return found


def children(of: int) -> list[int]:
    """The pids of a process's descendants."""
    found, parents = [], {of}
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True).stdout
    table = [line.split() for line in listed.splitlines()]
    for _ in table:
        new = [int(pid) for pid, parent in table if int(parent) in parents and int(pid) not in found]
        if not new:
            break
        found += new
        parents |= set(new)
    return found


def long(tiny_values) -> dict:
    """Runs that take some seconds, so that there is a middle to be killed in."""
    return tiny_values | {"set": tiny_values["set"] | {"epochs": 30, "keep": {"tick_steps": 4}}}


@pytest.mark.slow
def test_processes_play_what_this_process_plays(tmp_path, tiny):
    shares = [[run] for run in tiny.runs()]
    for share in shares:
        play(share, tmp_path / "here", tiny)
    told = []
    run_in_processes(shares, tmp_path / "there", tiny, 2, never, lambda: told.append(1))
    runs = list(tiny.runs())
    assert finished(tmp_path / "here", runs) == finished(tmp_path / "there", runs)
    assert told


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_its_share_ends_as_if_nothing_had_happened(tmp_path, tiny_values, monkeypatch):
    monkeypatch.setattr(local, "REFRESH_S", 0.02)  # seconds between two calls of kill_one
    study = from_dict(long(tiny_values), "tiny")
    runs = list(study.runs())
    shares = [[run] for run in runs]
    killed = []

    def kill_one() -> None:
        busy = [run for run in runs if (tmp_path / "killed" / run.place / "metrics.jsonl").exists()]
        if busy and not killed:
            workers = [pid for pid in children(os.getpid()) if b"spawn_main" in title(pid)]
            os.kill(workers[0], signal.SIGKILL)
            killed.append(workers[0])

    run_in_processes(shares, tmp_path / "killed", study, 2, never, kill_one)
    assert killed
    for share in shares:
        play(share, tmp_path / "whole", study)
    assert finished(tmp_path / "killed", runs) == finished(tmp_path / "whole", runs)


@pytest.mark.slow
def test_workers_that_are_ended_with_their_study_leave_no_traceback(tmp_path, tiny_values, monkeypatch):
    """SIGTERM to the whole process group, as `timeout` and many schedulers send it."""
    monkeypatch.setattr(local, "REFRESH_S", 0.02)
    study, sent, raised = from_dict(long(tiny_values), "tiny"), [], []
    monkeypatch.setattr("threading.excepthook", raised.append)

    def end() -> None:
        if not sent and list(tmp_path.rglob("metrics.jsonl")):
            workers = [pid for pid in children(os.getpid()) if b"spawn_main" in title(pid)]
            sent.append([os.kill(pid, signal.SIGTERM) for pid in workers])

    run_in_processes([[run] for run in study.runs()], tmp_path, study, 1, lambda: bool(sent), end)
    assert sent
    assert not raised


@pytest.mark.slow
def test_workers_that_die_again_and_again_end_the_study_in_words(tmp_path, tiny, monkeypatch):
    monkeypatch.setattr(local, "DEATHS", 1)
    monkeypatch.setattr(local, "play_in_worker", _die)
    with pytest.raises(Stopped, match="2 worker processes died"):
        run_in_processes([[run] for run in tiny.runs()], tmp_path, tiny, 1, never, lambda: None)


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_killed_study_goes_on_without_repeating_what_is_finished(tmp_path, tiny_values, wait_until):
    study = from_dict(long(tiny_values) | {"seeds": 3}, "tiny")
    file = tmp_path / "tiny.toml"
    flat = "\n".join(f"{name} = {json.dumps(value)}" for name, value in study.set.items())
    head = 'base = "digits"\nseeds = 3\nimages = 200\noutcomes = ["fd", "modes", "loss_d"]\n'
    file.write_text(f"{head}[set]\n{flat}\n[factors]\noptimizer.lr = [1e-3, 1e-4]\n")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "ayneh", "study", "run", str(file), "--out", str(out), "--workers", "1", "--quiet"]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: len(list(out.glob("runs/*/*/outcome.json"))) >= 2, first)
    orphans = children(first.pid)
    first.kill()
    first.wait()
    done = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/*/outcome.json")}
    assert 2 <= len(done) < 6
    wait_until(lambda: not any(title(pid) for pid in orphans))  # no worker outlives its study
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert not Ledger.open(out).unfinished()
    assert all(path.stat().st_mtime_ns == when for path, when in done.items())


@pytest.mark.slow
def test_a_closed_terminal_leaves_a_study_that_goes_on(tmp_path, tiny_values, wait_until):
    """SIGHUP to the whole process group: the workers are stopped by the study, and none of its runs is damaged."""
    study = from_dict(long(tiny_values) | {"seeds": 1}, "tiny")
    file = tmp_path / "tiny.toml"
    flat = "\n".join(f"{name} = {json.dumps(value)}" for name, value in study.set.items())
    head = 'base = "digits"\nseeds = 1\nimages = 200\noutcomes = ["fd", "modes", "loss_d"]\n'
    file.write_text(f"{head}[set]\n{flat}\n[factors]\noptimizer.lr = [1e-3, 1e-4]\n")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "ayneh", "study", "run", str(file), "--out", str(out), "--workers", "1", "--quiet"]
    with (tmp_path / "err").open("w") as err:
        first = subprocess.Popen(command, stdout=err, stderr=err, start_new_session=True)
        wait_until(lambda: list(out.glob("runs/*/*/metrics.jsonl")), first)
        os.killpg(first.pid, signal.SIGHUP)
        first.wait(timeout=120)
    said = (tmp_path / "err").read_text()
    assert first.returncode == 1, said
    assert "the same command goes on" in said
    assert "Traceback" not in said
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert not Ledger.open(out).unfinished()


@pytest.mark.slow
def test_ray_gives_the_same_results_and_plays_again_what_a_killed_worker_lost(tmp_path, tiny_values, monkeypatch):
    pytest.importorskip("ray", reason="needs ayneh[ray]")
    far = tmp_path / "far"  # where the workers write while they play
    far.mkdir()
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")  # its sockets need a short path
    monkeypatch.setenv("TMPDIR", str(far))
    from ayneh.studies.on_ray import run_on_ray

    study = from_dict(long(tiny_values), "tiny")
    runs = list(study.runs())
    shares = [[run] for run in runs]
    for share in shares:
        play(share, tmp_path / "here", study)
    killed = []

    def kill_one() -> None:
        tasks = [pid for pid in children(os.getpid()) if b"ray::play_far" in title(pid)]
        if tasks and not killed and list(far.rglob("metrics.jsonl")):  # in the middle of a share
            os.kill(tasks[0], signal.SIGKILL)
            killed.append(tasks[0])

    run_on_ray(shares, tmp_path / "there", study, None, "cpu", never, kill_one)
    assert killed
    assert finished(tmp_path / "here", runs) == finished(tmp_path / "there", runs)


def title(pid: int) -> bytes:
    """A process's command line; empty where there is none of that number, or it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
