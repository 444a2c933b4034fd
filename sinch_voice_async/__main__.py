"""``python -m sinch_voice_async``: the command line, without ``sinch-voice`` on the path."""

import sys

from sinch_voice_async.cli import main

if __name__ == "__main__":
    sys.exit(main())
