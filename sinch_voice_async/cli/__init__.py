"""The command line: ``sinch-voice``, or ``python -m sinch_voice_async``. Arguments in, text or JSON out.

Rules:

- Answers go to stdout, everything else to stderr. With ``--json`` stdout holds JSON and nothing else.
- What fails ends in one or two sentences and an exit code of :mod:`.exit_codes`; never in a traceback.
- A secret comes from the environment, the keyring or a prompt, and is never an argument: arguments can be read by every
  user of a machine, and stay in the history of the shell.
- A command loads what it needs when it runs. Help and completion load no HTTP client: that is why commands take names
  from ``sinch_voice_async`` itself, which loads each when it is first used.

The extra ``sinch-voice-async[cli]`` brings what it runs on.
"""

import importlib.util
import sys
from collections.abc import Sequence

__all__ = ["main"]

_NEEDED = ("click", "rich")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, that of the process where ``arguments`` is None, and return its exit code."""
    if any(importlib.util.find_spec(name) is None for name in _NEEDED):
        sys.stderr.write("The command line needs two more packages: pip install 'sinch-voice-async[cli]'\n")
        return 2
    from sinch_voice_async.cli.app import run  # noqa: PLC0415 - whoever lacks the extra gets a sentence

    return run(arguments)
