"""``sinch-voice doctor``: each step from this machine to a signed answer, and what is wrong with it."""
