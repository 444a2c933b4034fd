"""``sinch-voice recordings``: list, download, delete, and archive everything."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

import sinch_voice_async
from sinch_voice_async.cli.client import with_client
from sinch_voice_async.cli.output import Progress, count, show, show_table, visible
from sinch_voice_async.cli.settings import Group, PathType, Settings, option_group, settable

__all__ = ["recordings"]

_TIMES = ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S")


@click.group(cls=Group)
def recordings() -> None:
    """List, download, delete and archive recordings.

    Examples:
      sinch-voice recordings list --start 2026-11-25
      sinch-voice recordings download KEY --output call.mp3
      sinch-voice recordings archive backup/
    """


_from_to: Final = option_group(
    click.option("--start", type=click.DateTime(_TIMES), metavar="TIME", help="In UTC, such as 2026-11-25."),
    click.option("--end", type=click.DateTime(_TIMES), metavar="TIME", help="In UTC; left out: now."),
)


def _utc(time: datetime | None) -> datetime | None:
    return time and time.replace(tzinfo=UTC)


@settable
@recordings.command("list")
@_from_to
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most this many.")
@click.pass_obj
def _list(settings: Settings, /, *, start: datetime | None, end: datetime | None, limit: int | None) -> None:
    """List the recordings that the platform keeps.

    With --json, one on each line, as they come.

    Example:
      sinch-voice recordings list --start 2026-11-25 --limit 10
    """

    async def run(client: "sinch_voice_async.VoiceClient") -> Sequence["sinch_voice_async.Recording"]:
        pages = client.recordings.list(start=_utc(start), end=_utc(end))
        if not settings.json:
            return await pages.collect(limit)
        count = 0
        async for recording in pages:
            show(settings, recording, "")
            count += 1
            if count == limit:
                break
        return []

    found = with_client(settings, run)
    if not settings.json:
        rows = [(each.key, each.created_on, each.expires_on) for each in found]
        show_table(settings, found, ("key", "created", "expires"), rows)


@settable
@recordings.command("download")
@click.argument("key")
@click.option("--output", "-o", type=PathType(), help="The file to write.")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@click.pass_obj
def _download(settings: Settings, /, *, key: str, output: Path | None, force: bool) -> None:
    """Download the recording KEY into a file.

    The file has the name that is the last part of KEY, or that of --output.

    Run the same command again to resume a download that broke off.

    Example:
      sinch-voice recordings download KEY --output call.mp3
    """
    path = output or _file_of(key)
    if path.exists() and not force:
        raise sinch_voice_async.ConfigurationError(f"{path} already exists; pass --force to replace it, or --output")

    async def run(client: "sinch_voice_async.VoiceClient") -> None:
        with Progress(path.name, unit="bytes") as progress:
            async with client.recordings.download(key) as download:
                await download.save(path, progress, overwrite=force)

    with_client(
        settings, run, stopped=lambda: "Stopped. Run the same command again and it resumes where this one ended."
    )
    show(settings, {"key": key, "file": str(path), "bytes": path.stat().st_size}, visible(path))


def _file_of(key: str) -> Path:
    name = key.replace("\\", "/").rpartition("/")[2]
    if not name or name.startswith((".", "-")) or not name.isprintable() or ":" in name:
        raise sinch_voice_async.ConfigurationError(f"{key!r} is not a file name: pass --output")
    return Path(name)


@settable
@recordings.command("delete")
@click.argument("keys", nargs=-1, required=True)
@click.pass_obj
def _delete(settings: Settings, /, *, keys: tuple[str, ...]) -> None:
    """Delete the recordings KEYS from the platform, for good.

    Example:
      sinch-voice recordings delete KEY
    """

    async def run(client: "sinch_voice_async.VoiceClient") -> None:
        for key in keys:
            await client.recordings.delete(key)
            show(settings, {"deleted": key}, f"deleted {visible(key)}")

    with_client(settings, run)


@settable
@recordings.command("archive")
@click.argument("directory", type=PathType(folder=True))
@_from_to
@click.option("--concurrency", type=click.IntRange(1), default=8, show_default=True, help="Downloads at once.")
@click.option("--delete-after", is_flag=True, help="Delete each from the platform when it is safely on disk.")
@click.pass_obj
def _archive(
    settings: Settings, /, *, directory: Path, start: datetime | None, end: datetime | None, **more: Any
) -> None:
    """Download every recording that DIRECTORY does not hold yet.

    Run it again if it was stopped.

    Example:
      sinch-voice recordings archive backup/ --delete-after
    """

    async def run(client: "sinch_voice_async.VoiceClient") -> "sinch_voice_async.ArchiveSummary":
        with Progress(directory.name, unit="recordings") as progress:
            return await client.recordings.archive(
                directory, start=_utc(start), end=_utc(end), progress=progress, **more
            )

    done = with_client(
        settings, run, stopped=lambda: "Stopped. Run the same command again and it resumes where this one ended."
    )
    text = (
        f"{done.listed} listed: {done.downloaded} downloaded ({count(done.bytes_downloaded, 'byte')}), "
        f"{done.already_there} already there, {done.vanished} gone, {done.deleted} deleted from the platform"
    )
    show(settings, done, text)
