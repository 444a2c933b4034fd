"""The sandbox, seen from outside: over HTTP, by callers that sign for themselves."""
