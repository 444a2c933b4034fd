"""The endpoints of the platform: each reads a request, uses the exchange or the account, and writes the answer."""
