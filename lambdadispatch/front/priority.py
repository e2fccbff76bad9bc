"""The class of a request, which one of its fields may name."""

from __future__ import annotations

from lambdadispatch.wire.heads import RequestHead


class Priorities:
    """``header`` names the field, ``classes`` its values from the highest class to the lowest.

    Who names none, or another, is of the lowest class. Values are compared as they stand.
    """

    def __init__(self, header: str, classes: tuple[str, ...]) -> None:
        self._header = header.lower().encode()
        self._ranks = {name.encode(): rank for rank, name in enumerate(classes)}
        self._lowest = len(classes) - 1

    def rank(self, head: RequestHead) -> int:
        """The number of its class, from 0, the highest."""
        value = head.fields.get(self._header)
        return self._lowest if value is None else self._ranks.get(value, self._lowest)
