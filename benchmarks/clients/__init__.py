"""One client each, set up as its own documents say; each places a callout of about 220 bytes.

``connect(url)`` opens it and gives the coroutine function that places one callout; ``recordings(url)`` of some
clients gives the function that reads a recording of so many bytes.
"""
