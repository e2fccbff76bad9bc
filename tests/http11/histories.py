"""Random histories of a relay: what may happen, and what must hold whatever did.

Two clients send requests, whole or in pieces; applications answer them as each request's plan
says, in pieces too; either side may pause, or be lost. ``World`` plays one history and then lets
everything that can still be finished finish.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st

from lambdadispatch.http11.relay import RelayOutcome
from lambdadispatch.wire.heads import RequestHead, render_chunk
from lambdadispatch.wire.reader import CLOSED, NEED_MORE, End
from lambdadispatch.wire.request_reader import RequestReader
from tests.http11.stage import FRONT, Peer, RelayStage
from tests.memory.conformance import pattern
from tests.wire.reading import Notes, split

CLIENTS = 2


class Plan(NamedTuple):
    """One request and the answer to it. ``framing`` is ``length``, ``chunked`` or ``to close``."""

    method: bytes
    minor: int
    keep: bool
    body: bytes | None
    body_chunked: bool
    answer: bytes
    framing: str
    answer_keep: bool
    interim: bool

    def request(self, name: str) -> bytes:
        lines = [b"%b /%b HTTP/1.%d" % (self.method, name.encode(), self.minor), b"Host: a"]
        if self.keep != bool(self.minor):
            lines.append(b"Connection: " + (b"keep-alive" if self.keep else b"close"))
        body = self.body or b""
        if self.body is not None and self.body_chunked and self.minor:
            lines.append(b"Transfer-Encoding: chunked")
            body = chunked(body)
        elif self.body is not None:
            lines.append(b"Content-Length: %d" % len(body))
        return b"\r\n".join(lines) + b"\r\n\r\n" + body

    def response(self) -> bytes:
        lines = [b"HTTP/1.1 200 OK"]
        body = self.answer
        if self.framing == "chunked":
            lines.append(b"Transfer-Encoding: chunked")
            body = chunked(body)
        elif self.framing == "length":
            lines.append(b"Content-Length: %d" % len(body))
        if not self.answer_keep:
            lines.append(b"Connection: close")
        interim = b"HTTP/1.1 103 Early Hints\r\n\r\n" if self.interim else b""
        return interim + b"\r\n".join(lines) + b"\r\n\r\n" + (b"" if self.is_head else body)

    @property
    def closes(self) -> bool:
        """Whether the application closes after the answer."""
        return not self.answer_keep or (self.framing == "to close" and not self.is_head)

    @property
    def is_head(self) -> bool:
        return self.method == b"HEAD"


def chunked(body: bytes) -> bytes:
    """In chunks of any size: five octets, or a tenth of the body."""
    pieces = split(body, max(5, len(body) // 10))
    return b"".join(map(render_chunk, pieces)) + b"0\r\n\r\n"


SMALL = st.binary(max_size=20)
LARGE = st.sampled_from([3000, 70_000, 400_000]).map(pattern)


def plans(bodies: st.SearchStrategy[bytes]) -> st.SearchStrategy[list[list[Plan]]]:
    """For each client one to three requests."""
    plan = st.builds(
        Plan,
        method=st.sampled_from([b"GET", b"GET", b"POST", b"HEAD"]),
        minor=st.sampled_from([1, 1, 1, 0]),
        keep=st.sampled_from([True, True, True, False]),
        body=st.none() | bodies,
        body_chunked=st.booleans(),
        answer=bodies,
        framing=st.sampled_from(["length", "chunked", "to close"]),
        answer_keep=st.sampled_from([True, True, False]),
        interim=st.booleans(),
    )
    requests = st.lists(plan, min_size=1, max_size=3)
    return st.lists(requests, min_size=CLIENTS, max_size=CLIENTS)


class Application(Peer):
    """Reads requests and says ``output`` when it is told to: the answers that are planned."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self._reader = RequestReader()
        self._name = ""
        self.output = b""
        self.closing = False

    def dataReceived(self, data: bytes) -> None:
        self._reader.feed(data)
        while (event := self._reader.next_event()) not in {NEED_MORE, CLOSED}:
            if isinstance(event, RequestHead):
                self._name = event.target[1:].decode()
                assert not self.output, "a request before the last answer had left"
                self._world.bodies[self._name] = b""
                self._answer(self._world.plan_of(self._name))
            elif isinstance(event, bytes):
                self._world.bodies[self._name] += event
            elif isinstance(event, End):
                self._world.complete.add(self._name)

    def _answer(self, plan: Plan) -> None:
        self.output = plan.response()
        self.closing = plan.closes

    def say(self, size: int) -> None:
        """Send up to ``size`` octets of the answer; the last of it may close."""
        if self.ended is not None:
            return
        data, self.output = self.output[:size], self.output[size:]
        if data:
            self.send(data)
        if self.closing and not self.output:
            self.transport.loseConnection()


class Client(Peer):
    """Sends its requests when it is told to, one behind the other."""

    def __init__(self, number: int, plans: list[Plan]) -> None:
        super().__init__()
        self.plans = plans
        self.leaving = False
        self.names = [f"{number}.{index}" for index in range(len(plans))]
        pairs = zip(plans, self.names, strict=True)
        self.output = b"".join(plan.request(name) for plan, name in pairs)

    def say(self, size: int) -> None:
        data, self.output = self.output[:size], self.output[size:]
        if data and self.ended is None:
            self.send(data)

    def leave(self) -> None:
        """Close: it reads no more, but what it has said is still to be sent."""
        self.leaving = True
        self.transport.loseConnection()


