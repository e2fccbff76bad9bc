"""Ways to host an application: on a loopback port, or in process.

``host`` says what a host is. ``port`` passes requests to any HTTP server on a loopback port and
``child`` starts that server itself; ``web`` serves a ``twisted.web`` Resource and ``wsgi`` a WSGI
callable in this process; ``load`` finds the application and picks the host. Each module is
imported by whoever needs that host alone, because on Lambda a cold start pays for every import.
"""
