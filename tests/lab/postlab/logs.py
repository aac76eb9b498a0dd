"""Logs that are waited for, never slept for.

`Waiter.until()` looks again each time something may have happened, and gives
up at a deadline with whatever the condition last said.
"""

import threading
import time
from pathlib import Path


class Timeout(AssertionError):
    """What was waited for did not come in time."""


def until(condition, seconds: float, what: str, every: float = 0.03):
    """The first true value of `condition()`; Timeout after `seconds`.

    It looks again after `every` seconds at first, then after a tenth of the time waited:
    what takes long is not asked about a thousand times.
    """
    begun = time.monotonic()
    while True:
        value = condition()
        if value:
            return value
        waited = time.monotonic() - begun
        if waited > seconds:
            raise Timeout(f"not within {seconds:.0f} s: {what}")
        time.sleep(min(max(every, waited / 10), 0.5))


class LineLog:
    """The lines of a growing file, read once, kept, safe to ask from any thread."""

    def __init__(self, path: Path):
        self.path = path
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._offset = 0
        self._rest = b""

    def lines(self, since: int = 0) -> list[str]:
        """All complete lines so far, but for the first `since`."""
        with self._lock:
            try:
                with open(self.path, "rb") as file:
                    file.seek(self._offset)
                    new = file.read()
            except FileNotFoundError:
                return []
            if new:
                self._offset += len(new)
                *whole, self._rest = (self._rest + new).split(b"\n")
                self._lines += [line.decode("utf-8", "replace") for line in whole]
            return self._lines[since:]

    def tail(self, count: int = 15) -> str:
        return "\n".join(self.lines()[-count:])


class Index:
    """What a parser makes of each line of a log, read once: `read(line)` gives a key and a
    value, or None."""

    def __init__(self, log: LineLog, read):
        self.log, self._read = log, read
        self._lock = threading.Lock()
        self._count = 0
        self._found: dict = {}

    def get(self, key) -> list:
        """The values of that key so far, in their order."""
        with self._lock:
            for line in self.log.lines(self._count):
                self._count += 1
                pair = self._read(line)
                if pair:
                    self._found.setdefault(pair[0], []).append(pair[1])
            return list(self._found.get(key, ()))
