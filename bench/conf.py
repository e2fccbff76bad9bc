"""Configuration files of nginx and haproxy, complete, so that nothing of the system's is read."""

from __future__ import annotations

from pathlib import Path

KEPT = 128
"""Idle connections to the application that are kept; more than the load opens."""
MANY = 1_000_000_000

_NGINX = """\
daemon off;
master_process off;
worker_processes 1;
pid {directory}/{name}.pid;
error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  default_type text/plain;
  keepalive_requests {many};
  client_body_temp_path {directory}/{name}-body;
  proxy_temp_path {directory}/{name}-proxy;
  fastcgi_temp_path {directory}/{name}-fastcgi;
  uwsgi_temp_path {directory}/{name}-uwsgi;
  scgi_temp_path {directory}/{name}-scgi;
{rest}}}
"""

_BACKEND = """\
  tcp_nopush on;
  sendfile on;
  open_file_cache max=10;
  server {{
    listen 127.0.0.1:{port} backlog=4096{tls};
    location = /small {{ return 200 "{small}"; }}
    location / {{ root {directory}/files; }}
  }}
"""

_TLS = """ ssl;
    ssl_certificate {directory}/certificate.pem;
    ssl_certificate_key {directory}/key.pem"""

_PROXY = """\
  upstream application {{
    server 127.0.0.1:{backend};
    keepalive {kept};
    keepalive_requests {many};
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_buffers 8 16k;
    proxy_max_temp_file_size 0;
    proxy_request_buffering off;
    client_max_body_size 0;
    location / {{ proxy_pass {scheme}://application; }}
  }}
"""

_HAPROXY = """\
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option http-keep-alive
  http-reuse always
frontend clients
  bind 127.0.0.1:{port} backlog 4096
  default_backend application
backend application
  server first 127.0.0.1:{backend} pool-max-conn {kept}
"""


def nginx_backend(directory: Path, port: int, small: str, *, tls: bool = False) -> str:
    """nginx as the application: ``small`` from memory, other paths from ``files``.

    ``tls``: over TLS, with key.pem and certificate.pem of the directory.
    """
    more = _TLS.format(directory=directory) if tls else ""
    rest = _BACKEND.format(directory=directory, port=port, small=small, tls=more)
    return _NGINX.format(directory=directory, name="backend", many=MANY, rest=rest)


def nginx_proxy(directory: Path, port: int, backend: int, *, tls: bool = False) -> str:
    """nginx as a proxy that keeps its connections to the application, and streams both ways."""
    scheme = "https" if tls else "http"
    rest = _PROXY.format(port=port, backend=backend, kept=KEPT, many=MANY, scheme=scheme)
    return _NGINX.format(directory=directory, name="nginx", many=MANY, rest=rest)


def haproxy_proxy(port: int, backend: int) -> str:
    """haproxy with one thread, sharing connections to the application among clients."""
    return _HAPROXY.format(port=port, backend=backend, kept=KEPT)
