"""A new destination's verdict beside the sum of its round trips; many beside posttls-finger.

Each destination is a domain with an MX host of its own, signed, with a TLSA record; all
hosts are one real Postfix, by addresses of their own. Nobody publishes MTA-STS, which
is found out by one question more; fetching policies has a benchmark of its own.
"""

import argparse
import random
import socket
import ssl
import statistics
import struct
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

from postlab import logs, product, space

from .measure import BenchError, table
from .options import parser
from .setting import Setting

MX, A, AAAA, TLSA, TXT = 15, 1, 28, 52, 16
WARM = 5  # questions, of which the quickest counts


def address(number: int) -> str:
    return f"198.18.{100 + number // 250}.{number % 250 + 1}"


class VerdictSetting(Setting):
    """`start()`: the zone, the receiver and posternd; no sender."""

    def __init__(self, build: Path, count: int):
        super().__init__(build, 64)
        self.domains = [f"d{i}.bench.test" for i in range(count)]

    def start(self) -> None:
        self.tree.address("mta.sender.test", space.SENDER_IP)
        for number, domain in enumerate(self.domains):
            self.tree.mx(domain, 10, f"mx.{domain}")
            self.tree.address(f"mx.{domain}", address(number))
            self.tree.add(f"_25._tcp.mx.{domain}", "TLSA", f"3 1 1 {self.pin}")
        self.tree.start()
        self._start_receiver()
        self._start_service()

    def _start_receiver(self) -> None:
        self.receiver.configure({
            "myhostname": "mx.bench.test", "mydestination": "",
            "smtpd_relay_restrictions": "reject",
            "smtpd_tls_security_level": "may",
            "smtpd_tls_cert_file": str(self.chain.file),
            "smtpd_tls_key_file": str(self.chain.key_file),
            "smtpd_tls_session_cache_database": "",
            "smtpd_client_connection_count_limit": "0",
            "max_use": "1000000", "max_idle": "1h",
        }, "0.0.0.0:25 inet n - n - - smtpd\n")
        self.receiver.start()

    def _start_service(self) -> None:
        self.admin = product.Admin(self.programs, self.service.config)
        self.admin.must("init")
        policy = self.home / "policy.txt"
        policy.write_text("".join(f"{domain} encrypt also=auto\n" for domain in self.domains)
                          + "* may\n", encoding="ascii")
        self.admin.must("policy", "apply", str(policy), "--yes")
        self.service.start()


def milliseconds(work) -> float:
    begun = time.monotonic()
    work()
    return 1000 * (time.monotonic() - begun)


def verdict(setting: VerdictSetting, domain: str) -> None:
    """As an adapter would have it: posternd plans, connects and judges."""
    answer = setting.service.ask(f"probe domain={domain}")
    if '"decision":"pass"' not in answer:
        raise BenchError(f"{domain}: {answer[-700:]}")


