"""How it is said: models to JSON bytes and back, and the signature. Pure functions, no I/O."""
