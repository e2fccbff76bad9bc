"""nginx and HAProxy as peers to compare with, each in front of a backend that records raw bytes.

Requests are sent on several lanes at once; a lane is one port of the proxy and one backend behind
it, so that what a backend sees belongs to one case.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.hostile.messages import take

LANES = 8
QUIET = 0.25
"""Seconds without a byte after which a proxy has said what it has to say."""
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"

NGINX = """
daemon off; worker_processes 1; pid {directory}/pid; error_log {directory}/errors;
events {{ worker_connections 256; }}
http {{
  access_log off; large_client_header_buffers 4 4k; client_header_buffer_size 4k;
  client_body_temp_path {directory}/a; proxy_temp_path {directory}/b;
  fastcgi_temp_path {directory}/c; uwsgi_temp_path {directory}/d; scgi_temp_path {directory}/e;
  {servers}
}}
"""
NGINX_SERVER = """
  server {{ listen 127.0.0.1:{front}; location / {{
    proxy_pass http://127.0.0.1:{back}; proxy_http_version 1.1; proxy_request_buffering off;
    proxy_set_header Host $http_host; proxy_set_header Connection ""; }} }}
"""
HAPROXY = """
global
  maxconn 256
  tune.bufsize 8192
  tune.maxrewrite 1024
defaults
  mode http
  option http-server-close
  timeout client 5s
  timeout server 5s
  timeout connect 5s
{servers}
"""
HAPROXY_SERVER = """
listen lane{front}
  bind 127.0.0.1:{front}
  server backend 127.0.0.1:{back}
"""


class Seen(NamedTuple):
    """What came of some bytes: whole requests at the backend, statuses at the client."""

    requests: list[bytes]
    statuses: list[int]
    closed: bool


class Backend:
    """Accepts connections, keeps each whole request and answers 204."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        data = b""
        connection.settimeout(10)
        with connection, contextlib.suppress(OSError):
            while piece := connection.recv(65536):
                data += piece
                while data:
                    try:
                        message = take(data)
                    except AssertionError:
                        self.requests.append(b"not HTTP: " + data)
                        return
                    if not message.whole:
                        break
                    self.requests.append(message.raw)
                    connection.sendall(NO_CONTENT)
                    data = data[message.used :]

    def close(self) -> None:
        self._listener.close()


class Lane:
    """One port of a proxy and the backend behind it."""

    def __init__(self, port: int, backend: Backend) -> None:
        self._port = port
        self._backend = backend

    def ask(self, raw: bytes) -> Seen:
        """Send bytes and wait until nothing more comes of them."""
        self._backend.requests.clear()
        received, closed = b"", False
        with socket.create_connection(("127.0.0.1", self._port), timeout=QUIET) as client:
            with contextlib.suppress(OSError):
                client.sendall(raw)
            try:
                while piece := client.recv(65536):
                    received += piece
                closed = True
            except TimeoutError:
                pass
            except OSError:
                closed = True
        return Seen(list(self._backend.requests), statuses(received), closed)


def statuses(received: bytes) -> list[int]:
    """The statuses of final responses; an answer without a head is status 9 (HTTP/0.9)."""
    found = []
    for line in received.split(b"\r\n"):
        if line.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")) and line[9:12].isdigit():
            found.append(int(line[9:12]))
    found = [status for status in found if status >= 200]
    return found or ([9] if received else [])


def version(program: str) -> str:
    """What the program says of itself in its first line."""
    done = subprocess.run([program, "-v"], capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).splitlines()[0].strip()


def installed(program: str) -> str | None:
    """Where the program is."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")


@contextmanager
def running(program: str) -> Iterator[list[Lane]]:
    """The lanes of a proxy that runs meanwhile."""
    path = installed(program)
    assert path is not None
    backends = [Backend() for _ in range(LANES)]
    fronts = _free_ports(LANES)
    with TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        template, server = (
            (NGINX, NGINX_SERVER) if program == "nginx" else (HAPROXY, HAPROXY_SERVER)
        )
        servers = "".join(
            server.format(front=front, back=backend.port)
            for front, backend in zip(fronts, backends, strict=True)
        )
        conf = directory / "conf"
        conf.write_text(template.format(directory=directory, servers=servers))
        command = [path, "-c", str(conf)] if program == "nginx" else [path, "-f", str(conf)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_for(fronts)
            yield [Lane(port, backend) for port, backend in zip(fronts, backends, strict=True)]
        finally:
            process.terminate()
            process.wait(10)
            for backend in backends:
                backend.close()


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


def _wait_for(ports: list[int]) -> None:
    give_up = time.monotonic() + 20
    for port in ports:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < give_up, f"nothing listens on {port}"
                time.sleep(0.05)
