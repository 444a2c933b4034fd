"""The recordings of a sandbox, and the sound that they are made of."""
