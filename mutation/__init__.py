"""``nox -s mutation``: would the tests of the modules that must not be wrong notice if they were?

Every way in which Cosmic Ray's operators change a module is tried, one at a time, and the tests of that module have to
notice. What they do not notice is in ``survivors.toml`` with the reason why nobody could, or it is a gap in the tests.
"""
