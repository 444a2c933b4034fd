"""Tests of the receiving end, mirroring ``sinch_voice_async/webhooks``."""
