"""A load at a fixed rate: ``python -m bench.open_loop --port N --path P ...`` prints JSON.

A request is due by the schedule whether or not the answers before it have come, and its latency
counts from when it was due: a server that stalls is charged for every request that it held up, not
only for those that a waiting client got to send (coordinated omission). When all connections are
busy the request waits here, and that counts too.
"""

from __future__ import annotations

import argparse
import gc
import json
import selectors
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any

from bench.answers import AnswerReader, AnswerUnreadable
from bench.figures import percentile
from bench.schedule import Schedule
from bench.wrk import request_head

READ = 262_144
GRACE = 5.0
"""Seconds after the last request was due in which answers still count."""
LONGEST_PAUSE = 0.1


class Connection:
    """A connection that is free, or has a request open that was ``due`` at that time."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.due = 0.0
        self.answers = AnswerReader()


class OpenLoop:
    """Sends by the schedule and keeps the times, in seconds."""

    def __init__(self, port: int, path: str, connections: int) -> None:
        self._request = request_head(port, path)
        # select(2) waits to the microsecond, epoll_wait(2) to the millisecond.
        self._selector = selectors.SelectSelector()
        self._free = [Connection(port) for _ in range(connections)]
        for connection in self._free:
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
        self._open = 0
        self.latencies: list[float] = []
        self.sent_late: list[float] = []
        self.errors: dict[str, int] = {}

    def run(self, rate: float, seconds: float) -> None:
        """Send for so long and wait for what is open."""
        start = time.perf_counter()
        schedule = Schedule(start, rate, round(rate * seconds))
        give_up = start + seconds + GRACE
        now = start
        while (self._open or not schedule.over) and now < give_up:
            schedule.release(now)
            self._send(schedule)
            for key, _ in self._selector.select(schedule.pause(time.perf_counter(), LONGEST_PAUSE)):
                self._receive(key.data)
            now = time.perf_counter()
        if self._open:
            self._count("unanswered", self._open)
        if not schedule.over:
            self._count("unsent")

    def _send(self, schedule: Schedule) -> None:
        while self._free and (due := schedule.take()) is not None:
            connection = self._free.pop()
            connection.due = due
            self._open += 1
            try:
                connection.socket.sendall(self._request)
            except OSError:
                self._lose(connection, "write")
            else:
                self.sent_late.append(time.perf_counter() - due)

    def _receive(self, connection: Connection) -> None:
        try:
            data = connection.socket.recv(READ)
            status = connection.answers.feed(data) if data else -1
        except BlockingIOError:
            return
        except OSError:
            status = -1
        except AnswerUnreadable:
            self._lose(connection, "unreadable")
            return
        if status == -1:
            self._lose(connection, "read")
        elif status is not None:
            self._answered(connection, status)

    def _answered(self, connection: Connection, status: int) -> None:
        self._open -= 1
        self._free.append(connection)
        if status == 200:
            self.latencies.append(time.perf_counter() - connection.due)
        else:
            self._count("status")

    def _lose(self, connection: Connection, kind: str) -> None:
        self._count(kind)
        self._selector.unregister(connection.socket)
        connection.socket.close()
        if connection in self._free:
            self._free.remove(connection)
        else:
            self._open -= 1

    def _count(self, kind: str, count: int = 1) -> None:
        self.errors[kind] = self.errors.get(kind, 0) + count


def report(load: OpenLoop) -> dict[str, Any]:
    """What is printed: times in milliseconds, counts of answers and of errors by kind."""
    latencies, late = sorted(load.latencies), sorted(load.sent_late)
    if not latencies:
        raise SystemExit(f"no request was answered: {load.errors}")
    return {
        "requests": len(latencies),
        "p50_ms": percentile(latencies, 0.5) * 1e3,
        "p99_ms": percentile(latencies, 0.99) * 1e3,
        "p999_ms": percentile(latencies, 0.999) * 1e3,
        "late_p99_ms": percentile(late, 0.99) * 1e3,
        "errors": load.errors,
    }


def main(arguments: Sequence[str]) -> None:
    """Run one load and print its report."""
    parser = argparse.ArgumentParser(prog="python -m bench.open_loop")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--rate", type=float, default=1000.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=5.0)
    chosen = parser.parse_args(arguments)
    load = OpenLoop(chosen.port, chosen.path, chosen.connections)
    gc.disable()  # a collection would look like a slow server
    load.run(chosen.rate, chosen.seconds)
    print(json.dumps(report(load)))


if __name__ == "__main__":
    main(sys.argv[1:])
