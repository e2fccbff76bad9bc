"""Bytes to values and back: HTTP/1.1 messages, the invoke payload, proofs and session lines.

Nothing here does input or output, knows Twisted, or reads a clock. Both the router and the
Lambda side use it, so the two ends of a channel cannot disagree about a byte.
"""
