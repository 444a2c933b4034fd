"""What the page of the sandbox costs a browser: its weight, the time until it can be used, and 10,000 calls.

Headless Chromium, driven as the tests drive it. ``python -m benchmarks.page`` prints a line for each figure, with the
goal beside it. A page is interactive when its list or its first steps are shown, its event stream is open, and a task
that was queued then has run.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from sinch_voice_async.sandbox import Sandbox
from sinch_voice_async.sandbox.exchange.documents import read_callout
from sinch_voice_async.sandbox.requests import Fields
from tests.sandbox.page.chromium import Chromium, chromium_program

CALLS = 10_000
FILES = Path(__file__).parents[1] / "sinch_voice_async" / "sandbox" / "page"
SEES = """{
  const look = () => {
    const shows = document.querySelector('.rows .row, .welcome h1, .empty b');
    if (!shows || shows.textContent.startsWith('Loading')) return;
    observer.disconnect();
    setTimeout(() => { window.interactive = performance.now(); });
  };
  const observer = new MutationObserver(look);
  observer.observe(document, { childList: true, subtree: true, characterData: true });
}"""
SCROLLS = """new Promise((resolve) => {
  const list = document.querySelector('.rows'), frames = [];
  let before = performance.now();
  const begun = before;
  const frame = (now) => {
    frames.push(now - before);
    before = now;
    list.scrollTop = (list.scrollTop + 240) % (list.scrollHeight - list.clientHeight);
    if (now - begun < 4000) requestAnimationFrame(frame);
    else resolve(frames.slice(1));
  };
  requestAnimationFrame(frame);
})"""
WATCHES = """{
  window.tasks = [];
  new PerformanceObserver((list) => tasks.push(...list.getEntries().map((each) => each.duration)))
    .observe({ type: 'longtask' });
  window.shown = new Map();
  new MutationObserver(() => {
    const row = document.querySelector('.rows .row')?.hash;
    if (row && !shown.has(row)) shown.set(row, Date.now());
  }).observe(document.querySelector('.rows'), { childList: true, subtree: true });
}"""


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--times", type=int, default=10, help="how often the page is opened")
    options = parser.parse_args(arguments)
    program = chromium_program()
    if program is None:
        sys.exit("no Chromium on this machine")
    weight = sum(file.stat().st_size for file in FILES.iterdir()) / 1_000
    print(f"weight of all files               {weight:6.0f} kB    (goal: under 200)")
    with tempfile.TemporaryDirectory() as profile, Chromium(program, Path(profile)) as browser:
        browser.before_load(SEES)
        with Sandbox().serve() as sandbox:
            _open_often(browser, sandbox, options.times, "empty")
        sandbox = Sandbox(speed=0)
        sandbox.people.default = sandbox.people.default.__class__(answers_after=None)
        for number in range(CALLS):
            _place(sandbox, number)
        with sandbox.serve():
            _open_often(browser, sandbox, options.times, f"{CALLS:,} calls")
            _scroll(browser)
            _update(browser, sandbox)


def _open_often(browser: Chromium, sandbox: Sandbox, times: int, name: str) -> None:
    taken = []
    for _ in range(times):
        browser.open("about:blank")
        browser.open(f"{sandbox.url}/_sandbox/")
        browser.wait_for("window.interactive")
        taken.append(browser.evaluate("window.interactive"))
    told = f"median {statistics.median(taken):4.0f} ms, worst {max(taken):4.0f} ms"
    print(f"interactive, {name:20} {told}    (goal: 300; {times} times)")


def _scroll(browser: Chromium) -> None:
    browser.wait_for("document.querySelectorAll('.rows .row').length > 5")
    frames = browser.evaluate(SCROLLS)
    rate = 1_000 * len(frames) / sum(frames)
    told = f"{rate:4.0f} frames/s, median {statistics.median(frames):3.0f} ms, worst {max(frames):3.0f} ms"
    print(f"scroll, {CALLS:,} calls              {told}    (goal: 50 frames/s)")
    browser.evaluate("document.querySelector('.rows').scrollTop = 0")


def _update(browser: Chromium, sandbox: Sandbox) -> None:
    """Place calls while the list is shown; a turn of the page that takes over 50 ms is a long task."""
    browser.evaluate(WATCHES)
    placed = {}
    for number in range(CALLS, CALLS + 20):
        placed[f"#call={_place(sandbox, number)}"] = time.time() * 1_000
        time.sleep(0.2)
    browser.wait_for(f"shown.size >= {len(placed)}")
    shown = dict(browser.evaluate("[...shown]"))
    taken = [shown[name] - at for name, at in placed.items() if name in shown]
    tasks = browser.evaluate("tasks")
    told = f"median {statistics.median(taken):3.0f} ms, worst {max(taken):3.0f} ms from the call to its row"
    print(f"update, {CALLS:,} calls              {told}")
    print(f"tasks of over 50 ms meanwhile     {len(tasks):4}, worst {max(tasks, default=0):3.0f} ms    (goal: 0)")


def _place(sandbox: Sandbox, number: int) -> str:
    destination = {"type": "number", "endpoint": f"+4670{number:07}"}
    body = {"method": "ttsCallout", "ttsCallout": {"destination": destination, "text": "x"}}
    return sandbox.exchange.place(read_callout(Fields(body), max_text_length=10), {}).call_id


if __name__ == "__main__":
    main()
