"""A faster transport under ordinary Twisted protocols: libuv's, by way of uvloop.

Twisted's own transport costs two thirds of what a small request costs the router. Where uvloop is
installed, connections are made by it and given to Twisted protocols with the face of a Twisted
transport; nothing above this package knows the difference.
"""
