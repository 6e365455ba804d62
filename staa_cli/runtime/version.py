"""Of staa."""

__version__ = "0.1.0"
