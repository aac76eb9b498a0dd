"""The signed DNS tree: a root of our own, `test.`, reverse zones, and broken ones.

nsd serves the tree on one loopback address; unbound, on another, validates and
forwards for whoever asks (the senders' libc, posternd). Hosts choose where they
live by their name: `x.test` is secure, `x.plain.test` is insecure (delegated
without a DS), `x.bogus.test` fails validation, `x.dead.test` is served from a file
that does not exist (SERVFAIL), `x.silent.test` by a server that never answers.
"""

import os
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .space import AUTHORITY_IP, NETWORK, RESOLVER_IP

SILENT_IP = "127.0.0.55"

REVERSE = ".".join(reversed(NETWORK.split("/")[0].split(".")[:2])) + ".in-addr.arpa"
SIGNED = (".", "test", "bogus.test", REVERSE)
ZONES = SIGNED + ("plain.test",)


class DnsError(RuntimeError):
    """A zone could not be signed, or a server did not come up."""


def _file_name(zone: str) -> str:
    return "root" if zone == "." else zone


class Tree:
    """Records first (`mx`, `address`, `pointer`), then `start()`."""

    def __init__(self, directory: Path):
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.records: dict[str, set[str]] = {zone: set() for zone in ZONES}
        self.anchor = directory / "root.key"
        self.processes: list[subprocess.Popen] = []
        self._lock = threading.Lock()
        self.mute: list[socket.socket] = []

    def zone_of(self, name: str) -> str:
        name = name.rstrip(".")
        fits = [z for z in ZONES if z != "." and (name == z or name.endswith("." + z))]
        if not fits:
            raise DnsError(f"{name}: in none of the lab's zones")
        return max(fits, key=len)

    def add(self, name: str, kind: str, value: str) -> None:
        self.records[self.zone_of(name)].add(f"{name}. 60 IN {kind} {value}")

    def mx(self, domain: str, preference: int, host: str) -> None:
        self.add(domain, "MX", f"{preference} {host}.")

    def address(self, host: str, ip: str) -> None:
        self.add(host, "AAAA" if ":" in ip else "A", ip)

    def pointer(self, ip: str, host: str) -> None:
        """Only IPv4 has a reverse zone here."""
        if ":" in ip:
            return
        self.add(".".join(reversed(ip.split("."))) + ".in-addr.arpa", "PTR", f"{host}.")

    def text(self, name: str, value: str) -> None:
        """A TXT record that nobody keeps for long: tests change it."""
        self.records[self.zone_of(name)].add(f'{name}. 1 IN TXT "{value}"')

    def change_text(self, name: str, value: str) -> None:
        """Instead of the one there is; `value` may be empty: none. Insecure zones only."""
        zone = self.zone_of(name)
        with self._lock:
            self.records[zone] = {r for r in self.records[zone]
                                  if not r.startswith(f"{name}. 1 IN TXT ")}
            if value:
                self.text(name, value)
            self._write_zone(zone, {})
            self.nsd.send_signal(signal.SIGHUP)
    def silent(self, zone: str) -> None:
        """Delegates `zone` to a server that takes questions and answers none."""
        self.records["test"] |= {f"{zone}. 60 IN NS ns.{zone}.",
                                 f"ns.{zone}. 60 IN A {SILENT_IP}"}
        self.mute = [socket.socket(socket.AF_INET, kind)
                     for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
        for one in self.mute:
            one.bind((SILENT_IP, 53))

    def start(self) -> None:
        self._sign()
        for name in os.listdir(self.directory):
            os.chmod(self.directory / name, 0o644)
        self._start_nsd()
        self._start_unbound()
        self._wait_until_secure()

    def _sign(self) -> None:
        """Keys side by side, then the zones from the leaves up: a parent needs the DS."""
        with ThreadPoolExecutor(4) as pool:
            keys = dict(zip(SIGNED, pool.map(self._make_keys, SIGNED)))
        for zone in sorted(SIGNED, key=lambda z: (z != ".") * (z.count(".") + 1), reverse=True):
            self._write_zone(zone, keys)
        self._write_zone("plain.test", keys)
        ksk = keys["."][0]
        self.anchor.write_text(Path(f"{ksk}.key").read_text(encoding="ascii"), encoding="ascii")

    def _make_keys(self, zone: str) -> tuple[str, str]:
        made = [self._run("ldns-keygen", *flag, "-a", "ECDSAP256SHA256", zone)
                for flag in (["-k"], [])]
        return str(self.directory / made[0]), str(self.directory / made[1])

    def _write_zone(self, zone: str, keys) -> None:
        apex = "." if zone == "." else f"{zone}."
        lines = [f"{apex} 60 IN SOA ns.test. hostmaster.test. 1 3600 600 86400 60",
                 f"{apex} 60 IN NS ns.test."]
        lines += sorted(self.records[zone])
        children = [z for z in ZONES if z != zone and z != "." and self._parent(z) == zone]
        for child in children:
            lines.append(f"{child}. 60 IN NS ns.test.")
            if child in keys:
                lines.append(self._delegation_signer(child, keys))
        if zone == "test":
            lines.append(f"ns.test. 60 IN A {AUTHORITY_IP}")
            lines.append("dead.test. 60 IN NS ns.test.")
        if zone == ".":
            lines.append(f"ns.test. 60 IN A {AUTHORITY_IP}")
        file = self.directory / f"{_file_name(zone)}.zone"
        file.write_text("\n".join(lines) + "\n", encoding="ascii")
        if zone in keys:
            self._run("ldns-signzone", "-f", f"{file}.signed", str(file), *keys[zone])

    def _delegation_signer(self, zone: str, keys) -> str:
        """The child's DS; for the bogus zone that of a key which is not there."""
        key = keys[zone][0]
        if zone.startswith("bogus."):
            key = str(self.directory / self._run("ldns-keygen", "-k", "-a", "ECDSAP256SHA256",
                                                 zone))
        return Path(f"{key}.ds").read_text(encoding="ascii").strip()

    @staticmethod
    def _parent(zone: str) -> str:
        above = [z for z in ZONES if z != "." and z != zone and zone.endswith("." + z)]
        return max(above, key=len) if above else "."

    def _start_nsd(self) -> None:
        config = self.directory / "nsd.conf"
        zones = "".join(
            f"zone:\n  name: \"{zone}\"\n  zonefile: \"{_file_name(zone)}.zone"
            f"{'.signed' if zone in SIGNED else ''}\"\n" for zone in ZONES)
        zones += "zone:\n  name: \"dead.test\"\n  zonefile: \"absent.zone\"\n"
        config.write_text(
            f"server:\n  ip-address: {AUTHORITY_IP}@53\n  username: \"\"\n  chroot: \"\"\n"
            f"  database: \"\"\n  zonesdir: \"{self.directory}\"\n"
            f"  pidfile: \"{self.directory}/nsd.pid\"\n"
            f"  xfrdfile: \"{self.directory}/xfrd.state\"\n"
            f"  zonelistfile: \"{self.directory}/zone.list\"\n  xfrdir: \"{self.directory}\"\n"
            f"  server-count: 1\n  rrl-ratelimit: 0\nremote-control:\n  control-enable: no\n"
            + zones, encoding="ascii")
        self.nsd = self._spawn("nsd", "-d", "-c", str(config))

    def _start_unbound(self) -> None:
        config = self.directory / "unbound.conf"
        config.write_text(
            f"""server:
  interface: {RESOLVER_IP}@53
  access-control: 0.0.0.0/0 allow
  do-ip6: no
  do-not-query-localhost: no
  module-config: "validator iterator"
  trust-anchor-file: "{self.anchor}"
  local-zone: "test." nodefault
  chroot: ""
  username: ""
  directory: "{self.directory}"
  pidfile: ""
  use-syslog: no
  num-threads: 1
  qname-minimisation: no
  infra-host-ttl: 2
remote-control:
  control-enable: no
stub-zone:
  name: "."
  stub-addr: {AUTHORITY_IP}
  stub-prime: no
""", encoding="ascii")
        self.resolver = self._spawn("unbound", "-d", "-c", str(config))

    def _spawn(self, name: str, *arguments: str) -> subprocess.Popen:
        log = open(self.directory / f"{name}.log", "ab")  # pylint: disable=consider-using-with
        process = subprocess.Popen([f"/usr/sbin/{name}", *arguments], stdout=log, stderr=log,
                                   stdin=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def _wait_until_secure(self, seconds: float = 15) -> None:
        end = time.monotonic() + seconds
        answer = ""
        while time.monotonic() < end:
            time.sleep(0.05)
            for process in self.processes:
                if process.poll() is not None:
                    raise DnsError(f"{process.args[0]} ended:\n{self._logs()}")
            answer = self.ask("ns.test", "A")
            if " ad" in answer and AUTHORITY_IP in answer:
                return
        raise DnsError(f"the tree does not validate:\n{answer}")

    def _logs(self) -> str:
        return "".join(f.read_text(errors="replace")[-2000:]
                       for f in sorted(self.directory.glob("*.log")))

    @staticmethod
    def ask(name: str, kind: str) -> str:
        """drill's answer by the validating resolver, flags and all."""
        done = subprocess.run(["drill", "-D", f"@{RESOLVER_IP}", name, kind],
                              capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def _run(self, *command: str) -> str:
        done = subprocess.run(command, cwd=self.directory, capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            raise DnsError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout.strip()
