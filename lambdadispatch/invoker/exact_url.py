"""URLs that treq sends as they stand."""

from twisted.python.url import URL


class ExactURL(URL):
    """A URL of ASCII text, already percent-encoded, that is not normalised once more.

    treq runs every URL through ``to_uri``, whose IDNA step refuses IPv6 addresses, and which
    could undo what a signature covers.
    """

    def to_uri(self) -> "ExactURL":
        """This URL itself."""
        return self
