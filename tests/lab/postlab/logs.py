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
    """The first true value of `condition()`; Timeout after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Timeout(f"not within {seconds:.0f} s: {what}")
        time.sleep(every)


class LineLog:
    """The lines of a growing file, read once, kept, safe to ask from any thread."""

    def __init__(self, path: Path):
        self.path = path
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._offset = 0
        self._rest = b""

    def lines(self) -> list[str]:
        """All complete lines so far."""
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
            return list(self._lines)

    def tail(self, count: int = 15) -> str:
        return "\n".join(self.lines()[-count:])
