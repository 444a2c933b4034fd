"""The vendor's own client libraries, installed and run: ``nox -s vendors``. Skipped where they are not installed."""
