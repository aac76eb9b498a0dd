"""Known keys, asked of posternd's policy map and of postfix-mta-sts-resolver in turn.

Both answer from what they hold in memory, without logging: posternd from lines of its
policy at `secure`, the resolver from policies that it fetched from the lab's policy hosts
while it was warmed up. For `--stuck`, so many further connections wait for lookups of
names that a silent name server has.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from postlab import logs, packages, product, space
from postlab.policy_hosts import PolicyHost, PolicyHosts

from .measure import BenchError, table
from .options import parser
from .setting import HOST, Setting

KEYS = 200
CONNECTIONS = (1, 16, 256)
SILENT = "silent.test"
OURS, THEIRS = 8462, 8461  # loopback ports
RESOLVER = ("postfix-mta-sts-resolver", "python3-aiodns", "python3-aiohttp", "python3-yaml",
            "python3-pycares", "python3-aiosqlite", "python3-async-timeout",
            "python3-multidict", "python3-yarl", "python3-frozenlist", "python3-aiosignal",
            "python3-attr", "python3-charset-normalizer", "python3-uvloop", "python3-idna",
            "libc-ares2", "libuv1", "libyaml-0-2", "libhttp-parser2.9")
CONFIG = """\
host: 127.0.0.1
port: {port}
reuse_port: true
cache: {{type: internal, options: {{cache_size: 10000}}}}
cache_grace: 3600
default_zone: {{strict_testing: false, timeout: 10}}
"""


def unpack_resolver() -> Path:
    return packages.unpacked_root(lambda text: print(text, file=sys.stderr), "mta-sts-resolver",
                                  dict.fromkeys(RESOLVER))


class MapSetting(Setting):
    """The lab's DNS and policy hosts, posternd with two hundred lines, and the resolver."""

    def start(self) -> None:
        self.domains = [f"d{i}.bench.test" for i in range(KEYS)]
        self.tree.address("mta.sender.test", space.SENDER_IP)
        self.tree.silent(SILENT)
        self.hosts = PolicyHosts(self.home / "sts", [
            SimpleNamespace(domain=domain, id=number, sts=PolicyHost(mx=[HOST]), receivers=[])
            for number, domain in enumerate(self.domains)], self.pki)
        self.hosts.publish(self.tree)
        self.tree.start()
        self.hosts.start()
        self._start_service()
        self._start_resolver()
        place = f"unix:{self.service.doors['map']}"
        self.places = {"posternd, unix": (place, "policy"),
                       "posternd, inet": (f"inet:127.0.0.1:{OURS}", "policy"),
                       "the resolver, inet": (f"inet:127.0.0.1:{THEIRS}", "postfix")}

    def _service_lines(self) -> dict:
        return {"postfix-map-inet": f"127.0.0.1:{OURS}"}

    def _start_service(self) -> None:
        admin = product.Admin(self.programs, self.service.config)
        admin.must("init")
        policy = self.home / "policy.txt"
        policy.write_text("".join(f"{domain} secure cn=no-san\n" for domain in self.domains)
                          + f".{SILENT} auto\n* may\n", encoding="ascii")
        admin.must("policy", "apply", str(policy), "--yes")
        self.service.start()

    def _start_resolver(self) -> None:
        root = space.prepared() / "usr"
        config = self.home / "mta-sts-daemon.yml"
        config.write_text(CONFIG.format(port=THEIRS), encoding="ascii")
        errors = open(self.home / "resolver.err", "ab")  # pylint: disable=R1732
        self.resolver = subprocess.Popen(  # pylint: disable=R1732
            [sys.executable, root / "bin" / "mta-sts-daemon", "-c", config, "-v", "error"],
            stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
            env={"PATH": "/usr/bin", "PYTHONPATH": str(root / "lib/python3/dist-packages"),
                 "LD_LIBRARY_PATH": str(root / "lib/x86_64-linux-gnu"),
                 "SSL_CERT_DIR": str(self.pki.roots_dir)})

    def trouble(self) -> list[str]:
        return [self.service.log.tail(),
                (self.home / "resolver.err").read_text(encoding="utf-8")[-2000:]]

    def stop(self) -> None:
        self.resolver.kill()
        self.hosts.process.kill()
        self.service.stop()


