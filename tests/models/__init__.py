"""Tests of the models: what may be said, and what a repr shows of it."""
