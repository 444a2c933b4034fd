"""Tests of the endpoints, against the sandbox on a real socket."""
