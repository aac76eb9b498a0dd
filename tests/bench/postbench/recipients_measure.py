"""RCPT after RCPT by two milters in turn: one that lets everything go on, and ours.

Both are asked by the same client in the milter protocol. Ours has the real posternd behind
it, and DNS; its destinations are known: one whose line asks for no proof, one with a pin,
whose server is a real Postfix.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
from dataclasses import dataclass
from pathlib import Path

from postlab import logs, product, space

from . import cpu
from .measure import BenchError, table
from .options import parser
from .setting import HOST, Setting

CONNECTIONS = (1, 16)
WAYS = {"all": "lets everything go on",
        "free": "postern-milter, no proof asked for",
        "pinned": "postern-milter, a pin"}


class MilterSetting(Setting):
    """The bench's receiver and service, and two milters in Postfix's place."""

    def start(self) -> None:
        self.tree.address("mta.sender.test", space.SENDER_IP)
        self.tree.address(HOST, "198.18.9.1")
        for way in WAYS:
            self.tree.mx(f"{way}.bench.test", 10, HOST)
        self.tree.start()
        self._start_receiver()
        self._start_service()
        self.directory = self.home / "milters"
        self.directory.mkdir()
        shutil.chown(self.directory, "postern-client")

    def _start_service(self) -> None:
        admin = product.Admin(self.programs, self.service.config)
        admin.must("init")
        admin.must("policy", "set", "pinned.bench.test", "fingerprint")
        admin.must("pin", "add", "pinned.bench.test", "--kind", "spki", "--role", "active",
                   "--label", "bench", "--digest", self.pin)
        self.service.start()

    def start_milters(self, client: Path) -> None:
        self.programs["bench"] = self.home / "bin" / "milter_recipients"
        shutil.copy(client, self.programs["bench"])
        self.milters = {
            "all": self.programs.start("bench", "accept-all", self.socket("all"),
                                       user="postern-client"),
            "ours": self.programs.start("postern-milter", "--socket", self.socket("ours"),
                                        "--service-socket", self.service.doors["sendmail"],
                                        user="postern-client")}
        for name in self.milters:
            logs.until((self.directory / name).exists, 20, "a milter listens")

    def socket(self, name: str) -> str:
        return f"local:{self.directory / name}"


@dataclass
class Run:
    rate: float        # recipients a second
    milter: float      # CPU microseconds a recipient
    posternd: float


def run(setting: MilterSetting, way: str, connections: int, seconds: int) -> Run:
    name = "all" if way == "all" else "ours"
    pids = setting.milters[name].pid, setting.service.process.pid
    place, before = setting.directory / name, cpu.processes()
    done = subprocess.run([setting.programs["bench"], "measure", place, str(connections),
                           str(seconds), f"{way}.bench.test"],
                          capture_output=True, text=True, check=False)
    said = re.search(r": (\d+) recipients/s, (\d+) ", done.stdout)
    if done.returncode != 0 or not said or said[2] != "0":
        raise BenchError(f"{way}: {done.stdout}{done.stderr}")
    after, count = cpu.processes(), int(said[1]) * seconds
    return Run(float(said[1]), *(1e6 * (after[pid].own - before[pid].own) / count
                                 for pid in pids))


def parse(arguments: list[str]) -> argparse.Namespace:
    return parser("recipients", "postern-milter beside one that does nothing, in turn.", "bench",
                  seconds=(4, "of each in each round"), rounds=(5, "rounds")).parse_args(arguments)


def main(chosen: argparse.Namespace) -> int:
    setting = MilterSetting(chosen.bin_dir, 8)
    setting.start()
    setting.start_milters(chosen.bin_dir / "tests" / "bench" / "milter_recipients")
    try:
        runs = {(way, n): [] for n in CONNECTIONS for way in WAYS}
        for way in WAYS:
            run(setting, way, 4, 1)
        loads = []
        for number in range(chosen.rounds):
            for n in CONNECTIONS:
                for way in list(WAYS)[::1 if number % 2 == 0 else -1]:
                    runs[way, n].append(run(setting, way, n, chosen.seconds))
            loads.append(os.getloadavg()[0])
        show(runs, loads)
    except (BenchError, OSError, logs.Timeout) as problem:
        print("\n".join([f"tests/bench/recipients: {problem}", setting.service.log.tail()]))
        return 1
    finally:
        for milter in setting.milters.values():
            milter.kill()
        setting.service.stop()
    return 0


def show(runs: dict, loads: list[float]) -> None:
    print(f"Load of the machine, this bench included: {min(loads):.1f} to {max(loads):.1f}. "
          "The ratio is the median of each round's.\n")
    def median(values) -> float:
        return statistics.median(list(values))

    table(["connections, milter", "recipients/s", "lowest-highest", "ratio",
           "CPU us: milter", "posternd"],
          [[f"{n}, {WAYS[way]}", f"{median(r.rate for r in done):.0f}",
            f"{min(r.rate for r in done):.0f}-{max(r.rate for r in done):.0f}",
            f"{median(a.rate / b.rate for a, b in zip(done, runs['all', n])):.2f}",
            f"{median(r.milter for r in done):.1f}", f"{median(r.posternd for r in done):.1f}"]
           for (way, n), done in runs.items()])
