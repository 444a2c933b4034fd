"""The telephone exchange: calls, the people who are called, callbacks, conferences, recordings and streams."""
