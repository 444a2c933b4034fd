"""The control API of a sandbox and its page, at ``/_sandbox``: see :mod:`.app`."""
