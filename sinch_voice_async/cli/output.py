"""What a command prints: JSON for programs, a table for a terminal, tabs for a pipe.

The keys of the JSON are the names of the models' fields; times are ISO 8601 in UTC, money is text, so that no digit is
lost.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
import click

from sinch_voice_async.cli.settings import Settings

__all__ = ["aligned", "plain", "show", "show_table", "tell"]


def plain(value: Any) -> Any:
    """Return a model, or whatever holds models, as what JSON can say."""
    if attrs.has(type(value)):
        fields = {each.name: getattr(value, each.name) for each in attrs.fields(type(value))}
        return {name.rstrip("_"): plain(each) for name, each in fields.items() if name != "extra" or each}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value) if isinstance(value, Decimal) else value


def show(settings: Settings, value: Any, text: str) -> None:
    """Print ``value`` as one JSON document where that is asked for, else ``text``."""
    click.echo(json.dumps(plain(value), ensure_ascii=False) if settings.json else text)


def aligned(fields: Mapping[str, object]) -> str:
    """Return fields as lines, a name and its value on each; those that are None are left out."""
    known = {name: each for name, each in fields.items() if each is not None}
    width = max(map(len, known), default=0)
    return "\n".join(f"{name:<{width}}  {each}" for name, each in known.items())


def show_table(settings: Settings, values: Sequence[Any], heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print ``values`` as one JSON document, else ``rows``: a table on a terminal, columns with tabs elsewhere."""
    if settings.json:
        show(settings, values, "")
        return
    written = [["" if each is None else str(each) for each in row] for row in rows]
    if not sys.stdout.isatty():
        for row in written:
            click.echo("\t".join(row))
        return
    from rich.console import Console  # noqa: PLC0415 - slow to load, and only for terminals
    from rich.table import Table  # noqa: PLC0415 - the same

    table = Table(*heads, box=None, pad_edge=False, header_style="bold")
    for row in written:
        table.add_row(*row)
    Console(markup=False, highlight=False).print(table)


def tell(text: str) -> None:
    """Say something to the person, on stderr: it is no part of the answer."""
    click.echo(text, err=True)
