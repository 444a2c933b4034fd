"""The control API: what a test in any language may do with a sandbox."""
