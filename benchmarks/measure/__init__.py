"""What runs in the client's process: it has only the peer and the standard library around it."""
