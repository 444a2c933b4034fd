"""Media streams: the server side of connectStream."""
