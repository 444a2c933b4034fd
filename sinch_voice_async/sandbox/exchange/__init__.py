"""The telephone exchange: who is called, what a call becomes, and who sits in which conference."""
