"""Why nginx and HAProxy treat bytes otherwise, by kind of difference and section of the RFC.

A case's own ``nginx`` or ``haproxy`` comes first. ``STRICT`` marks what is refused here on purpose:
the bytes have no one meaning, and somebody behind the router could take the other.
"""

from __future__ import annotations

from tests.hostile.differences import Difference

ACCEPTED, REFUSED, OTHERWISE = "accepted there", "refused there", "seen otherwise"
STRICT = "ambiguous, so refused here; there "

BOTH = {
    (ACCEPTED, "RFC 6585 5"): "another limit on heads; a matter of settings",
    (ACCEPTED, "RFC 9110 5.5"): STRICT
    + "control characters are passed on, which RFC 9110 5.5 calls invalid and dangerous",
    (ACCEPTED, "RFC 9112 2.2"): STRICT + "a bare LF (nginx: also CR) ends a line, as RFC 9112 2.2 "
    "lets a recipient do",
    (ACCEPTED, "RFC 9112 3"): STRICT + "more white space may part the request line",
    (ACCEPTED, "RFC 9112 3.2"): STRICT + "Host and target are looked at less closely",
    (ACCEPTED, "RFC 9112 3.2.2"): STRICT
    + "the authority of the target is not held against Host, or not checked",
    (ACCEPTED, "RFC 9112 6.3 (5)"): STRICT
    + "numbers of any length are taken, and equal ones given twice (HAProxy)",
    (ACCEPTED, "RFC 9112 7.1"): STRICT + "white space, more digits or bare LF frame a chunk",
    (ACCEPTED, "RFC 9112 7.1.1"): STRICT
    + "extensions are passed over up to any line end and without this limit",
    (ACCEPTED, "RFC 9112 7.1.2"): STRICT + "trailers are not read (nginx), or less strictly",
    (ACCEPTED, "RFC 9110 2.5"): "RFC 9110 2.5 allows to take a higher minor version; here it is "
    "refused, as nothing sends one (nginx also serves HTTP/0.9)",
    (OTHERWISE, "RFC 9112 3.2"): "nothing is put in place of the Host that HTTP/1.0 lacks; here an "
    "empty one, which RFC 9112 3.2 asks for in HTTP/1.1",
    (OTHERWISE, "RFC 9112 9.6"): "what Connection names is passed on, against RFC 9110 7.6.1",
    (OTHERWISE, "RFC 9110 7.6.1"): "fields of the hop are passed on, against RFC 9110 7.6.1",
    (REFUSED, "RFC 9110 7.8"): "what stands behind a refused upgrade is read as a request; here "
    "nobody reads it",
    (
        OTHERWISE,
        "RFC 9110 7.8",
    ): "Upgrade and HTTP2-Settings are passed on as they came (HAProxy) or "
    "dropped (nginx), and what stands behind is read as a request; here only the protocols of "
    "`upgrades` are asked for, and nothing is read behind a refusal",
}

NGINX = {
    (ACCEPTED, "RFC 9110 5.1"): STRICT + "a line with a bad name is dropped and the rest served",
    (REFUSED, "RFC 9110 9.1"): "methods are capital letters only; RFC 9110 9.1 allows any token",
    (REFUSED, "RFC 9110 9.3.8"): "TRACE is refused; here it is the application's to refuse",
    (REFUSED, "RFC 9112 3.2"): "an empty Host is refused, though RFC 9110 7.2 allows it",
    (REFUSED, "RFC 9112 3.2.1"): "paths are decoded and those above the root refused; here the "
    "application gets the path as it came",
    (REFUSED, "RFC 9112 3.2.4"): "OPTIONS * is not passed on",
    (REFUSED, "RFC 9112 5"): "a tab around these values is refused, though it is white space "
    "(RFC 9110 5.6.3)",
    (OTHERWISE, "RFC 9110 5.1"): "names with other characters than letters, digits and hyphens are "
    "dropped",
    (OTHERWISE, "RFC 9110 6.5.1"): "trailers are dropped; RFC 9110 6.5.1 allows that",
    (OTHERWISE, "RFC 9110 10.1.1"): "nginx answers 100 by itself and drops Expect; here it goes to "
    "the application",
    (OTHERWISE, "RFC 9112 3.2.2"): "the authority of the target is not made the Host of HTTP/1.0 "
    "by this configuration",
    (OTHERWISE, "RFC 9112 3.2.4"): "the target becomes /; RFC 9112 3.2.4 wants *",
}

HAPROXY = {
    (ACCEPTED, "RFC 9110 9.3.6"): "CONNECT is passed on and the bytes behind it tunnelled; here "
    "CONNECT is refused",
    (ACCEPTED, "RFC 9110 15.6.6"): "the version is not looked at closely; here 505",
    (ACCEPTED, "RFC 9112 3.2.4"): STRICT + "* is passed on with any method",
    (ACCEPTED, "RFC 9112 5.2"): "obs-fold is replaced by spaces, which RFC 9112 5.2 allows beside "
    "refusing",
    (ACCEPTED, "RFC 9112 6.1"): "Content-Length is dropped beside chunked, which RFC 9112 6.1 "
    "allows beside refusing; chunked in HTTP/1.0 is taken",
    (REFUSED, "RFC 9112 3.2.1"): "octets above 127 in a target are refused; here the application "
    "gets them, as browsers and curl send them",
    (REFUSED, "RFC 9112 3.2.2"): "a target of authority and query alone is refused, though "
    "RFC 9112 3.2.2 and RFC 3986 3.3 allow an empty path",
    (OTHERWISE, "RFC 9110 2.5"): "the client's version is passed on; a gateway sends its own "
    "(RFC 9110 2.5)",
    (OTHERWISE, "RFC 9110 6.5.1"): "every trailer is passed on; here none of framing, routing, "
    "credentials and conditions (RFC 9110 6.5.1)",
    (OTHERWISE, "RFC 9112 3.2.2"): "the absolute form is passed on; an origin server must take it, "
    "but many do not",
    (OTHERWISE, "RFC 9112 3.2.4"): "the absolute form is passed on",
    (OTHERWISE, "RFC 9112 6.3"): "the client's version is passed on",
    (OTHERWISE, "RFC 9112 9.3"): "the client's version is passed on",
}


def why(program: str, difference: Difference) -> str:
    """The explanation; empty if there is none."""
    own = difference.case.nginx if program == "nginx" else difference.case.haproxy
    place = (difference.kind, difference.case.section)
    table = NGINX if program == "nginx" else HAPROXY
    return own or table.get(place) or BOTH.get(place, "")
