"""``python -m sinch_voice_async.sandbox``: a sandbox that is served until Ctrl-C."""

import argparse
import gc
import logging
import signal
import sys
import textwrap
import threading
import webbrowser
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from itertools import repeat
from pathlib import Path
from typing import NoReturn

from sinch_voice_async.sandbox import bounds
from sinch_voice_async.sandbox.app import Sandbox
from sinch_voice_async.sandbox.control.people import seed_people
from sinch_voice_async.sandbox.exchange.people import Person

__all__ = ["main"]

KINDS = ("answer", "busy", "no_answer", "machine")
SETS = '$env:{} = "{}"' if sys.platform == "win32" else "export {}={}"
"""How a variable is set in the shell of this system."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong within the width of a terminal, without all options before it."""

    def error(self, message: str) -> NoReturn:
        """Print the message and exit with 2."""
        said = f"{self.prog}: {message}"
        text = textwrap.fill(said, 79, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        self.exit(2, f"{text}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve a sandbox until Ctrl-C or SIGTERM and return the exit code. It needs the main thread."""
    parser = _parser()
    options = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stdout, format="%(asctime)s  %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("sinch_voice_async.sandbox").setLevel(logging.WARNING if options.quiet else logging.INFO)
    try:
        sandbox = _sandbox(options)
        address = {"host": options.host, "port": options.port, "allow_remote": options.allow_remote}
        gc.freeze()  # a full collection would walk over all modules, and hold every call up for 30 ms
        # Before the greeting: a program that has read it may stop the sandbox at once.
        with closing(sandbox), sandbox.serve(**address), _stop_signals() as stop:
            _say(_greeting(sandbox, options.state))
            if options.open:
                webbrowser.open(f"{sandbox.url}/_sandbox/")
            any(map(stop.wait, repeat(0.1)))  # one wait without end would not notice Ctrl-C on Windows
    except (OSError, ValueError) as error:
        problem = (isinstance(error, OSError) and error.strerror) or error
        # An error of a socket has no file name.
        problem = f"{problem}: {error.filename}" if isinstance(error, OSError) and error.filename else problem
        parser.error(str(problem))
    finally:
        gc.unfreeze()
    placed = sandbox.executed
    _say(f"Stopped. {placed} {'callout was' if placed == 1 else 'callouts were'} placed.")
    return 0


def _sandbox(options: argparse.Namespace) -> Sandbox:
    seed = options.seed if isinstance(options.seed, int) else 0
    sandbox = Sandbox(
        options.key,
        options.secret,
        speed=options.speed,
        person=Person(answers_after=options.ring_seconds, hangs_up_after=options.talk_seconds),
        callback_url=options.callback_url,
        seed=seed,
        history=options.history,
        calls_per_second=options.calls_per_second,
        state=options.state,
        allow_hosts=options.allow_host,
    )
    if options.population:
        sandbox.population(**options.population, seed=seed)
    if isinstance(options.seed, Path):
        seed_people(sandbox.people, options.seed)
    return sandbox


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@contextmanager
def _stop_signals() -> Generator[threading.Event]:
    stop = threading.Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(each, lambda _number, _frame: stop.set()) for each in signals]
    try:
        yield stop
    finally:
        for each, handler in zip(signals, before, strict=True):
            signal.signal(each, handler)


def _greeting(sandbox: Sandbox, state: str | None) -> str:
    account = sandbox.account
    urls = account.callback_urls
    callbacks = urls.primary or "nowhere yet (set --callback-url to the URL of your application)"
    kept = f"State is kept in {state}.\n" if state else ""
    variables = {
        "SINCH_APPLICATION_KEY": account.application_key,
        "SINCH_APPLICATION_SECRET": account.application_secret,
        "SINCH_VOICE_BASE_URL": sandbox.url,
    }
    lines = "\n".join(SETS.format(name, value) for name, value in variables.items())
    return f"""Voice sandbox running at {sandbox.url}. No real calls are placed.
Ctrl-C stops it. Watch and answer calls at {sandbox.url}/_sandbox/

  application key     {account.application_key}
  application secret  {account.application_secret}

{lines}

Callbacks go to: {callbacks}
{kept}"""


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m sinch_voice_async.sandbox",
        description="Serve a local stand-in for the Sinch Voice platform. No real calls are placed.",
        epilog="Example:\n  python -m sinch_voice_async.sandbox --callback-url http://127.0.0.1:8080/",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=_port, default=8070, help="0 takes a free one (default: 8070)")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)")
    parser.add_argument("--allow-remote", action="store_true", help="permit a host that others can reach")
    parser.add_argument("--callback-url", default="", help="the application's primary callback URL")
    parser.add_argument("--key", help="the application key (default: made up)")
    parser.add_argument("--secret", help="the application secret, base64 (default: made up)")
    parser.add_argument("--speed", type=float, default=1.0, help="seconds of a call that pass in one (default: 1)")
    _add_people(parser)
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name by which other machines may reach the page and the control API, as that of a container",
    )
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    parser.add_argument(
        "--calls-per-second", type=float, help="callouts accepted in a second, 429 above (default: all)"
    )
    parser.add_argument("--history", type=int, default=10_000, help="calls remembered once over (default: 10000)")
    parser.add_argument(
        "--state", metavar="FILE", help="keep everything across restarts in this file, a SQLite database"
    )
    parser.add_argument("--quiet", action="store_true", help="print no line for each request and step of a call")
    return parser


def _add_people(parser: argparse.ArgumentParser) -> None:
    """Add the options about the people who answer."""
    parser.add_argument(
        "--ring-seconds", type=_seconds, default=0.0, metavar="N", help="a person answers after N seconds (default: 0)"
    )
    parser.add_argument(
        "--talk-seconds",
        type=_seconds,
        default=3.0,
        metavar="N",
        help="a person hangs up N seconds after the answer, and stays in a conference; never: until the call is ended"
        " from the other side (default: 3)",
    )
    parser.add_argument(
        "--population",
        type=_shares,
        metavar="SHARES",
        help="who is at all numbers: answer=0.6,busy=0.2,no_answer=0.15,machine=0.05 (default: a person answers)",
    )
    parser.add_argument(
        "--seed",
        type=_seed,
        default=0,
        metavar="N or FILE",
        help="a number draws another population (default: 0); a TOML file sets people: tables [everybody], [population]"
        ' and [phones."+46700000001"], with the members that the control API takes',
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) < 65_536):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: those are 0 to 65535")
    return int(text)


def _seed(text: str) -> int | Path:
    return int(text) if text.removeprefix("-").isdecimal() and text.isascii() else Path(text)


def _seconds(text: str) -> float | None:
    if text == "never":
        return None
    try:
        return bounds.seconds("the time", float(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, or never") from None


def _shares(text: str) -> dict[str, float]:
    shares = {}
    for each in text.split(","):
        name, _, share = each.partition("=")
        if name.strip() not in KINDS:
            raise argparse.ArgumentTypeError(f"{name.strip()!r} is none of {', '.join(KINDS)}")
        try:
            shares[name.strip()] = float(share)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{name.strip()} needs a share from 0 to 1") from None
    return shares


if __name__ == "__main__":
    sys.exit(main())
