"""Recordings: nothing skipped, nothing kept by half."""
