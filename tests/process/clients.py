"""Many clients at once, in threads."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from tests.process.router import LIMIT, Answer, ask


def all_at_once(port: int, paths: Sequence[str]) -> "list[Future[Answer]]":
    """One request for each path, each on a thread and a connection of its own."""
    pool = ThreadPoolExecutor(len(paths))
    answers = [pool.submit(ask, port, path) for path in paths]
    pool.shutdown(wait=False)
    return answers


def statuses(answers: "Sequence[Future[Answer]]") -> Counter[int]:
    """How often each status came; 0 stands for an answer that was cut."""
    return Counter(answer.result(LIMIT).status for answer in answers)


class Clients:
    """Clients that ask for ``path`` again and again until they are told to stop."""

    def __init__(self, port: int, path: str, count: int) -> None:
        self.statuses: Counter[int] = Counter()
        self._port = port
        self._path = path
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(count)
        self._clients = [self._pool.submit(self._run) for _ in range(count)]

    def _run(self) -> Counter[int]:
        seen: Counter[int] = Counter()
        while not self._over.is_set():
            status = ask(self._port, self._path).status
            seen[status] += 1
            self.statuses[status] += 1
        return seen

    def stop(self) -> Counter[int]:
        """Let each finish what it has asked; how often each status came to all."""
        self._over.set()
        give_up = time.monotonic() + LIMIT
        counts = [client.result(give_up - time.monotonic()) for client in self._clients]
        self._pool.shutdown()
        return sum(counts, Counter())
