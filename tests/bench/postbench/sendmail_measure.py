"""The same messages, from a queue run, by three Sendmails in turn.

All go to one receiver that offers STARTTLS. The plain ones believe any certificate: one
keeps its connections for the next message, as Sendmail does by itself, one makes a
connection for each. The third has what `pin-admin config sendmail` prints, which keeps
one connection, and a pin: its rulesets ask about each recipient on it.
"""

import argparse
import os
import resource
import statistics
import time
from dataclasses import dataclass

from postlab import logs
from postlab.adapters.sendmail import advice
from postlab.sendmail import Sendmail

from . import cpu
from .measure import BenchError, Tail, table
from .options import parser
from .setting import HOST, Setting

ALONE = "define(`confMCI_CACHE_SIZE', `0')dnl\n"
WAYS = {"plain": "Sendmail, keeps connections", "alone": "Sendmail, a connection each",
        "postern": "Sendmail with Postern"}
BODY = "Subject: x\n\n" + "Two thousand octets of mail, in lines of this.\n" * 40


@dataclass
class Run:
    rate: float       # deliveries a second
    sendmail: float   # CPU milliseconds a message
    posternd: float


class SendmailSetting(Setting):
    """The bench's receiver and service, and three Sendmails in Postfix's place."""

    def _service_lines(self) -> dict:
        return {"sendmail-map-users": "root"}

    def start(self) -> None:
        self.tree.address("mta.sender.test", "198.18.0.1")
        self.tree.address(HOST, "198.18.9.1")
        self.tree.mx("postern.bench.test", 10, HOST)
        self.tree.start()
        self._start_receiver()
        self._start_service()
        self.mtas = {}
        parts = {"plain": {"before": "", "after": ""}, "alone": {"before": ALONE, "after": ""},
                 "postern": advice(self.programs, self.service.config)}
        for number, way in enumerate(WAYS):
            mta = Sendmail(self.home / way, 2540 + 2 * number, 2541 + 2 * number,
                           self.pki.roots_dir / "none.pem", self.home / "syslog")
            mta.configure(parts[way], "")
            self.mtas[way] = mta

    def trouble(self) -> list[str]:
        return self.syslog.log.lines()[-10:] + [self.service.log.tail()]


def run(setting: SendmailSetting, way: str, count: int) -> Run:
    mta = setting.mtas[way]
    for number in range(count):
        mta.command("-odq", "-oi", "-f", "sender@sender.test",
                    f"m{number}@postern.bench.test", given=BODY)
    receiver, log = Tail(setting.receiver.log.path), Tail(mta.log.path)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    service, begun = own_cpu(setting), time.monotonic()
    mta.run_queue()
    took = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    sent = log.count(b": to=", b"@postern.bench.test", b"stat=Sent")
    if sent != count or mta.queued():
        raise BenchError(f"{way}: {sent} of {count} were sent")
    logs.until(lambda: receiver.count(b": client=") >= count, 30,
               f"the receiver saw {count} messages by {way}")
    if way == "postern":
        logs.until(lambda: log.count(b"door=sendmail", b"verdict=pass") >= count, 30,
                   f"posternd has passed {count} messages")
    clear = receiver.count(b"disconnect from", b" data=") \
        - receiver.count(b"disconnect from", b" starttls=1 ", b" data=")
    if clear:
        raise BenchError(f"{way}: {clear} connections carried mail without TLS")
    spent = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    return Run(count / took, 1000 * spent / count, 1000 * (own_cpu(setting) - service) / count)


def own_cpu(setting: SendmailSetting) -> float:
    return cpu.processes()[setting.service.process.pid].own


def parse(arguments: list[str]) -> argparse.Namespace:
    return parser("sendmail", "Plain Sendmail beside Sendmail with Postern, in turn.",
                  messages=(40, "of each in each round"), rounds=(5, "rounds")
                  ).parse_args(arguments)


def main(chosen: argparse.Namespace) -> int:
    setting = SendmailSetting(chosen.bin_dir, 8)
    setting.start()
    try:
        runs: dict[str, list[Run]] = {way: [] for way in WAYS}
        for way in WAYS:
            run(setting, way, 5)
        loads = []
        for number in range(chosen.rounds):
            for way in list(WAYS)[::1 if number % 2 == 0 else -1]:
                runs[way].append(run(setting, way, chosen.messages))
            loads.append(os.getloadavg()[0])
        show(runs, loads)
    except (BenchError, OSError, logs.Timeout) as problem:
        print("\n".join([f"tests/bench/sendmail: {problem}"] + setting.trouble()))
        return 1
    finally:
        setting.service.stop()
    return 0


def show(runs: dict[str, list[Run]], loads: list[float]) -> None:
    def median(values) -> float:
        return statistics.median(list(values))

    def ratio(way: str, other: str) -> str:
        return f"{median(a.rate / b.rate for a, b in zip(runs[way], runs[other])):.2f}"

    print(f"Load of the machine, this bench included: {min(loads):.1f} to {max(loads):.1f}. "
          "Medians; the ratios are medians of each round's.\n")
    table(["", "deliveries/s", "lowest-highest", "to plain", "to a connection each",
           "CPU ms: Sendmail", "posternd"],
          [[WAYS[way], f"{median(r.rate for r in done):.1f}",
            f"{min(r.rate for r in done):.1f}-{max(r.rate for r in done):.1f}",
            ratio(way, "plain"), ratio(way, "alone"),
            f"{median(r.sendmail for r in done):.1f}", f"{median(r.posternd for r in done):.1f}"]
           for way, done in runs.items()])
