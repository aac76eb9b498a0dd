"""What may be wrong on Postern's own side: broken, looked at by doctor, mended."""

import json
import os
import shutil
import signal
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import space
from .doctor_cases import Case

CONFIG = space.HOME / "doctor/cases/good"


@dataclass
class Fault:
    id: str
    finds: dict
    breaks: object                      # a context manager over the bench
    status: int = 1
    dns: bool = False
    options: tuple = field(default_factory=tuple)


def run(bench, fault: Fault, judge) -> str:
    options = list(fault.options) + ["--postfix-config", str(CONFIG)]
    if not fault.dns:
        options.append("--no-dns")
    with fault.breaks(bench) as program:
        status, findings = bench.doctor(*options, program=program)
    return judge(Case(fault.id, finds=fault.finds, status=fault.status), status, findings)


@contextmanager
def nothing(_bench):
    yield None


def mode(name: str, bits: int):
    """A file or directory of the service, or below the lab's home, with other rights."""
    @contextmanager
    def broken(bench):
        path = bench.service.directory / name
        before = path.stat().st_mode & 0o7777
        path.chmod(bits)
        yield None
        path.chmod(before)
    return broken


def owner(name: str, user: str):
    @contextmanager
    def broken(bench):
        path = bench.service.directory / name
        before = path.stat()
        shutil.chown(path, user)
        yield None
        os.chown(path, before.st_uid, before.st_gid)
    return broken


def setting(name: str, value: str, beside: bool = False):
    """Another postern.conf, as doctor reads it: one value instead of all, or beside them."""
    @contextmanager
    def broken(bench):
        text = bench.service.config.read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if beside or not line.startswith(f"{name} =")]
        bench.service.config.write_text("\n".join(lines + [f"{name} = {value}"]) + "\n",
                                        encoding="utf-8")
        yield None
        bench.service.config.write_text(text, encoding="utf-8")
    return broken


@contextmanager
def stale_snapshot(bench):
    """A commit that was cut short: the store is newer than what is published."""
    old = bench.service.snapshot.read_bytes()
    bench.admin.must("policy", "set", "new.example", "may")
    new = bench.service.snapshot.with_name("other")
    new.write_bytes(old)
    new.chmod(0o440)
    shutil.chown(new, "root", "postern")
    new.rename(bench.service.snapshot)
    yield None
    bench.admin.must("publish")


@contextmanager
def no_snapshot(bench):
    kept = bench.service.snapshot.with_name("kept")
    bench.service.snapshot.rename(kept)
    yield None
    kept.rename(bench.service.snapshot)


@contextmanager
def no_store(bench):
    place = space.HOME / "private-main"
    kept = space.HOME / "private-kept"
    place.rename(kept)
    yield None
    kept.rename(place)


@contextmanager
def stopped(bench):
    bench.service.send(signal.SIGSTOP)
    yield None
    bench.service.send(signal.SIGCONT)


@contextmanager
def no_sockets(bench):
    kept = bench.service.sockets.with_name("kept-sockets")
    bench.service.sockets.rename(kept)
    bench.service.sockets.mkdir()
    shutil.chown(bench.service.sockets, "postern", "postern")
    yield None
    bench.service.sockets.rmdir()
    kept.rename(bench.service.sockets)


