"""Resources that take the body as it comes, and producers under back-pressure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from lambda_side.hosts.web import WebHost
from tests.adapters.hosts_rig import HostCase, Rig, chunked, request
from tests.memory.recorders import Flood, pattern

MIB = 1 << 20


class Taking(Resource):
    """Renders at once; the test drives the request."""

    streams_request_body = True

    def __init__(self, on_render: Callable[[Any], None] | None = None) -> None:
        super().__init__()
        self.on_render = on_render
        self.requests: list[Any] = []
        self.pieces: list[bytes] = []
        self.ends = 0

    def render(self, request: Any) -> int:
        self.requests.append(request)
        if self.on_render is not None:
            self.on_render(request)
        return NOT_DONE_YET

    def take(self, request: Any) -> None:
        request.receive_body(self.pieces.append, self.ended)

    def ended(self) -> None:
        self.ends += 1

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)


class TakingCase(HostCase):
    """A resource at /take, and one at /page that is rendered when the body is complete."""

    def setUp(self) -> None:
        self.taking = Taking()
        self.root = Resource()
        self.root.putChild(b"take", self.taking)
        self.rig = Rig(lambda rig: WebHost(rig.clock, self.root), self.chunk)


class StreamedBodyTests(TakingCase):
    """``streams_request_body``."""

    def test_rendered_when_the_head_is_complete(self) -> None:
        self.taking.on_render = self.taking.take
        client = self.rig.ask(request("PUT", "/take?a=1", "Content-Length: 10") + b"01234")
        req = self.taking.requests[0]
        self.assertEqual((req.method, req.args, req.postpath), (b"PUT", {b"a": [b"1"]}, []))
        self.assertEqual(req.content.read(), b"")
        self.assertEqual((self.taking.body, self.taking.ends), (b"01234", 0))
        self.rig.send(client, b"56789")
        self.assertEqual((self.taking.body, self.taking.ends), (b"0123456789", 1))
        self.assertEqual(self.rig.ended, 0)
        req.finish()
        self.assertEqual(self.rig.ended, 1)

    def test_chunked(self) -> None:
        self.taking.on_render = self.taking.take
        client = self.rig.ask(request("POST", "/take", "Transfer-Encoding: chunked"))
        self.rig.send(client, chunked(b"one", b"two"))
        self.assertEqual(self.taking.body, b"onetwo")
        self.rig.send(client, b"0\r\n\r\n")
        self.assertEqual(self.taking.ends, 1)

    def test_without_a_body_it_ends_at_once(self) -> None:
        self.taking.on_render = self.taking.take
        self.rig.ask(request("GET", "/take"))
        self.assertEqual((self.taking.body, self.taking.ends), (b"", 1))

    def test_answer_begins_before_the_body_has_ended(self) -> None:
        def begin(req: Any) -> None:
            req.write(b"begun ")
            self.taking.take(req)

        self.taking.on_render = begin
        client = self.rig.ask(request("PUT", "/take", "Content-Length: 4") + b"ab")
        self.assertTrue(client.received.endswith(b"begun \r\n"))
        self.rig.send(client, b"cd")
        self.taking.requests[0].finish()
        self.rig.network.pump()
        self.assertTrue(client.answer(b"PUT").whole)

    def test_answer_ends_before_the_body_has_ended(self) -> None:
        def answer(req: Any) -> None:
            self.taking.take(req)
            req.write(b"enough")
            req.finish()

        self.taking.on_render = answer
        client = self.rig.ask(request("PUT", "/take", "Content-Length: 4") + b"ab")
        self.assertEqual((client.answer(b"PUT").body, self.rig.ended), (b"enough", 0))
        self.rig.send(client, b"cd" + request("GET", "/nowhere"))
        self.assertEqual(self.taking.body, b"")
        self.assertEqual(self.rig.ended, 2)
        self.assertIn(b"404", client.received)

    def test_body_that_is_never_taken_is_passed_over(self) -> None:
        client = self.rig.ask(request("PUT", "/take", "Content-Length: 4") + b"abcd")
        self.taking.requests[0].finish()
        self.rig.network.pump()
        self.assertTrue(client.answer(b"PUT").whole)
        self.assertEqual(self.rig.ended, 1)

    def test_body_waits_until_it_is_taken(self) -> None:
        client = self.rig.ask(request("PUT", "/take", "Content-Length: 4") + b"abcd")
        self.assertEqual(self.taking.body, b"")
        self.taking.requests[0].resume_body()
        self.assertEqual(self.taking.body, b"")
        self.taking.take(self.taking.requests[0])
        self.rig.network.pump()
        self.assertEqual((self.taking.body, self.taking.ends), (b"abcd", 1))
        self.assertIsNone(client.lost)

    def test_taken_twice(self) -> None:
        self.rig.ask(request("PUT", "/take", "Content-Length: 4"))
        self.taking.take(self.taking.requests[0])
        self.assertRaises(RuntimeError, self.taking.take, self.taking.requests[0])

    def test_resource_is_looked_up_once(self) -> None:
        looks: list[bytes] = []

        class Dynamic(Resource):
            def getChild(dynamic, path: bytes, request: Any) -> Resource:
                looks.append(path)
                return self.taking if path == b"take" else Dynamic()

        self.root.putChild(b"dynamic", Dynamic())
        for path in ("/dynamic/a/take", "/dynamic/a/b"):
            self.rig.ask(request("PUT", path, body=b"x"))
        self.assertEqual(looks, [b"a", b"take", b"a", b"b"])
        self.assertEqual(self.taking.requests[0].prepath, [b"dynamic", b"a", b"take"])

    def test_client_leaves(self) -> None:
        ends: list[object] = []

        def take(req: Any) -> None:
            self.taking.take(req)
            req.notifyFinish().addBoth(ends.append)

        self.taking.on_render = take
        client = self.rig.ask(request("PUT", "/take", "Content-Length: 10") + b"abcd")
        self.rig.leave(client)
        self.assertIsInstance(ends[0], Failure)
        self.assertEqual((self.taking.ends, self.rig.ended), (0, 1))
        for call in (self.taking.requests[0].pause_body, self.taking.requests[0].resume_body):
            call()

    def test_error_in_what_takes_the_body(self) -> None:
        def fail(data: bytes) -> None:
            raise ZeroDivisionError("in data")

        self.taking.on_render = lambda req: req.receive_body(fail, self.taking.ended)
        client = self.rig.ask(request("PUT", "/take", "Content-Length: 4") + b"abcd")
        self.assertEqual(client.answer(b"PUT").status, 500)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual((self.taking.ends, self.rig.ended), (0, 1))

    def test_error_at_the_end_of_the_body(self) -> None:
        def fail() -> None:
            raise ZeroDivisionError("in end")

        self.taking.on_render = lambda req: req.receive_body(self.taking.pieces.append, fail)
        client = self.rig.ask(request("PUT", "/take", "Content-Length: 4") + b"abcd")
        self.assertEqual(client.answer(b"PUT").status, 500)
        self.flushLoggedErrors(ZeroDivisionError)


class StreamedBodyBytewiseTests(StreamedBodyTests):
    """The same, byte by byte."""

    chunk = 1


class ContinueTests(TakingCase):
    """``Expect: 100-continue``."""

    EXPECT = ("Expect: 100-continue", "Content-Length: 4")

    def test_sent_when_the_body_is_taken(self) -> None:
        client = self.rig.ask(request("PUT", "/take", *self.EXPECT))
        self.assertEqual(client.received, b"")
        self.taking.take(self.taking.requests[0])
        self.rig.network.pump()
        self.assertEqual(client.received, b"HTTP/1.1 100 Continue\r\n\r\n")

    def test_not_sent_by_who_answers_without_the_body(self) -> None:
        def refuse(req: Any) -> None:
            req.setResponseCode(403)
            req.finish()

        self.taking.on_render = refuse
        client = self.rig.ask(request("PUT", "/take", *self.EXPECT))
        answer = client.answer(b"PUT")
        self.assertEqual((answer.status, answer.interim), (403, []))

    def test_sent_for_a_resource_that_waits_for_the_body(self) -> None:
        client = self.rig.ask(request("PUT", "/nowhere", *self.EXPECT))
        self.assertEqual(client.received, b"HTTP/1.1 100 Continue\r\n\r\n")
        self.rig.send(client, b"abcd")
        self.assertEqual(client.answer(b"PUT").status, 404)

    def test_not_after_the_answer_has_begun(self) -> None:
        def begin(req: Any) -> None:
            req.write(b"first")
            self.taking.take(req)

        self.taking.on_render = begin
        client = self.rig.ask(request("PUT", "/take", *self.EXPECT))
        self.assertNotIn(b"100 Continue", client.received)


@implementer(IPullProducer)
class Pulled:
    """Writes a piece each time it is asked, then finishes."""

    def __init__(self, req: Any, *pieces: bytes) -> None:
        self.req = req
        self.pieces = list(pieces)
        self.pulls = 0
        self.stops = 0
        req.registerProducer(self, False)

    def resumeProducing(self) -> None:
        self.pulls += 1
        if self.pieces:
            self.req.write(self.pieces.pop(0))
        else:
            self.req.unregisterProducer()
            self.req.finish()

    def stopProducing(self) -> None:
        self.stops += 1


@implementer(IPushProducer)
class Orders:
    """Notes what it is told."""

    def __init__(self, req: Any) -> None:
        self.orders: list[str] = []
        req.registerProducer(self, True)

    def pauseProducing(self) -> None:
        self.orders.append("pause")

    def resumeProducing(self) -> None:
        self.orders.append("resume")

    def stopProducing(self) -> None:
        self.orders.append("stop")


class ProducerTests(TakingCase):
    """``registerProducer``, with a client that reads slowly."""

    def begin(self) -> Any:
        """A request whose answer the test writes; the client does not read."""
        self.client = self.rig.ask(request("GET", "/take"))
        self.client.link.freeze("client")
        return self.taking.requests[0]

    def thaw(self) -> None:
        self.client.link.thaw("client")
        self.rig.network.pump()

    def test_push(self) -> None:
        req = self.begin()
        producer = Orders(req)
        req.write(b"x" * 60_000)
        self.rig.network.pump()
        self.assertEqual(producer.orders, [])
        req.write(b"x" * 200_000)
        self.assertEqual(producer.orders, ["pause"])
        self.thaw()
        self.assertEqual(producer.orders, ["pause", "resume"])

    def test_push_registered_while_slow(self) -> None:
        req = self.begin()
        req.write(b"x" * 200_000)
        producer = Orders(req)
        self.assertEqual(producer.orders, ["pause"])
        req.unregisterProducer()
        self.thaw()
        self.assertEqual(producer.orders, ["pause"])

    def test_large_answer_in_bounded_memory(self) -> None:
        req = self.begin()
        data = pattern(4 * MIB)
        flood = Flood(req, data)
        flood.start()
        self.rig.network.pump()
        self.assertEqual((flood.is_done, flood.pauses), (False, 1))
        self.assertLess(req.sentLength, MIB // 4)
        self.thaw()
        self.assertTrue(flood.is_done)
        req.finish()
        self.rig.network.pump()
        self.assertEqual(self.client.answer().body, data)

    def test_pull(self) -> None:
        req = self.begin()
        producer = Pulled(req, b"one ", b"", b"two")
        self.assertEqual(producer.pulls, 0)
        self.thaw()
        self.assertEqual((producer.pulls, self.client.answer().body), (4, b"one two"))
        self.assertEqual(self.rig.clock.getDelayedCalls(), [])

    def test_pull_stops_while_the_client_is_slow(self) -> None:
        req = self.begin()
        block = b"x" * 65536
        producer = Pulled(req, *[block] * 50)
        self.rig.network.pump()
        self.assertLess(producer.pulls, 5)
        self.assertEqual(self.rig.clock.getDelayedCalls(), [])
        self.thaw()
        self.assertEqual(self.client.answer().body, block * 50)

    def test_producers_are_stopped_when_the_client_leaves(self) -> None:
        pulled = Pulled(self.begin(), *[b"x" * 65536] * 50)
        self.rig.leave(self.client)
        self.assertEqual(pulled.stops, 1)
        self.taking.requests.clear()
        orders = Orders(self.begin())
        self.rig.leave(self.client)
        self.assertEqual(orders.orders, ["stop"])
        self.assertEqual(self.rig.clock.getDelayedCalls(), [])

    def test_a_second_producer(self) -> None:
        req = self.begin()
        Orders(req)
        self.assertRaises(ValueError, Orders, req)

    def test_pull_producer_that_fails(self) -> None:
        req = self.begin()
        producer = Pulled(req, b"")
        producer.pieces = None  # type: ignore[assignment]
        producer.req = None
        self.thaw()
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
        self.assertIsNotNone(self.client.lost)
        self.assertEqual((producer.stops, self.rig.ended), (1, 1))

    def test_body_is_held_back(self) -> None:
        self.taking.on_render = self.taking.take
        client = self.rig.ask(request("PUT", "/take", f"Content-Length: {4 * MIB}"))
        req = self.taking.requests[0]
        req.pause_body()
        assert client.transport is not None
        data = pattern(4 * MIB)
        flood = Flood(client.transport, data)  # type: ignore[arg-type]
        flood.start()
        self.rig.network.pump()
        self.assertEqual((self.taking.body, flood.is_done), (b"", False))
        req.resume_body()
        self.rig.network.pump()
        self.assertEqual(self.taking.body, data)
