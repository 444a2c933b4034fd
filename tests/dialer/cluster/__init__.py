"""Tests of campaigns on several machines, with a real PostgreSQL and workers that are killed."""
