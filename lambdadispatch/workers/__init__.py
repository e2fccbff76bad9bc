"""Several router processes on one client port, and the parent that keeps them.

Theory of operation. The parent owns places, one for each worker. A place is its listening sockets
(client port, control ports, a private admin port) and the process that serves them now. The parent
opens all sockets before the first worker starts and keeps them open, so

- a port that is taken is told at once, by the flag that names it;
- what waits in the accept queue of a worker that dies is served by the next one, which gets the
  same sockets;
- the ports of a place stay the same, and cannot be taken by others meanwhile.

Each place has a client socket of its own in one SO_REUSEPORT group: the kernel gives each new
connection to one of them by a hash of its addresses. A worker is a whole router with a line, a
pool and a certificate of its own. The parent carries no request.

A worker gets what it needs as the first bytes of its standard input, and then orders as lines. The
end of that pipe means that the parent is gone, whatever ended it: the worker drains and leaves.
It reports on descriptor 3: its log, that it is up, that it is ready, why it failed.

Rejected. One listening socket for all: whoever wakes first accepts, so that the load is uneven
(measured in ARCHITECTURE.md). A socket that each worker binds for itself: its queue is lost with
the worker, and a port that is taken shows only in the workers. Orders by signal: systemd sends
SIGTERM to the parent and to the workers, and the parent's would then be the second one, which cuts.
PR_SET_PDEATHSIG: Linux only, and it names the thread that forked. One line for all workers: every
request would pass two processes.
"""
