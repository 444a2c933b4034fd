"""Whether a socket has something to read right now, in half a microsecond."""

import select
from collections.abc import Callable


def watch(fd: int) -> Callable[[], bool]:
    """Return a function that says whether ``fd`` has bytes, or its end, to read."""
    if not hasattr(select, "poll"):  # Windows
        return lambda: bool(select.select([fd], [], [], 0)[0])
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    look = poll.poll
    return lambda: bool(look(0))
