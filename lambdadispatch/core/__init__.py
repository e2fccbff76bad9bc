"""Who gets what, and when: the decisions, without input, output, Twisted or a clock.

``now`` is an argument everywhere. The router, the tests and a simulator drive the same code.
"""
