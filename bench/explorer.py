"""How long the report's generator takes in the browser: onnxruntime-web, one thread of WebAssembly, in Chromium.

python bench/explorer.py [--runs 200] [--chromium /usr/bin/chromium]

Makes a run of the mirror nets at 32x32 (172,449 parameters; the weights do not matter for the time), opens the
explorer's page and asks its own benchmark. Prints the median and the least of so many runs, and the machine's load.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

SIZES = (1, 16, 25, 64)
GOALS_MS = {16: 16.0, 64: 50.0}
TRAIN = "train mirror --data.name digits --data.pad-to 32 --epochs 1 --quiet --out"
QUIET = ["--no-sandbox", "--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    args = parser.parse_args()
    ayneh = [sys.executable, "-m", "ayneh"]
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        subprocess.run([*ayneh, *TRAIN.split(), str(run)], check=True, stdout=subprocess.DEVNULL)
        command = [*ayneh, "explore", str(run), "--no-open", "--port", "0"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            url = server.stdout.readline().strip() if server.stdout else ""
            measure(url, args.chromium, args.runs)
        finally:
            server.terminate()
            server.wait()


def measure(url: str, chromium: str, runs: int) -> None:
    """One page, one table."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        page = browser.new_page()
        page.goto(f"{url}#plane")
        page.wait_for_selector('#view-plane[data-ready="map"]', timeout=120_000)
        found = page.evaluate("([sizes, runs]) => explorer.benchmark(sizes, runs)", [list(SIZES), runs])
        browser.close()
    print(f"{runs} runs each, load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print("images   median ms   least ms   goal ms")
    for n in SIZES:
        times = found[str(n)]
        print(f"{n:6}   {times['median']:9.1f}   {times['least']:8.1f}   {GOALS_MS.get(n, '')}")


if __name__ == "__main__":
    main()
