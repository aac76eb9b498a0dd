"""One message after another, by Exims in turn: plain ones, and one with Postern.

All ask for TLS, make a connection for each message and go to the same receiver. What is
not the same: the plain ones believe any certificate, one after trying to verify it with
all authorities of the system, as Exim does by itself, one without; the other has the
pinned key judged.

From a queue runner, one process tries all messages; "at once", each has a process of its
own, as mail has that is delivered when it comes.
"""

import argparse
import resource
import shutil
import signal
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from postlab import logs
from postlab.adapters.exim import advice, point_at
from postlab.exim import Exim

from . import cpu
from .measure import BenchError, Tail, table
from .options import parser
from .setting import HOST, Setting

WAYS = {"plain": "Exim", "lean": "Exim, no authorities", "bench": "Exim with Postern"}
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
    # Millions of instructions a message, user's and kernel's; with --instructions.
    exim_instructions: float = 0
    posternd_instructions: float = 0


class Count:
    """perf(1) counts the instructions of a command with all its children, or of a process."""

    def __init__(self, file: Path, *target: str):
        file.unlink(missing_ok=True)
        self.file = file
        self.line = ["perf", "stat", "-x,", "-o", str(file), "-e", "instructions:u,instructions:k",
                     *target]

    def watch(self) -> None:
        self.process = subprocess.Popen(self.line)  # pylint: disable=R1732,W0201
        time.sleep(0.3)  # it says nothing of having attached

    def end(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(10)

    def millions(self) -> float:
        counts = [line.split(",")[0] for line in self.file.read_text(encoding="ascii").splitlines()
                  if ",instructions:" in line]
        if len(counts) != 2 or not all(c.isdigit() for c in counts):
            raise BenchError(f"perf counts no instructions here: {counts}")
        return sum(map(int, counts)) / 1e6


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
        self.exims["lean"].configure(PLAIN | {
            "transports": PLAIN["transports"] + "  tls_verify_certificates =\n"})
        self.exims["bench"].configure(
            advice(self.programs, self.home / "exim", self.home / "bin" / "postern-exim.so"))

    def trouble(self) -> list[str]:
        return [line for exim in self.exims.values() for line in exim.log.lines()[-5:]
                + exim.panics()[-5:]]


def _own_cpu(pid: int) -> float:
    process = cpu.processes()[pid]
    return process.own


def run(setting: EximSetting, way: str, count: int, instructions: bool = False,
        at_once: bool = False) -> Run:
    exim = setting.exims[way]
    body = b"Subject: x\n\n" + b"Two thousand octets of mail, in lines of this.\n" * 40

    def hand_over(when: str) -> None:
        for number in range(count):
            exim.command_with(body, when, "-oi", "-f", "sender@sender.test",
                              f"m{number}@postern.bench.test")

    if not at_once:
        hand_over("-odq")
    receiver, log = Tail(setting.receiver.log.path), Tail(exim.log.path)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ours = Count(setting.home / "count-posternd", "-p", str(setting.service.process.pid))
    theirs = Count(setting.home / "count-exim", "--")
    if instructions:
        ours.watch()
    service, begun = _own_cpu(setting.service.process.pid), time.monotonic()
    if at_once:
        hand_over("-odf")
    else:
        exim.command("-qff", under=theirs.line if instructions else [])
    took = time.monotonic() - begun
    if instructions:
        ours.end()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    sent = log.count(b" => ", b"postern.bench.test", b" X=TLS1.3")
    if sent != count:
        raise BenchError(f"{way}: {sent} of {count} were sent over TLS")
    logs.until(lambda: receiver.count(b" starttls=1 ", b" quit=1 ") >= count, 30,
               f"the receiver saw {count} messages by {way}")
    spent = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    return Run(1000 * took / count, 1000 * spent / count,
               1000 * (_own_cpu(setting.service.process.pid) - service) / count,
               theirs.millions() / count if instructions else 0,
               ours.millions() / count if instructions else 0)


def parse(arguments: list[str]) -> argparse.Namespace:
    options = parser("exim", "Plain Exim beside Exim with Postern, in turn.",
                     messages=(60, "of each in each round"), rounds=(5, "rounds"))
    options.add_argument("--instructions", action="store_true",
                         help="count instructions as well, by perf(1); it costs a little time")
    options.add_argument("--at-once", action="store_true",
                         help="each message by a process of its own, not by a queue runner; "
                         "handing it over counts")
    chosen = options.parse_args(arguments)
    if chosen.instructions and (chosen.at_once or shutil.which("perf") is None):
        # Exim starts itself anew then, with other rights, which perf does not follow.
        options.error("--instructions needs perf(1), and a queue runner")
    return chosen


def main(chosen: argparse.Namespace) -> int:
    setting = EximSetting(chosen.bin_dir, 8)
    setting.start()
    try:
        runs: dict[str, list[Run]] = {way: [] for way in WAYS}
        for way in WAYS:
            run(setting, way, 10)
        for number in range(chosen.rounds):
            for way in list(WAYS)[::1 if number % 2 == 0 else -1]:
                runs[way].append(run(setting, way, chosen.messages, chosen.instructions,
                                     chosen.at_once))
        show(runs)
        if chosen.instructions:
            show_instructions(runs)
    except (BenchError, OSError, logs.Timeout) as problem:
        print("\n".join([f"tests/bench/exim: {problem}"] + setting.trouble()))
        return 1
    finally:
        setting.service.stop()
    return 0


def median(values) -> float:
    return statistics.median(list(values))


def show_instructions(runs: dict[str, list[Run]]) -> None:
    print("\nMillions of instructions a message, the kernel's among them.\n")
    table(["", "Exim", "posternd", "sum"],
          [[WAYS[way], f"{median(r.exim_instructions for r in done):.1f}",
            f"{median(r.posternd_instructions for r in done):.1f}",
            f"{median(r.exim_instructions + r.posternd_instructions for r in done):.1f}"]
           for way, done in runs.items()])


def show(runs: dict[str, list[Run]]) -> None:
    print("Medians of the rounds; the ratio is the median of each round's ratio.\n")
    table(["", "ms a message", "ratio", "CPU ms: Exim", "posternd", "sum", "ratio of CPU"],
          [[WAYS[way], f"{median(r.milliseconds for r in done):.2f}",
            f"{median(a.milliseconds / b.milliseconds for a, b in zip(done, runs['plain'])):.2f}",
            f"{median(r.exim for r in done):.2f}", f"{median(r.posternd for r in done):.2f}",
            f"{median(r.exim + r.posternd for r in done):.2f}",
            f"{median((a.exim + a.posternd) / b.exim for a, b in zip(done, runs['plain'])):.2f}"]
           for way, done in runs.items()])
