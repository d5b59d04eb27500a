"""The attack: each attacker runs as a process of its own, and what it counted is asserted here."""

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROWS = pytest.StashKey[list]()
KINDS = ("lost", "differs", "silent", "leak", "refused", "words", "traceback", "died", "memory", "slow")


@pytest.fixture
def attack(request, tmp_path):
    """``attack("crash")``: run this attacker; nothing that it tried may fail."""

    def run(name: str) -> None:
        size, seed = request.config.getoption("--attack-size"), request.config.getoption("--attack-seed")
        command = ["tests/attack", name, "--size", size, "--seed", str(seed)]
        counted, began = tmp_path / "counted.json", time.monotonic()
        source = f"{HERE.parents[1] / 'src'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        done = subprocess.run(
            [sys.executable, str(HERE), *command[1:], "--json", str(counted)],
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": source}, capture_output=True, text=True,
        )  # fmt: skip
        assert counted.exists(), done.stderr[-3000:]
        rows = json.loads(counted.read_text(encoding="utf-8"))
        found = {"name": name, "command": " ".join(["python", *command]), "rows": rows}
        request.config.stash.setdefault(ROWS, []).append(found | {"seconds": time.monotonic() - began, "seed": seed})
        assert not any(row["failures"] for row in rows), "\n" + done.stdout
        assert all(row["n"] for row in rows if "real disk" not in row["what"]), rows

    return run


def pytest_sessionfinish(session):
    """Write the table of what was tried, if it is asked for."""
    place, found = session.config.getoption("--attack-table"), session.config.stash.get(ROWS, [])
    if place and found:
        Path(place).write_text(table(found, session.config.getoption("--attack-size")), encoding="utf-8")


def table(found: list[dict], size: str) -> str:
    """bench/ATTACK.md: n and failures of each attacker, and with which command they were counted."""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    tried = sum(row["n"] for one in found for row in one["rows"])
    failed = sum(sum(row["failures"].values()) for one in found for row in one["rows"])
    lines = [
        "# The attack",
        "",
        f"{tried:,} attempts, {failed:,} failures. {time.strftime('%Y-%m-%d')}, {machine}, size {size}, seed "
        f"{found[0]['seed']}, {sum(one['seconds'] for one in found) / 60:.0f} minutes. `make attack` writes this page; "
        "docs/architecture.md describes what the attackers do and what counts as a failure.",
    ]
    for one in found:
        lines += ["", f"## {one['name']}", "", f"`{one['command']}`, {one['seconds']:,.0f} s", ""]
        lines += ["| what | n | failures | seconds |", "| --- | ---: | --- | ---: |"]
        for row in one["rows"]:
            kinds = ", ".join(f"{row['failures'][kind]} {kind}" for kind in KINDS if row["failures"].get(kind)) or "0"
            lines.append(f"| {row['what']} | {row['n']:,} | {kinds} | {row['seconds']:,.0f} |")
        examples = [example for row in one["rows"] for example in row["examples"][:3]]
        lines += ["", *(f"- {' '.join(example.split())[:300]}" for example in examples)] if examples else []
    return "\n".join(lines) + "\n"
