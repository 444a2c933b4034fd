"""``python -m benchmarks [--quick]``: prepare the peers, measure all side by side, print and write the tables.

A whole run also renews the table and the pictures of the README.

``python -m benchmarks dialer`` and ``... dialer_kills`` measure campaigns instead, ``... exchange`` the sandbox,
``... costs`` counts bytecodes.
"""

import argparse
import importlib
import sys
import time

from rich.console import Console
from rich.table import Table as RichTable

from benchmarks import codec, plan, report
from benchmarks.environments import ENVIRONMENTS
from benchmarks.plan import Case
from benchmarks.run import run, run_callbacks, run_exchange
from benchmarks.tables import Table, tables

__all__ = ["main"]


def main() -> None:
    """Measure, and say where the results are."""
    if sys.argv[1:2] in (["costs"], ["dialer"], ["dialer_kills"], ["exchange"]):
        importlib.import_module(f"benchmarks.{sys.argv[1]}").main(sys.argv[2:])
        return
    arguments = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="two minutes instead of ten; results stay in build/")
    arguments.add_argument("--only", metavar="WORD", help="only cases whose kind, client, backend or scheme is this")
    arguments.add_argument(
        "--minutes",
        type=float,
        default=7.5,
        help="after them only what the bars and goals compare is measured again (7.5)",
    )
    given = arguments.parse_args()
    console = Console()
    cases = [case for case in (plan.quick() if given.quick else plan.full()) if _is_wanted(case, given.only)]
    if not cases:
        arguments.error(f"no case has {given.only!r} as its kind, client, backend or scheme")
    begun = time.monotonic()
    with console.status("Installing the peers") as status:
        for name in sorted({case.environment for case in cases}):
            ENVIRONMENTS[name].prepare()

        def tell(case: Case, number: int) -> None:
            status.update(
                f"round {number + 1}: {case.kind} {case.client} {case.backend} {case.scheme} {case.in_flight}"
            )

        results, server = run(cases, tell, given.minutes * 60)
        if not given.only:
            status.update("callbacks")
            run_callbacks(results, *((5_000, 3) if given.quick else (6_000, 5)))
            status.update("the sandbox's exchange")
            run_exchange(results, 1 if given.quick else 3)
    for table in tables(results):
        console.print(_shown(table))
    whole = not given.quick and not given.only
    written = report.write(results, server, whole=whole)
    console.print(f"{time.monotonic() - begun:.0f} s; written: {', '.join(path.name for path in written)}")
    if whole:
        codec.main()


def _is_wanted(case: Case, word: str | None) -> bool:
    return word is None or word in (case.kind, case.client, case.backend, case.scheme)


def _shown(table: Table) -> RichTable:
    shown = RichTable(title=table.title, title_justify="left", title_style="bold")
    for number, name in enumerate(table.head):
        shown.add_column(name, justify="left" if number == 0 else "right", overflow="fold")
    for row in table.rows:
        style = "bold" if row[0].startswith("sinch_voice_async") else None
        shown.add_row(*row, style=style)
    return shown


if __name__ == "__main__":
    main()
