"""The rounds, and the table that comes of them."""

import argparse
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from postlab import logs

from . import cpu
from .options import parser
from .setting import WAYS, Setting, domain

PATIENCE = 300


class BenchError(RuntimeError):
    """A message did not go the way that is measured: the figures would be of something else."""


@dataclass
class Run:
    """One way's messages in one round."""
    rate: float                # messages a second
    spent: dict[str, float]    # party: CPU milliseconds a message
    busy: float                # share of the machine's cores in use, by whomever


class Tail:
    """Counts words in what is appended to a log, without reading it twice."""

    def __init__(self, path: Path):
        self._file = open(path, "rb")  # pylint: disable=consider-using-with
        self._file.seek(0, 2)
        self._rest = b""
        self.lines: list[bytes] = []

    def read(self) -> list[bytes]:
        *whole, self._rest = (self._rest + self._file.read()).split(b"\n")
        self.lines += whole
        return self.lines

    def count(self, *words: bytes) -> int:
        return sum(all(word in line for word in words) for line in self.read())


def run(setting: Setting, way: str, count: int) -> Run:
    setting.load(way, count)
    sender, receiver = Tail(setting.sender.log.path), Tail(setting.receiver.log.path)
    to = b"@" + domain(way).encode()
    before, machine = cpu.parties(*setting.masters()), cpu.machine()
    begun = time.monotonic()
    setting.flush()
    logs.until(lambda: sender.count(to, b" status=") >= count, PATIENCE,
               f"{count} messages by {way}", every=0.01)
    took = time.monotonic() - begun
    after, later = cpu.parties(*setting.masters()), cpu.machine()
    sent = sender.count(to, b" status=sent ")
    if sent != count:
        wrong = next(x for x in sender.lines if to in x and b" status=sent " not in x)
        raise BenchError(f"{way}: {count - sent} of {count} were not sent: {wrong.decode()}")
    if way == "direct":  # each over TLS, on a connection of its own
        logs.until(lambda: receiver.count(b" starttls=1 ", b" data=1 ") >= count, 30,
                   f"the receiver saw {count} messages by {way}")
    elif way != "nothing":  # several of them on a connection
        logs.until(lambda: receiver.count(b": client=") >= count, 30,
                   f"the receiver saw {count} messages by {way}")
    if way in ("direct", "reuse") and sender.count(b"status=sent", b"relay=mx.bench.test") != count:
        raise BenchError("smtp(8) sent elsewhere")
    return Run(count / took, {k: 1000 * (after[k] - before[k]) / count for k in after},
               (later[0] - machine[0]) / (later[1] - machine[1]))


def table(head: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(row[i]) for row in [head] + rows) for i in range(len(head))]
    for row in [head, ["-" * w for w in widths]] + rows:
        print("| " + " | ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths))) + " |")


def show(runs: dict[str, list[Run]]) -> None:
    def median(values) -> float:
        return statistics.median(list(values))

    def ratio(way: str, other: str) -> str:
        if way == other or other not in runs:
            return "1" if way == other else "-"
        # Within a round: what else the machine does changes from round to round.
        return f"{median(a.rate / b.rate for a, b in zip(runs[way], runs[other])):.2f}"

    print("\nMedians of the rounds; the ratios are medians of each round's ratio.\n")
    table(["way", "messages/s", "lowest-highest", "to smtp(8)", "to its reuse", "to nothing",
           "cores busy"],
          [[WAYS[way], f"{median(r.rate for r in done):.0f}",
            f"{min(r.rate for r in done):.0f}-{max(r.rate for r in done):.0f}",
            ratio(way, "direct"), ratio(way, "reuse"), ratio(way, "nothing"),
            f"{median(r.busy for r in done):.0%}"] for way, done in runs.items()])
    print("\nCPU milliseconds a message, by who spends them "
          "(agent: pipe(8), lmtp(8), smtp(8) with tlsproxy(8); program: what pipe(8) starts):\n")
    names = list(next(iter(runs.values()))[0].spent)
    table(["way"] + names + ["sum"],
          [[way] + [f"{median(r.spent[n] for r in done):.2f}" for n in names]
           + [f"{median(sum(r.spent.values()) for r in done):.2f}"]
           for way, done in runs.items()])


def parse(arguments: list[str]) -> argparse.Namespace:
    options = parser("messages", "Messages a second through a real Postfix, several ways in turn.",
                     messages=(300, "of each way in each round"), rounds=(3, "rounds"),
                     processes=(20, "process and concurrency limit of each way"))
    options.add_argument("--kept-connections", type=int, metavar="N",
                         help="as in postern.conf; 0: a connection for each message")
    options.add_argument("--only", action="append", choices=list(WAYS),
                         help="only this way; may be repeated")
    return options.parse_args(arguments)


def main(chosen: argparse.Namespace) -> int:
    setting = Setting(chosen.bin_dir, chosen.processes, kept=chosen.kept_connections)
    setting.start()
    try:
        measure(setting, chosen)
    except (BenchError, OSError, logs.Timeout) as problem:
        print("\n".join([f"tests/bench/messages: {problem}"] + setting.trouble()[-10:]))
        return 1
    finally:
        setting.service.stop()
    return 0


def measure(setting: Setting, chosen: argparse.Namespace) -> None:
    ways = [w for w in WAYS if w in (chosen.only or WAYS)]
    runs: dict[str, list[Run]] = {way: [] for way in ways}
    for way in ways:  # the processes start, caches fill
        run(setting, way, 2 * chosen.processes)
    for number in range(chosen.rounds):
        turn = number % len(ways)
        for way in ways[turn:] + ways[:turn]:
            done = run(setting, way, chosen.messages)
            runs[way].append(done)
            print(f"round {number + 1}: {way:8} {done.rate:6.0f} messages/s", flush=True)
    show(runs)
