"""Runs trial on the libuv transports: ``python -m tests.libuv [trial's arguments]``.

The transport has to be chosen before anything imports the reactor, so this is a process of its
own.
"""

from lambdadispatch.transports.choose import UVLOOP, install

install(UVLOOP)

from twisted.scripts.trial import run  # noqa: E402

run()
