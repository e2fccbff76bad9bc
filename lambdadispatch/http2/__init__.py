"""HTTP/2 on the front, with the library h2 (RFC 9113).

Theory of operation. The library reads and writes frames and keeps the state of streams and windows.
Here is what a server makes of that: each stream is an ``Exchange`` as each request of HTTP/1.1 is,
so that the line, the relay and the channel know of no difference, and the request goes on to its
instance as one of HTTP/1.1.

* ``server`` offers h2 by ALPN, and ``negotiated`` hands a connection over that has agreed on it.
* ``connection`` takes the library's events, ``writing`` sends what streams have to send, fairly.
* ``exchange`` is one stream: its body held until somebody takes it, its answer held until the
  windows allow it.
* ``reading`` takes what arrives, so much in a turn of the loop.
* ``frames`` finds where frames end, so that the library gets one at a time. Given many at once it
  forgets, for an error in one, what those before it brought; a request then exists or not by how
  the network cut it up. It also buffers a frame of any length before it refuses it.
* ``watch`` is what the sweep sees, once a second: what comes or is taken too slowly.
* ``allowances`` bounds what costs the server and brings nobody anything: resets, pings, settings.
* ``windows`` is how much clients may send of bodies.
* ``rules`` is what the connections of a server share.
* ``library`` is what the library is told and what is taken out of its hands.

What it is held to is as for HTTP/1.1: a request's head passes the same reader (``wire.
request_pairs``), a client that is slow or sends too slowly is found by the same sweep, a request
ends in the same outcomes. A request that is malformed is answered with the status and the reason of
HTTP/1.1 and its stream is reset, the others go on; what breaks the rules of the connection ends the
connection, with GOAWAY.

Windows. A stream's window is opened as its body is taken, so what is held of a body is at most its
window: the 65,535 octets it starts with until somebody takes it, then up to 512 KiB, but for all
streams together no more than 2 MiB beyond that start. The connection's window is opened as octets
come: were it opened as they are taken, one body that waits for a channel would stop all others. So
a connection holds of bodies at most 65,535 octets for each of its streams, of which there are at
most ``http2_stream_limit``, and 2 MiB.

Rejected: each stream bridged through an in-memory connection of HTTP/1.1 (twice the work on every
octet, and the resets of single streams have no form there); the library of nghttp2, whose bindings
for Python are not kept up; h2c and Upgrade, which no browser speaks and which made servers take
for HTTP/2 what a proxy before them took for a body; server push, which clients have given up.
"""