Action = tuple[str, int, int]
SIZES = st.sampled_from([1, 7, 60, 1000, 1 << 20])
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["ask", "answer"]), st.integers(0, 3), SIZES),
        st.tuples(st.sampled_from(["ask", "answer"]), st.integers(0, 3), SIZES),
        st.tuples(
            st.sampled_from(["pause client", "resume client", "pause app", "resume app"]),
            st.integers(0, 3),
            st.just(0),
        ),
        st.tuples(
            st.sampled_from(
                ["close client", "reset client", "close app", "reset app", "give up", "connect"]
            ),
            st.integers(0, 3),
            st.just(0),
        ),
    ),
    max_size=30,
)


class World(RelayStage):
    """Plays a history."""

    def __init__(self, plans: list[list[Plan]], chunk: int | None) -> None:
        super().__init__(chunk, applications=0)
        self.bodies: dict[str, bytes] = {}
        self.complete: set[str] = set()
        self._plans = {
            f"{number}.{index}": plan
            for number, each in enumerate(plans)
            for index, plan in enumerate(each)
        }
        self.clients = [Client(number, each) for number, each in enumerate(plans)]
        for client in self.clients:
            self.network.connect(client, FRONT)
        self.connect()

    def plan_of(self, name: str) -> Plan:
        return self._plans[name]

    def make_application(self) -> Peer:
        return Application(self)

    def play(self, actions: list[Action]) -> None:
        for what, who, size in actions:
            client = self.clients[who % CLIENTS]
            live = [each for each in self.applications if each.ended is None]
            application = live[who % len(live)] if live else None
            self._step(what, client, application, size)
            self.pump()

    def _step(self, what: str, client: Client, app: Any, size: int) -> None:
        steps: dict[str, Callable[[], object]] = {
            "ask": lambda: client.say(size),
            "pause client": client.transport.pauseProducing,
            "resume client": client.transport.resumeProducing,
            "close client": client.leave,
            "reset client": client.transport.abortConnection,
            "connect": self.connect,
        }
        if app is not None:
            steps |= {
                "answer": lambda: app.say(size),
                "pause app": app.transport.pauseProducing,
                "resume app": app.transport.resumeProducing,
                "close app": app.transport.loseConnection,
                "reset app": app.transport.abortConnection,
                "give up": lambda: self.connections[self.applications.index(app)].lose("given_up"),
            }
        step = steps.get(what)
        if step is not None:
            step()

    def finish(self) -> None:
        """Resume everyone, send all that is left, and answer all that is asked."""
        for peer in [*self.clients, *self.applications]:
            if peer.ended is None:
                peer.transport.resumeProducing()
        for client in self.clients:
            client.say(len(client.output))
        self._answer_all()
        for client in self.clients:
            if client.leaving and client.ended is None:
                # It waits for the server to read on, and the server for it: only time ends that.
                client.transport.abortConnection()
        self._answer_all()

    def _answer_all(self) -> None:
        self.pump()
        for _ in range(4 * len(self._plans) + 4):
            if self.waiting and not self.idle:
                self.connect()
            for application in self.applications:
                assert isinstance(application, Application)
                application.say(len(application.output))
            self.pump()

    # -- what must hold

    def check(self) -> None:
        assert [len(outcomes) for outcomes in self.outcomes] == [1] * len(self.outcomes)
        assert not self.waiting
        for name, body in self.bodies.items():
            whole = self.plan_of(name).body or b""
            assert whole.startswith(body)
            assert name not in self.complete or body == whole
        for client in self.clients:
            self._check_answers(client)
        for connection in self.connections:
            assert connection.state in {"idle", "closed"}
        for server in self.server.connections:
            assert server.state in {"idle", "open", "uploading"}

    def _check_answers(self, client: Client) -> None:
        """Each answer is the planned one, the relay's own, or seen not to be whole."""
        notes = client.answers(*[plan.method for plan in client.plans])
        for plan in client.plans:
            notes = [note for note in notes if not str(note).startswith("103 ")]
            if not notes or notes[0] in {"more", "closed", "cut_short 502"}:
                break
            head, *notes = notes
            body = notes.pop(0) if isinstance(notes[0], bytes) else b""
            assert isinstance(body, bytes)
            if notes[0] == "end":
                notes.pop(0)
                self._check_whole(plan, str(head), body)
            else:
                assert notes in (["more"], ["cut_short 502"])
                assert client.ended != "done" or notes == ["cut_short 502"]
                break
        allowed: list[Notes] = [["more"], ["closed"], ["cut_short 502"]]
        assert notes in allowed

    def _check_whole(self, plan: Plan, head: str, body: bytes) -> None:
        if head.startswith("200 ") and plan.framing == "to close":
            # The end of the connection is its end, so a part of it cannot be told from the whole.
            assert (b"" if plan.is_head else plan.answer).startswith(body)
        elif head.startswith("200 "):
            assert body == (b"" if plan.is_head else plan.answer)
        else:
            assert head.startswith("502 ")
            assert body == (b"" if plan.is_head else RelayOutcome.ANSWER_LOST.encode())

    def check_reuse(self) -> None:
        """Whoever is still connected gets an answer to one more request."""
        again = Plan(b"GET", 1, True, None, False, b"again", "length", True, False)
        self._plans["again"] = again
        for client in self.clients:
            if client.ended is not None:
                continue
            before = len(client.received)
            client.send(again.request("again"))
            self.finish()
            assert client.ended is None
            assert client.received[before:].endswith(b"\r\n\r\nagain")
