"""Uses that mypy and pyright read, and nobody runs."""
