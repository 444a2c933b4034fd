"""Endpoints: each reads a request, asks the exchange or the account, and writes the documented answer."""
