"""Contacts from files: CSV, JSON lines and Parquet, read row by row in constant memory.

Rules:

- What is wrong with the file (missing, no such column) is raised when it is named, before anybody is called.
- What is wrong with a row is a ``BrokenRow`` in its place, and the rest goes on.
- A file may be read again and again: for a preview first, and then for the run.
"""
