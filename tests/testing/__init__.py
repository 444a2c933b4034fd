"""Tests of what is given to users for their tests."""
