"""One message after another, by two Exims in turn: the plain one, and one with Postern.

Both ask for TLS, both make a connection for each message, both go to the same
receiver, from the same queue runner. What is not the same: the plain one believes any
certificate; the other has the pinned key judged.
"""

import argparse
import resource
import statistics
import time
from dataclasses import dataclass

from postlab import logs
from postlab.adapters.exim import advice, point_at
from postlab.exim import Exim

from . import cpu
from .measure import BenchError, Tail, table
from .options import parser
from .setting import HOST, Setting

WAYS = {"plain": "Exim", "bench": "Exim with Postern"}
PLAIN = {
    "macros": "",
    "routers": "out:\n  driver = dnslookup\n  domains = ! +local_domains\n"
               "  transport = out\n  self = send\n",
    "transports": "out:\n  driver = smtp\n  multi_domain = false\n"
                  "  connection_max_messages = 1\n  hosts_require_tls = *\n"
                  "  hosts_try_dane =\n",
    "retry": "",
}


@dataclass
class Run:
    milliseconds: float   # a message, from one to the next
    exim: float           # CPU milliseconds a message
    posternd: float


class EximSetting(Setting):
    """The bench's receiver and service, and two Exims in Postfix's place."""

    def start(self) -> None:
        self.tree.address("mta.sender.test", "198.18.0.1")
        self.tree.address(HOST, "198.18.9.1")
        self.tree.mx("postern.bench.test", 10, HOST)
        self.tree.start()
        self._start_receiver()
        self._start_service()
        point_at(self.service.doors["exim"])
        self.exims = {name: Exim(self.home / "exim", name, 2530 + i)
                      for i, name in enumerate(WAYS)}
        self.exims["plain"].configure(PLAIN)
        self.exims["bench"].configure(
            advice(self.programs, self.home / "exim", self.home / "bin" / "postern-exim.so"))

    def trouble(self) -> list[str]:
        return [line for exim in self.exims.values() for line in exim.log.lines()[-5:]
                + exim.panics()[-5:]]


def _own_cpu(pid: int) -> float:
    process = cpu.processes()[pid]
    return process.own


def run(setting: EximSetting, way: str, count: int) -> Run:
    exim = setting.exims[way]
    body = "Subject: x\n\n" + "Two thousand octets of mail, in lines of this.\n" * 40
    for number in range(count):
        exim.command_with(body, "-odq", "-oi", "-f", "sender@sender.test",
                          f"m{number}@postern.bench.test")
    receiver, log = Tail(setting.receiver.log.path), Tail(exim.log.path)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    service, begun = _own_cpu(setting.service.process.pid), time.monotonic()
    exim.command("-qff")
    took = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    sent = log.count(b" => ", b"postern.bench.test", b" X=TLS1.3")
    if sent != count:
        raise BenchError(f"{way}: {sent} of {count} were sent over TLS")
    logs.until(lambda: receiver.count(b" starttls=1 ", b" quit=1 ") >= count, 30,
               f"the receiver saw {count} messages by {way}")
    spent = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    return Run(1000 * took / count, 1000 * spent / count,
               1000 * (_own_cpu(setting.service.process.pid) - service) / count)


def parse(arguments: list[str]) -> argparse.Namespace:
    return parser("exim", "Plain Exim beside Exim with Postern, in turn.",
                  messages=(60, "of each in each round"), rounds=(5, "rounds")
                  ).parse_args(arguments)


def main(chosen: argparse.Namespace) -> int:
    setting = EximSetting(chosen.bin_dir, 8)
    setting.start()
    try:
        runs: dict[str, list[Run]] = {way: [] for way in WAYS}
        for way in WAYS:
            run(setting, way, 10)
        for number in range(chosen.rounds):
            for way in list(WAYS)[::1 if number % 2 == 0 else -1]:
                runs[way].append(run(setting, way, chosen.messages))
        show(runs)
    except (BenchError, OSError, logs.Timeout) as problem:
        print("\n".join([f"tests/bench/exim: {problem}"] + setting.trouble()))
        return 1
    finally:
        setting.service.stop()
    return 0


def show(runs: dict[str, list[Run]]) -> None:
    def median(values) -> float:
        return statistics.median(list(values))

    print("Medians of the rounds; the ratio is the median of each round's ratio.\n")
    table(["", "ms a message", "ratio", "CPU ms: Exim", "posternd", "sum", "ratio of CPU"],
          [[WAYS[way], f"{median(r.milliseconds for r in done):.2f}",
            f"{median(a.milliseconds / b.milliseconds for a, b in zip(done, runs['plain'])):.2f}",
            f"{median(r.exim for r in done):.2f}", f"{median(r.posternd for r in done):.2f}",
            f"{median(r.exim + r.posternd for r in done):.2f}",
            f"{median((a.exim + a.posternd) / b.exim for a, b in zip(done, runs['plain'])):.2f}"]
           for way, done in runs.items()])
