"""Watches a run in Chromium through `report --serve`: a new trial shows by itself, and what is kept stays kept.

    pip install playwright
    inception-nas run --space tiny.toml --results DIR --name NAME
    python tests/browser/live_check.py PROGRAM DIR/NAME

PROGRAM is the program itself, such as target/release/inception-nas. The run is left alone: a copy of it is served. Takes the
Chromium of the system.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright


def main(program, run):
    results = Path(tempfile.mkdtemp())
    journal = shutil.copytree(run, results / run.name) / "trials.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:-1]))
    command = [program, "report", "--serve", "--run", run.name, "--results", results]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page()
            complaints = []
            page.on("pageerror", lambda error: complaints.append(str(error)))
            url = server.stdout.readline().strip()
            page.on("request", lambda it: None if it.url.startswith(url) else complaints.append(f"asks for {it.url}"))
            page.goto(url)
            page.get_by_text(f"{len(lines) - 1} trials, ").wait_for()
            page.get_by_text("This page follows the run.").wait_for()
            dot = page.locator("#front circle[data-trial]").first
            trial = dot.get_attribute("data-trial")
            dot.focus()
            page.keyboard.press("Enter")

            with journal.open("a") as file:
                file.write(lines[-1])
            page.get_by_text(f"{len(lines)} trials, ").wait_for()
            pins = page.locator("#pins > .card h3")
            pins.first.wait_for()
            assert pins.all_inner_texts() == [f"trial {trial}"], pins.all_inner_texts()
            server.kill()
            page.get_by_text("no longer follows the run").wait_for()
            assert pins.count() == 1 and not complaints, complaints
            browser.close()
    finally:
        server.kill()
        shutil.rmtree(results)
    print(f"{run}: a new trial shows by itself")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
