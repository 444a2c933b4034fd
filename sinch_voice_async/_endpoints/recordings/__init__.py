"""Recordings: listed in pages, downloaded through broken connections, saved whole or not at all, archived, deleted."""