def run(setting: MapSetting, load: Path, way: str, connections: int, seconds: int,
        stuck: int = 0) -> dict:
    more = ["--stuck", str(stuck), f".{SILENT}"] if stuck else []
    done = subprocess.run([load, *setting.places[way], str(connections), str(seconds), *more,
                           *setting.domains], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"{way}: {done.stderr}")
    return json.loads(done.stdout)


def parse(arguments: list[str]) -> argparse.Namespace:
    return parser("socketmap", "posternd's policy map beside postfix-mta-sts-resolver, in turn.",
                  "bench", seconds=(4, "of each in each round"), rounds=(3, "rounds"),
                  stuck=(300, "lookups that wait for a silent name server, beside none")
                  ).parse_args(arguments)


def main(chosen: argparse.Namespace) -> int:
    load = space.HOME / "bin" / "socketmap_load"
    setting = MapSetting(chosen.bin_dir, 8)
    shutil.copy(chosen.bin_dir / "tests" / "bench" / "socketmap_load", load)
    setting.start()
    try:
        measure(setting, load, chosen)
    except (BenchError, OSError, logs.Timeout) as problem:
        print("\n".join([f"tests/bench/socketmap: {problem}"] + setting.trouble()))
        return 1
    finally:
        setting.stop()
    return 0


def measure(setting: MapSetting, load: Path, chosen: argparse.Namespace) -> None:
    def resolver_has_all() -> bool:
        try:
            # Each connection begins with a key of its own.
            run(setting, load, "the resolver, inet", KEYS, 5)
        except BenchError:
            return False
        return True

    logs.until(resolver_has_all, 120, "the resolver has fetched all policies")
    for way in setting.places:
        run(setting, load, way, 16, 1)
    ways = [(way, n, 0) for n in CONNECTIONS for way in setting.places]
    if chosen.stuck:
        ways.append(("posternd, unix", 16, chosen.stuck))
    runs: dict = {one: [] for one in ways}
    loads = []
    for number in range(chosen.rounds):
        for one in ways[::1 if number % 2 == 0 else -1]:
            runs[one].append(run(setting, load, *one[:2], chosen.seconds, one[2]))
        loads.append(os.getloadavg()[0])
    show(runs, loads)


def show(runs: dict, loads: list[float]) -> None:
    def of(one, key) -> list[float]:
        return [done[key] for done in runs[one]]

    def ratio(one, other) -> str:
        return f"{statistics.median(a / b for a, b in zip(of(one, RATE), of(other, RATE))):.2f}"

    RATE = "per_second"
    print(f"Load of the machine, this bench included: {min(loads):.1f} to {max(loads):.1f}. "
          "Medians; the ratios are medians of each round's.\n")
    rows = []
    for one in runs:
        way, n, stuck = one
        rates, late = of(one, RATE), of(one, "p99_ms")
        beside = ("posternd, unix", n, 0) if stuck else ("the resolver, inet", n, 0)
        rows.append([f"{n}, {way}" + (f", {stuck} in black holes" if stuck else ""),
                     f"{statistics.median(rates):.0f}", f"{min(rates):.0f}-{max(rates):.0f}",
                     ratio(one, beside) + (" of none" if stuck else ""),
                     f"{statistics.median(of(one, 'median_ms')):.2f}",
                     f"{statistics.median(late):.2f}", f"{min(late):.2f}-{max(late):.2f}"])
    table(["connections, map", "questions/s", "lowest-highest", "to the resolver",
           "median, ms", "99th, ms", "lowest-highest"], rows)
