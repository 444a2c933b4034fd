"""The command line: ``sinch-voice``, or ``python -m sinch_voice_async``. Arguments in, text or JSON out.

Rules:

- Answers go to stdout, everything else to stderr. With ``--json`` stdout holds JSON and nothing else.
- A failure ends in one or two sentences and an exit code, never in a traceback. It speaks of options, not of Python.
- A secret comes from the environment, the keyring or a prompt, and is never an argument: every user of a machine can
  read arguments, and they stay in the history of the shell.
- A command is loaded when it runs. Help and completion load no HTTP client.

Each command is in a file of ``commands``. What they share is in ``settings`` (options and credentials), ``client`` (an
open client on an event loop), ``output`` and ``failures``, and for campaigns in ``campaigns`` and ``live``.

The extra ``sinch-voice-async[cli]`` brings click and rich.
"""

import importlib.util
import sys
from collections.abc import Sequence

__all__ = ["main"]

_NEEDED = ("click", "rich")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, that of the process without ``arguments``, and return its exit code."""
    if any(importlib.util.find_spec(name) is None for name in _NEEDED):
        sys.stderr.write("The command line needs two more packages: pip install 'sinch-voice-async[cli]'\n")
        return 2
    from sinch_voice_async.cli.app import run  # noqa: PLC0415  # without the extra it cannot be loaded

    return run(arguments)
