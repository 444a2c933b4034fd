"""Tests of the transport, on real sockets."""
