"""The telephone exchange of the sandbox, from inside and over callbacks."""
