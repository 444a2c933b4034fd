"""Archive the recordings of an application in a directory, with a progress bar; run it again for new ones.

::

    export SINCH_APPLICATION_KEY=... SINCH_APPLICATION_SECRET=...
    python examples/archive_recordings.py recordings --days 30

With ``--delete``, each recording is deleted from the platform after it is safely on the disk. To try it without an
account, run ``python -m sinch_voice_async.sandbox`` and paste the lines that it prints.
"""

import argparse
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import anyio
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sinch_voice_async import SinchVoiceError, VoiceClient

console = Console()


async def archive(directory: Path, days: float | None, *, delete: bool) -> None:
    """Download the recordings that the directory does not have, and print a summary."""
    start = None if days is None else datetime.now(UTC) - timedelta(days=days)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    async with VoiceClient() as client:
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("Recordings", total=None)
            summary = await client.recordings.archive(
                directory,
                start=start,
                delete_after=delete,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
            bar.update(task, completed=summary.listed, total=summary.listed)
    console.print(
        f"{summary.downloaded} downloaded ({decimal(summary.bytes_downloaded)}), "
        f"{summary.already_there} already there, {summary.vanished} deleted by others, "
        f"{summary.deleted} deleted from the platform"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Archive the recordings of an application.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--days", type=float, help="only the recordings of the last DAYS days")
    parser.add_argument(
        "--delete", action="store_true", help="delete recordings from the platform after they are on the disk"
    )
    parser.add_argument("--backend", choices=("asyncio", "trio"), default="asyncio")
    chosen = parser.parse_args()
    try:
        anyio.run(partial(archive, chosen.directory, chosen.days, delete=chosen.delete), backend=chosen.backend)
    except SinchVoiceError as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
