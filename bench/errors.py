"""The errors of a run."""


class BenchError(Exception):
    """The run cannot begin or go on; the text says what is wrong and what would help."""


class Unavailable(BenchError):
    """This contender cannot be had here, for the reason in the text; the others still can."""
