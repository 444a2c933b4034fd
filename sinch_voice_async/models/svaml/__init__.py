"""SVAML: what the platform is told to do with a call. ``sinch_voice_async.svaml`` is its public face."""
