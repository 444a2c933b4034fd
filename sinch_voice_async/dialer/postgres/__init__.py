"""A journal in PostgreSQL, shared by any number of dialers. It needs the extra ``cluster``."""
