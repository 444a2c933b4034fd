"""Models: frozen attrs classes for everything that goes to the platform or comes from it. No I/O, no JSON."""
