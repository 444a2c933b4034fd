"""The two pumps that move an exchange's bytes: one pushed by asyncio, one that pulls, for trio.

Both drive ``http11.ResponseReader`` and ``tls.Tls`` and raise the same exceptions, so that a user of either event loop
sees the same behaviour.
"""
