"""A web server of the standard library alone: ``python -m tests.process.stdlib_app PORT``."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Upper(BaseHTTPRequestHandler):
    """Says what was asked, and the body in capitals; speaks HTTP/1.0, and closes each time."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(f"{self.command} {self.path} ".encode() + body.upper())

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Upper).serve_forever()
