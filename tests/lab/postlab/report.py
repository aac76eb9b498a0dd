"""What people see: colours on a terminal, results in columns, one closing line."""

import os
import sys
import threading

_CODES = {"green": "32", "red": "31", "yellow": "33", "cyan": "36", "grey": "90", "bold": "1"}


def colourful() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def paint(text: str, colour: str) -> str:
    return f"\033[{_CODES[colour]}m{text}\033[0m" if colourful() else text


class Tally:
    """Counts results and prints each as it comes; safe from any thread."""

    def __init__(self, quiet: bool = False):
        self.passed, self.failed = 0, 0
        self.failures: list[str] = []
        self.quiet = quiet
        self._lock = threading.Lock()

    def add(self, name: str, problem: str = "", note: str = "") -> None:
        """`problem` empty: passed."""
        with self._lock:
            if problem:
                self.failed += 1
                self.failures.append(name)
                print(f"{paint('FAIL', 'red')}  {name}")
                for line in problem.strip().splitlines():
                    print(f"      {line}")
            else:
                self.passed += 1
                if not self.quiet:
                    print(f"{paint('pass', 'green')}  {name}"
                          + (paint(f"  {note}", "grey") if note else ""))
            sys.stdout.flush()

    def check(self, name: str, good: bool, seen: str = "") -> None:
        self.add(name, "" if good else (seen or "it is not so"))

    def close(self, what: str, seconds: float) -> int:
        """The closing line; the program's exit status."""
        colour = "red" if self.failed else "green"
        print(paint(f"{what}: {self.passed} passed, {self.failed} failed", colour)
              + f" ({seconds:.0f} s)")
        if not self.passed:
            print("nothing was tested: that is a failure too")
        return 1 if self.failed or not self.passed else 0


def note(text: str) -> None:
    """Progress, on a terminal's error stream or a log's."""
    print(paint(f"· {text}", "grey") if sys.stderr.isatty() else f"· {text}",
          file=sys.stderr, flush=True)