@contextmanager
def old_service(bench):
    """Another version answers at the door."""
    generation = json.loads(bench.service.ask("status")[3:])["policy_generation"]
    path = bench.service.sockets / "query"
    kept = path.with_name("kept-query")
    path.rename(kept)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        path.chmod(0o666)
        door.listen(4)

        def serve():
            for answer in ('{"version":"0.0.1","protocol":1}',
                           '{"policy_generation":"%s","state_store":true}' % generation):
                client, _ = door.accept()
                with client:
                    client.sendall(b"postern 1 ready\n")
                    client.recv(4096)
                    client.sendall(b"ok " + answer.encode() + b"\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield None
        thread.join(5)
    path.unlink()
    kept.rename(path)


@contextmanager
def stripped_dns(bench):
    """A forwarder that passes questions on without asking for signatures."""
    relay = Stripper("127.0.0.77")
    with setting("dns-forwarders", "127.0.0.77")(bench):
        yield None
    relay.close()


@contextmanager
def half_stripped_dns(bench):
    relay = Stripper("127.0.0.79")
    with setting("dns-forwarders", "127.0.0.53 127.0.0.79")(bench):
        yield None
    relay.close()


class Relay:
    """Passes questions on over UDP, not over TCP; fails those for TLSA, if told to."""

    def __init__(self, address: str, fails_tlsa: bool = False):
        self.fails_tlsa = fails_tlsa
        self.door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.door.bind((address, 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                question, client = self.door.recvfrom(4096)
            except OSError:
                return
            end = 12
            while question[end]:
                end += question[end] + 1
            if self.fails_tlsa and question[end + 1:end + 3] == b"\0\x34":
                self.door.sendto(question[:2] + b"\x81\x82" + question[4:6] + b"\0" * 6
                                 + question[12:end + 5], client)
                continue
            bare = self.pass_on(question, end)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as upstream:
                upstream.settimeout(5)
                upstream.sendto(bare, (space.RESOLVER_IP, 53))
                try:
                    self.door.sendto(upstream.recv(4096), client)
                except OSError:
                    pass

    def pass_on(self, question: bytes, _end: int) -> bytes:
        return question

    def close(self) -> None:
        self.door.close()


class Stripper(Relay):
    """Cuts the OPT record off each question, so that the answer comes unsigned."""

    def pass_on(self, question: bytes, end: int) -> bytes:
        return question[:10] + b"\0\0" + question[12:end + 5]


def relayed(address: str, fails_tlsa: bool = False):
    @contextmanager
    def broken(bench):
        relay = Relay(address, fails_tlsa)
        with setting("dns-forwarders", address)(bench):
            yield None
        relay.close()
    return broken


def credentials(file_mode: int, hop: str):
    @contextmanager
    def broken(bench):
        file = Path("/run/lab/doctor/credentials")
        file.write_text(f"{hop} alice secret\n", encoding="ascii")
        shutil.chown(file, "postern", "postern")
        file.chmod(file_mode)
        with setting("credentials", str(file))(bench):
            yield None
    return broken


@contextmanager
def empty_trust(bench):
    empty = Path("/run/lab/doctor/no-authorities")
    empty.mkdir(exist_ok=True)
    with setting("trust-directory", str(empty))(bench):
        yield None


@contextmanager
def other_anchor(bench):
    """A trust anchor of another zone than the root."""
    anchor = Path("/run/lab/doctor/other.key")
    key = Path(bench.tree.anchor).read_text(encoding="ascii")
    assert key.startswith("."), key
    anchor.write_text("other" + key, encoding="ascii")
    with setting("dns-trust-anchor", str(anchor))(bench):
        yield None


FAULTS = [
    Fault("own-good", {}, nothing, 0, dns=True),
    Fault("store-mode", {"store-rights": ["chmod 600"]}, mode("../../private-main/author.db",
                                                               0o644)),
    Fault("store-directory", {"store-unreadable": ["author.db"], "store-rights": ["chmod 700"]},
          mode("../../private-main", 0o777), 4),
    Fault("store-absent", {"store-unreadable": ["init"], "store-rights": ["init"]}, no_store, 4),
    Fault("snapshot-stale", {"snapshot-stale": ["publish"]}, stale_snapshot),
    Fault("snapshot-absent", {"snapshot-stale": ["publish"], "snapshot-rights": ["publish"]},
          no_snapshot),
    Fault("snapshot-mode", {"snapshot-rights": ["can't be read"]},
          mode("policy.db", 0o400)),
    Fault("snapshot-writable", {"snapshot-rights": ["changed by others"]},
          mode("policy.db", 0o666)),
    Fault("snapshot-directory", {"snapshot-rights": ["changed by others"]}, mode(".", 0o777)),
    Fault("state-owner", {"state-rights": ["can't write"]}, owner("state", "root")),
    Fault("state-open", {"state-rights": ["look into"]}, mode("state", 0o755), 3),
    Fault("spool-owner", {"spool-rights": ["can't write"]}, owner("spool", "root")),
    Fault("spool-open", {"spool-rights": ["look into"]}, mode("spool", 0o711), 3),
    Fault("config-mode", {"config-rights": ["chmod 644"]}, mode("postern.conf", 0o666)),
    Fault("socket-mode", {"socket-rights": ["SocketMode=0666"]}, mode("sockets/pipe", 0o600)),
    Fault("socket-directory", {"socket-rights": ["pass through"]}, mode("sockets", 0o700)),
    Fault("socket-directory-open", {"socket-rights": ["anybody"]}, mode("sockets", 0o777)),
    Fault("sockets-absent", {"socket-missing": ["systemctl"], "service-silent": ["No such"]},
          no_sockets),
    Fault("service-stopped", {"service-silent": ["within a second"]}, stopped),
    Fault("service-old", {"service-version": ["0.0.1"]}, old_service, 3),
    Fault("user-missing", {"user-missing": ["adduser"], "service-refuses": ["client-not-allowed"]},
          setting("user", "nobody-there"), 4),
    Fault("credentials-good", {}, credentials(0o600, "[relay.clinic.example]:465"), 0),
    Fault("credentials-mode", {"credentials-unusable": ["chmod 600"]},
          credentials(0o640, "[relay.clinic.example]:465")),
    Fault("credentials-broken", {"credentials-unusable": ["line 1"]},
          credentials(0o600, "relay.clinic.example")),
    Fault("credentials-absent", {"credentials-unusable": ["No such"]},
          setting("credentials", "/run/lab/nowhere")),
    Fault("credentials-withheld", {"credentials-withheld": ["policy set '[other.test]:587'"]},
          credentials(0o600, "[other.test]:587"), 3),
    Fault("trust-absent", {"trust-unreadable": ["No such"]},
          setting("trust-directory", "/run/lab/nowhere")),
    Fault("trust-empty", {"trust-empty": ["ca-certificates"]}, empty_trust),
    Fault("anchor-absent", {"trust-anchor-unreadable": ["dns-root-data"]},
          setting("dns-trust-anchor", "/run/lab/nowhere")),
    Fault("helo-localhost", {"helo-name": ["helo-name ="]}, setting("helo-name", "localhost")),
    Fault("helo-unresolvable", {"helo-unresolvable": ["no address"]},
          setting("helo-name", "nobody.sender.test"), 3, dns=True),
    Fault("dns-stripped", {"forwarder-strips-dnssec": ["127.0.0.77"], "helo-unknown": [""]},
          stripped_dns, 4, dns=True),
    Fault("dns-half-stripped", {"forwarder-strips-dnssec": ["127.0.0.79"]}, half_stripped_dns,
          1, dns=True),
    Fault("dns-silent", {"forwarder-silent": ["127.0.0.78"], "helo-unknown": [""]},
          setting("dns-forwarders", "127.0.0.78"), 4, dns=True,
          options=("--set", "dns-timeout=1s")),
    Fault("dns-names", {}, nothing, 0, dns=True,
          options=("--unsigned-name", "plain.test", "--bogus-name", "bogus.test")),
    Fault("dns-no-tcp", {"forwarder-no-tcp": ["127.0.0.80"]}, relayed("127.0.0.80"), 3, dns=True),
    Fault("dns-tlsa", {"forwarder-fails-tlsa": ["127.0.0.81"], "forwarder-no-tcp": [""]},
          relayed("127.0.0.81", fails_tlsa=True), 1, dns=True),
    Fault("dns-permissive", {"dnssec-permissive": ["val-permissive-mode"]},
          setting("dns-options", "val-permissive-mode: yes", beside=True), 1, dns=True),
    Fault("dns-bogus-believed", {"dnssec-bogus-believed": ["ns.test"]}, nothing, 1, dns=True,
          options=("--bogus-name", "ns.test")),
    Fault("dns-unsigned-fails", {"dnssec-unsigned-fails": ["dead.test"]}, nothing, 1, dns=True,
          options=("--unsigned-name", "dead.test")),
    # DANE-01: the forwarder sets the AD bit, and nobody believes it.
    Fault("dns-not-validated", {"dnssec-not-validated": ["dns-trust-anchor"]}, other_anchor,
          1, dns=True),
]
