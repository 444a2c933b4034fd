"""Bytes over HTTP, on asyncio and trio: signing, connections, retries. Knows no model."""
