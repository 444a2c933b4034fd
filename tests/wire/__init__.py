"""Tests of the wire: bytes and signatures, without a socket."""
