"""Storage: the recordings of a sandbox, their sound, and the file that keeps a sandbox."""
