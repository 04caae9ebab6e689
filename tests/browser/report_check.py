"""Opens the report of a run in Chromium and works with it as a reader does: points, clicks, goes from dot to dot by keyboard.

    pip install playwright
    inception-nas run --space tiny.toml --results DIR --name NAME
    python tests/browser/report_check.py DIR/NAME

Every number that a card shows is held against trials.jsonl. Takes the Chromium of the system.
"""

import json
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright


def si(count):
    """A count as the report writes it: three digits and a unit."""
    value, unit = float(count), ""
    for step in "KMGT":
        if value < 999.5:
            break
        value, unit = value / 1000, step
    if not unit:
        return str(count)
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f}{unit}"


def expected(trial):
    """What the card of a stored trial has to say."""
    outcome, fidelity = trial["outcome"], trial["fidelity"]
    # googlenet/1 stem=8,8,32 3a=8,16,24,8,8,8 ... classes=2 aux=false
    blocks = [part.split("=") for part in trial["architecture"].split()[1:]]
    return {
        "accuracy": f"{100 * outcome['accuracy']:.1f} ± {100 * outcome['accuracy_se']:.1f} %",
        "MACs": si(trial["cost"]["macs"]),
        "parameters": si(trial["cost"]["parameters"]),
        "input": f"{fidelity['resolution']} px",
        "trained on": f"{fidelity['images']} images x {fidelity['epochs']}",
        "widths": [[name, *widths.split(",")] for name, widths in blocks if name not in ("classes", "aux")],
    }


def check_card(card, trial):
    """Holds a card against its trial."""
    shown = card.evaluate(
        """card => ({
            heading: card.querySelector("h3").textContent,
            facts: Object.fromEntries([...card.querySelectorAll("dt")].map(it => [it.textContent, it.nextSibling.textContent])),
            widths: [...card.querySelectorAll("tr")].map(row => [...row.children].map(cell => cell.textContent)),
        })"""
    )
    assert shown["heading"] == f"trial {trial['index']}", shown["heading"]
    origin = shown["facts"].pop("origin")
    assert origin, "no origin"
    assert shown["facts"] | {"widths": shown["widths"]} == expected(trial), (shown, expected(trial))


def check_page(page, trials):
    """Points, clicks and types."""
    front, card, pins = page.locator("#front svg"), page.locator("#card"), page.locator("#pins > .card")
    assert page.locator("svg").count() == 3, "the front, the best network and the hypervolume"
    dots = page.locator("#front circle[data-trial]")
    scored = {index for index, trial in trials.items() if trial["outcome"]["status"] == "done"}
    number = lambda dot: int(dot.get_attribute("data-trial"))
    assert {number(dots.nth(i)) for i in range(dots.count())} == scored
    front.scroll_into_view_if_needed()

    def centre(dot):
        box = dot.bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    # Dots at the same place cannot be told apart by pointing: the card must be that of one of them.
    places = {number(dots.nth(i)): centre(dots.nth(i)) for i in range(dots.count())}
    for place in places.values():
        page.mouse.move(*place)
        assert card.is_visible()
        shown = int(card.locator("h3").inner_text().removeprefix("trial "))
        assert max(abs(a - b) for a, b in zip(places[shown], place)) < 1, (shown, place)
        check_card(card, trials[shown])
    page.mouse.click(*place)
    page.mouse.move(1, 1)
    assert card.is_hidden(), "a card stays without the pointer"
    assert pins.count() == 1, "a click keeps the card"
    check_card(pins.first, trials[shown])
    page.keyboard.press("Escape")
    assert pins.count() == 0, "Escape puts it away"

    # One stop for the tab key, and arrows in the order of MACs through all dots.
    page.evaluate("document.activeElement.blur(); document.querySelector('#front .figure').focus()")
    page.keyboard.press("Tab")
    visited = []
    for _ in scored:
        dot = page.locator("#front circle:focus")
        visited.append(number(dot))
        assert card.is_visible() and dot.get_attribute("aria-label").startswith(f"trial {visited[-1]}: ")
        check_card(card, trials[visited[-1]])
        page.keyboard.press("ArrowRight")
    macs = [trials[index]["cost"]["macs"] for index in visited]
    # Places have a tenth of a unit, so networks of nearly the same cost are in any order.
    assert set(visited) == scored and all(b > 0.998 * a for a, b in zip(macs, macs[1:])), visited
    page.keyboard.press("Enter")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    assert pins.count() == 2, "Enter keeps several"
    assert page.locator("#front circle:focus").get_attribute("aria-pressed") == "true"
    for at, index in enumerate([visited[-1], visited[0]]):
        check_card(pins.nth(at), trials[index])
    pins.first.get_by_role("button").click()
    assert pins.count() == 1, "the button of a card puts it away"


def check_tap(page, trials):
    """A finger keeps a card, in a page that is no wider than the screen."""
    page.locator("#front circle[data-trial]").first.scroll_into_view_if_needed()
    box = page.locator("#front circle[data-trial]").first.bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    pins = page.locator("#pins > .card")
    assert pins.count() == 1
    check_card(pins.first, trials[int(pins.first.locator("h3").inner_text().removeprefix("trial "))])
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"


def main(run):
    lines = (run / "trials.jsonl").read_text().splitlines()
    trials = {trial["index"]: trial for trial in map(json.loads, lines)}
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        complaints = []
        for check, kind in [
            (check_page, {"viewport": {"width": 1400, "height": 1000}}),
            (check_tap, {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}),
        ]:
            page = browser.new_context(**kind).new_page()
            page.on("console", lambda it: complaints.append(it.text) if it.type in ("error", "warning") else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("request", lambda it: complaints.append(f"asks for {it.url}") if not it.url.startswith("file:") else None)
            page.goto((run / "report.html").resolve().as_uri())
            check(page, trials)
            assert not complaints, complaints
        # Without scripts the page has the same tables and pictures, and nothing that does not work.
        page = browser.new_context(java_script_enabled=False).new_page()
        page.goto((run / "report.html").resolve().as_uri())
        assert page.locator("#front circle[data-trial] title").count() > 0 and page.locator("#card").count() == 0
        browser.close()
    print(f"{run}: {len(trials)} trials, their cards agree with trials.jsonl")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