def ask(name: str, kind: int) -> None:
    """One question to the resolver, as another resolver would ask it."""
    labels = b"".join(bytes([len(x)]) + x.encode() for x in name.split("."))
    question = struct.pack(">HHHHHH", random.getrandbits(16), 0x0100, 1, 0, 0, 1)
    question += labels + b"\0" + struct.pack(">HH", kind, 1)
    question += b"\0" + struct.pack(">HHIH", 41, 1232, 0x8000, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:
        resolver.settimeout(10)
        resolver.sendto(question, (space.RESOLVER_IP, 53))
        resolver.recv(4096)


class Handshake:
    """The steps of one connection, each a round trip or a few; no certificate is judged."""

    def __init__(self, ip: str, host: str):
        self.ip, self.host = ip, host
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE

    def _say(self, line: bytes) -> None:
        if line:
            self.socket.sendall(line + b"\r\n")
        while not (reply := self.lines.readline()) or reply[3:4] == b"-":
            if not reply:
                raise BenchError(f"{self.host} hung up")

    def run(self) -> None:
        self.socket = socket.create_connection((self.ip, 25), 10)
        self.lines = self.socket.makefile("rb", buffering=0)
        self._say(b"")
        self._say(b"EHLO mta.sender.test")
        self._say(b"STARTTLS")
        self.context.wrap_socket(self.socket, server_hostname=self.host).close()


def round_trips(setting: VerdictSetting, number: int) -> tuple[float, float]:
    """Milliseconds of DNS and of the connection, one after another, for a new destination."""
    domain = setting.domains[number]
    host = f"mx.{domain}"
    questions = [(domain, MX), (host, A), (host, AAAA), (f"_25._tcp.{host}", TLSA),
                 (f"_mta-sts.{domain}", TXT)]
    dns = sum(milliseconds(lambda q=q: ask(*q)) for q in questions)
    return dns, milliseconds(Handshake(address(number), host).run)


def finger(setting: VerdictSetting, domain: str) -> None:
    done = subprocess.run(
        ["/usr/sbin/posttls-finger", "-t", "10", "-c", "-l", "dane-only", domain],
        capture_output=True, text=True, check=False,
        env={"MAIL_CONFIG": str(setting.receiver.config), "PATH": "/usr/bin"})
    if "Verified TLS connection established" not in done.stdout + done.stderr:
        raise BenchError(done.stdout + done.stderr)


def memory(pid: int) -> int:
    """Resident KiB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0])


def parse(arguments: list[str]) -> argparse.Namespace:
    return parser("verdict", "Time to a verdict, and of many of them.",
                  new=(60, "destinations that are asked for alone"),
                  checked=(1000, "destinations of the one 'pin-admin check'")
                  ).parse_args(arguments)


def main(chosen: argparse.Namespace) -> int:
    setting = VerdictSetting(chosen.bin_dir, 2 * chosen.new + 2 * chosen.checked)
    setting.start()
    try:
        one_by_one(setting, chosen.new)
        many(setting, 2 * chosen.new, chosen.checked)
    except (BenchError, OSError, logs.Timeout) as problem:
        print("\n".join([f"tests/bench/verdict: {problem}", setting.service.log.tail()]))
        return 1
    finally:
        setting.service.stop()
    return 0


def one_by_one(setting: VerdictSetting, count: int) -> None:
    """New destinations in turn: one for posternd, one for the bare round trips."""
    found = SimpleNamespace(cold=[], warm=[], dns=[], connection=[])
    verdict(setting, setting.domains[0])  # the resolver's keys, the first worker
    round_trips(setting, 1)
    for number in range(2, 2 * count, 2):
        domain = setting.domains[number]
        found.cold.append(milliseconds(lambda d=domain: verdict(setting, d)))
        found.warm.append(min(milliseconds(lambda d=domain: verdict(setting, d))
                              for _ in range(WARM)))
        dns, connection = round_trips(setting, number + 1)
        found.dns.append(dns)
        found.connection.append(connection)
    mid = statistics.median
    bare = [a + b for a, b in zip(found.dns, found.connection)]
    table(["", "ms, median", "to the round trips"],
          [["round trips of DNS", f"{mid(found.dns):.2f}", ""],
           ["connection, STARTTLS, handshake", f"{mid(found.connection):.2f}", ""],
           ["their sum", f"{mid(bare):.2f}", "1"],
           ["verdict, new destination", f"{mid(found.cold):.2f}",
            f"{mid(a / b for a, b in zip(found.cold, bare)):.2f}"],
           ["verdict, known destination", f"{mid(found.warm):.2f}",
            f"{mid(a / b for a, b in zip(found.warm, bare)):.2f}"]])


def many(setting: VerdictSetting, first: int, count: int) -> None:
    ours = setting.domains[first:first + count]
    theirs = setting.domains[first + count:first + 2 * count]
    before = memory(setting.service.process.pid)

    def check() -> None:
        done = setting.admin.run("check", *ours, "--no-mta", "--quiet")
        if done.returncode not in (0, 3):
            raise BenchError((done.stdout + done.stderr)[-500:])

    took = milliseconds(check) / 1000
    alone = sum(milliseconds(lambda d=d: finger(setting, d)) for d in theirs) / 1000
    print()
    table([f"{count} new destinations", "seconds", "a second", "ratio"],
          [["pin-admin check", f"{took:.1f}", f"{count / took:.0f}", f"{alone / took:.1f}"],
           ["posttls-finger, one by one", f"{alone:.1f}", f"{count / alone:.0f}", "1"]])
    grown = memory(setting.service.process.pid) - before
    print(f"\nposternd's memory grew by {grown / count:.1f} KiB a destination.")
