"""One worker's place: its sockets, its process, and what becomes of it when the process ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from txaio.tx import make_logger

from lambdadispatch.router.ports import CannotListen
from lambdadispatch.router.tls_files import TlsMaterial
from lambdadispatch.settings import Settings
from lambdadispatch.workers.liveness import BEAT, Silence
from lambdadispatch.workers.orders import patience
from lambdadispatch.workers.process import FIRST_SOCKET, Keeper, Process
from lambdadispatch.workers.shares import Share, settings_of, sockets_of
from lambdadispatch.workers.sockets import SHARED, Sockets, close_sockets, listens, number_of, renew
from lambdadispatch.workers.supervision import Decision, GiveUp, Supervision

log = make_logger()

Spawn = Callable[[int, bytes, Sequence[int], Keeper], Process]
"""Starts a process: the worker's number, what it is told, its sockets, who hears of it."""

LEFT_BEHIND = 5.0
"""Seconds between the order to hurry and the end by force."""


class Owner(Protocol):
    """Who has the places."""

    def place_ready(self) -> None:
        """A worker is ready, for the first time or again."""

    def gave_up(self, reason: str, code: int) -> None:
        """A worker cannot be started at all."""


class Place:
    """A worker's place. ``settings`` are those of the router as a whole.

    It is to be looked at every ``beat`` seconds. ``ports`` are the numbers of its ports by the name
    of their setting; ``ready`` says whether its worker is; ``failed_end`` how it ended if that was
    not in order, although it had been told to.
    """

    def __init__(
        self,
        clock: IReactorTime,
        number: int,
        settings: Settings,
        sockets: Sockets,
        spawn: Spawn,
        owner: Owner,
        beat: float = BEAT,
    ) -> None:
        self.number = number
        self.supervision = Supervision()
        self.silence = Silence()
        self.ready = False
        self.failed_end: str | None = None
        self.ports = {name: number_of(each) for name, each in sockets.items()}
        self._clock = clock
        self._settings = settings
        self._sockets = sockets
        self._spawn = spawn
        self._owner = owner
        self._beat = beat
        self._local_url: str | None = None
        self._tls = TlsMaterial()
        self._process: Process | None = None
        self._reason: str | None = None
        self._stopping = False
        self._killed = False
        self._timer: IDelayedCall | None = None
        self._gone: list[Deferred[None]] = []

    @property
    def pid(self) -> int | None:
        """The process id of its worker, if there is one."""
        return None if self._process is None else self._process.pid

    # -- starting

    def start(self, local_url: str | None) -> None:
        """Start its first worker."""
        self._local_url = local_url
        self._start()

    def renew(self, material: TlsMaterial) -> None:
        """Have its workers show these certificates: the one that runs, and those to come."""
        self._tls = material
        if self._process is not None:
            self._process.renew(material)

    def _start(self) -> None:
        self._timer = self._reason = None
        self.supervision.started(self._clock.seconds())
        self.silence.began()
        try:
            self._relisten()
            settings = settings_of(self._settings, self.number, self.ports)
            names = enumerate(self._sockets, FIRST_SOCKET)
            inherited = sockets_of(settings, {name: number for number, name in names})
            share = Share(self.number, settings, inherited, self._local_url, self._beat, self._tls)
            descriptors = [each.fileno() for each in self._sockets.values()]
            self._process = self._spawn(self.number, share.encode(), descriptors, self)
        except (OSError, CannotListen) as error:
            self.exited(f"could not be started: {error}", 1)

    def _relisten(self) -> None:
        """Twisted's own ports shut down what they inherited when they close it in order."""
        for name in tuple(self._sockets):
            if listens(self._sockets[name]):
                continue
            if name in SHARED:
                self._leave_group(name)
            else:
                renew(self._sockets, name)

    def _leave_group(self, name: str) -> None:
        try:
            renew(self._sockets, name)
        except CannotListen as error:
            log.error("worker {worker}: {error}", worker=self.number, error=error)

    # -- what the process tells

    def came_up(self) -> None:
        """It is up."""
        self.supervision.came_up()

    def became_ready(self) -> None:
        """It is ready."""
        self.ready = True
        self._owner.place_ready()

    def was_alive(self) -> None:
        """Its loop turns."""
        self.silence.heard()

    def failed(self, reason: str) -> None:
        """It told why it cannot start."""
        self._reason = reason

    def exited(self, how: str, code: int) -> None:
        """Its process is gone, or never came to be."""
        self._process = None
        self.ready = False
        self._cancel()
        if self._stopping:
            if self._killed or code:
                self.failed_end = f"worker {self.number} {how}"
            self._left()
        else:
            self._decide(self.supervision.ended(self._clock.seconds()), how, code)

    def _decide(self, decision: Decision, how: str, code: int) -> None:
        if isinstance(decision, GiveUp):
            reason = self._reason or (
                f"lambdadispatch: worker {self.number} {how} before it could serve"
            )
            self._owner.gave_up(reason, code or 1)
            return
        log.error(
            "worker {worker} {how}: the next one starts in {seconds:g} s",
            worker=self.number,
            how=how,
            seconds=decision.after,
        )
        if decision.absent:
            for name in SHARED:
                if name in self._sockets:
                    self._leave_group(name)
        self._timer = self._clock.callLater(decision.after, self._start)

    # -- one that is stuck

    def looked_at(self) -> bool:
        """Whether it has been silent for too long, and should be replaced; for each beat."""
        return self._process is not None and not self._stopping and self.silence.looked()

    def replace(self) -> None:
        """End it; the next one starts as after any end."""
        log.error(
            "worker {worker} has shown no sign of life for {seconds:g} s: it is killed",
            worker=self.number,
            seconds=self.silence.looks * self._beat,
        )
        self.silence.began()
        if self._process is not None:
            self._process.kill()

    # -- ending

    def close(self) -> None:
        """Close the parent's copies of the sockets."""
        close_sockets(self._sockets)

    def drain(self) -> Deferred[None]:
        """Have its worker finish and end; fires when it is gone, if need be by force."""
        self._stopping = True
        self._cancel()
        if self._process is None:
            return succeed(None)
        self._process.drain()
        self._kill_in(patience(self._settings))
        gone: Deferred[None] = Deferred()
        self._gone.append(gone)
        return gone

    def hurry(self) -> None:
        """Have it end without waiting."""
        if self._process is not None:
            self._process.hurry()
            self._kill_in(LEFT_BEHIND)

    def _kill_in(self, seconds: float) -> None:
        self._cancel()
        self._timer = self._clock.callLater(seconds, self._kill)

    def _kill(self) -> None:
        self._timer = None
        self._killed = True
        log.error("worker {worker} has not ended: it is killed", worker=self.number)
        if self._process is not None:
            self._process.kill()

    def _left(self) -> None:
        gone, self._gone = self._gone, []
        for each in gone:
            each.callback(None)

    def _cancel(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
