"""The error that ends a run with one line."""


class BenchError(Exception):
    """The run cannot begin or go on; the text says what is wrong and what would help."""
