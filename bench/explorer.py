"""How long the report's generator takes in the browser: onnxruntime-web, one thread of WebAssembly, in Chromium.

    python bench/explorer.py [--runs 200] [--rounds 5] [--chromium /usr/bin/chromium]

Makes a run of the mirror nets at 32x32 (172,449 numbers; the weights do not matter for the time), opens the explorer's
page and runs the benchmark in it, round by round. Prints a Markdown table of medians and quartiles over all calls of
all rounds, with the machine and its load. A call takes latents in JavaScript and returns images as numbers in
JavaScript; painting is not included.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from ayneh.__main__ import in_sentences

SIZES = (1, 16, 25, 64)
GOALS_MS = {16: 16.0, 64: 50.0}
TRAIN = "train mirror --data.name digits --data.pad-to 32 --epochs 1 --quiet --out"
QUIET = ["--no-sandbox", "--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200, help="calls of each size in a round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds over all sizes")
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("chromium-browser"))
    args = parser.parse_args()
    if args.chromium is None:
        sys.exit("There is no chromium here: apt-get install chromium, or name one by --chromium PATH.")
    ayneh = [sys.executable, "-m", "ayneh"]
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        subprocess.run([*ayneh, *TRAIN.split(), str(run)], check=True, stdout=subprocess.DEVNULL)
        command = [*ayneh, "explore", str(run), "--no-open", "--port", "0"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            url = server.stdout.readline().strip() if server.stdout else ""
            measure(url, args.chromium, args.runs, args.rounds)
        finally:
            server.terminate()
            server.wait()


def measure(url: str, chromium: str, runs: int, rounds: int) -> None:
    """One page, one table."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        version, page = browser.version, browser.new_page()
        page.goto(f"{url}#plane")
        page.wait_for_selector('#view-plane[data-state="ready"]', timeout=120_000)
        begin = os.getloadavg()[0]
        ask = "([sizes, runs]) => explorer.benchmark(sizes, runs)"
        found = [page.evaluate(ask, [list(SIZES), runs]) for _ in range(rounds)]
        browser.close()
    print(f"{platform.machine()}, {os.cpu_count()} cores, {platform.platform()}, Chromium {version}")
    print(f"{rounds} rounds of {runs} calls; load of the machine {begin:.2f} before, {os.getloadavg()[0]:.2f} after\n")
    print("| images in a call | median ms (quartiles) | least ms | medians of the rounds | goal ms |")
    print("|---|---|---|---|---|")
    for n in SIZES:
        times = sorted(time for told in found for time in told[str(n)])
        lower, median, upper = statistics.quantiles(times, n=4)
        of_rounds = [statistics.median(told[str(n)]) for told in found]
        apart = f"{min(of_rounds):.1f} to {max(of_rounds):.1f}"
        goal = f"{GOALS_MS[n]:.0f}" if n in GOALS_MS else ""
        print(f"| {n} | {median:.1f} ({lower:.1f} to {upper:.1f}) | {times[0]:.1f} | {apart} | {goal} |")


if __name__ == "__main__":
    in_sentences(main)
