"""The receivers: real Postfix smtpd services and the scripted server.

`Receivers.seen(name)` tells, in one form for both kinds, what a receiver saw:
the proof of every refusal is here, not in the sender's word.
"""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from . import accounts, logs
from .pki import Pki
from .postfix import Postfix
from .scenarios import Receiver

_LINE = re.compile(r"receiver/(?P<name>[\w-]+)/smtpd\[(?P<pid>\d+)\]: (?P<text>.*)$")
_COUNT = re.compile(r"\b(ehlo|helo|starttls|mail|rcpt|data|bdat|quit|auth)=(\d+)(?:/(\d+))?")
_LOGIN = re.compile(r"sasl_method=(?P<how>[\w-]+), sasl_username=(?P<who>\w+)")
_TAKEN_AS = re.compile(rb"\(Postfix\) with \w+ id (\w+)")
MARK = b"X-Lab-Id: "


@dataclass
class Message:
    """A message as a receiver got it."""
    file: Path
    mark: str           # the X-Lab-Id it carries
    receiver: str
    encrypted: bool
    raw: bool           # octets as on the wire (CRLF, dots stuffed), or as in a maildir
    taken: bool = True  # the final dot was answered with 2xx


@dataclass
class Seen:
    """All that one receiver saw so far."""
    connections: int = 0
    ended: int = 0
    tls: int = 0
    commands: dict = field(default_factory=dict)   # verb: how often
    lines: list = field(default_factory=list)      # scripted: what the client said
    sni: list = field(default_factory=list)
    logins: list = field(default_factory=list)     # "MECHANISM user"

    def count(self, *verbs: str) -> int:
        return sum(self.commands.get(verb, 0) for verb in verbs)


class Receivers:
    """Starts both kinds and reads what they saw."""

    def __init__(self, directory: Path, receivers: list[Receiver], pki: Pki):
        self.directory, self.pki = directory, pki
        self.by_name = {r.name: r for r in receivers}
        self.by_host = {r.host: r for r in receivers}
        self.postfix = Postfix(directory / "postfix", "receiver")
        self.events = logs.LineLog(directory / "events.jsonl")
        self._said = logs.Index(self.postfix.log, _smtpd_said)
        self._happened = logs.Index(self.events, _event)
        self._handed_over = logs.Index(self.events, _message)
        self.release = directory / "release"
        self.mail = directory / "mail"
        self.raw = directory / "raw"
        self.mail.mkdir(parents=True, exist_ok=True)
        self.raw.mkdir(exist_ok=True)
        self.release.mkdir(exist_ok=True)
        _chown_vmail(self.mail)
        self._marks: dict[Path, str] = {}
        self.scripted = None
        self.accounts = accounts.Accounts(self.postfix.config / "sasl")

    def chain(self, receiver: Receiver):
        return self.pki.chain(receiver.cert, receiver.names, receiver.name)

    def start(self) -> None:
        self._start_scripted()
        self._start_postfix()

    def _start_scripted(self) -> None:
        specs = []
        for receiver in filter(lambda r: r.scripted, self.by_name.values()):
            chain = self.chain(receiver)
            specs.append({"name": receiver.name, "host": receiver.host, "ip": receiver.ip,
                          "port": receiver.port, "wrapper": receiver.tls == "wrapper",
                          "script": receiver.script, "chain": str(chain.file),
                          "key": str(chain.key_file)})
        spec = self.directory / "scripted.json"
        spec.write_text(json.dumps({"events": str(self.events.path), "messages": str(self.raw),
                                    "release": str(self.release), "receivers": specs}),
                        encoding="utf-8")
        errors = open(self.directory / "scripted.err", "ab")  # pylint: disable=R1732
        self.scripted = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("hostile.py")), str(spec)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
        if self.scripted.stdout.readline().strip() != b"ready":
            raise RuntimeError("the scripted server did not start:\n"
                               + (self.directory / "scripted.err").read_text())

    def _start_postfix(self) -> None:
        maps = self.directory / "anyone"
        maps.write_text("/^/ all/\n", encoding="ascii")
        services = "".join(self._service(r) for r in self.by_name.values() if not r.scripted)
        self.postfix.configure({
            "myhostname": "receiver.test",
            "mydestination": "",
            "virtual_mailbox_domains": f"regexp:{maps}",
            "virtual_mailbox_maps": f"regexp:{maps}",
            "virtual_mailbox_base": str(self.mail),
            "virtual_uid_maps": "static:5005",
            "virtual_gid_maps": "static:5005",
            "smtpd_relay_restrictions": "permit_mynetworks, reject",
            "smtpd_tls_loglevel": "1",
            # After the kill of an smtpd; a minute as it comes.
            "service_throttle_time": "1s",
            "smtpd_tls_received_header": "yes",
            "smtpd_tls_session_cache_database": "",
            "smtpd_sasl_local_domain": accounts.REALM,
        }, services)
        self.accounts.make()
        for receiver in self.by_name.values():
            if receiver.sni_cert:
                self.postfix.command("postmap", "-F", f"hash:{self._sni_file(receiver)}")
        self.postfix.start()

    def _service(self, receiver: Receiver) -> str:
        options = {"syslog_name": f"receiver/{receiver.name}", "myhostname": receiver.host,
                   "smtpd_tls_security_level": "none" if receiver.tls == "none" else "may"}
        if receiver.tls != "none":
            chain = self.chain(receiver)
            options |= {"smtpd_tls_cert_file": str(chain.file),
                        "smtpd_tls_key_file": str(chain.key_file)}
        if receiver.tls == "wrapper":
            options["smtpd_tls_wrappermode"] = "yes"
        if receiver.sni_cert:
            options["tls_server_sni_maps"] = f"hash:{self._sni_map(receiver)}"
        if receiver.auth:
            options |= self.accounts.options(receiver.name, receiver.auth)
        # One process a connection: a changed certificate holds from the next one.
        options["max_use"] = "1"
        return (f"{receiver.ip}:{receiver.port} inet n - n - - smtpd\n"
                + "".join(f"  -o {key}={value}\n" for key, value in options.items()))

    def _sni_file(self, receiver: Receiver) -> Path:
        return self.directory / f"{receiver.name}.sni"

    def _sni_map(self, receiver: Receiver) -> Path:
        chain = self.pki.chain(receiver.sni_cert, receiver.names, receiver.name + "-sni")
        file = self._sni_file(receiver)
        file.write_text(f"{receiver.host} {chain.both}\n", encoding="ascii")
        return file

    def seen(self, name: str) -> Seen:
        if self.by_name[name].scripted:
            return self._seen_scripted(name)
        seen = Seen()
        for text in self._said.get(name):
            if text.startswith("connect from"):
                seen.connections += 1
            elif login := _LOGIN.search(text):
                seen.logins.append(f"{login['how']} {login['who']}")
            elif "TLS connection established from" in text:
                seen.tls += 1
            elif text.startswith("disconnect from"):
                seen.ended += 1
                for verb, good, total in _COUNT.findall(text):
                    seen.commands[verb] = seen.commands.get(verb, 0) + int(total or good)
        return seen

    def _seen_scripted(self, name: str) -> Seen:
        seen = Seen()
        for event in self._happened.get(name):
            kind = event["event"]
            if kind == "connect":
                seen.connections += 1
            elif kind == "end":
                seen.ended += 1
            elif kind == "handshake":
                seen.tls += 1
                seen.sni.append(event["sni"])
            elif kind == "command":
                verb = event["verb"].lower()
                seen.commands[verb] = seen.commands.get(verb, 0) + 1
                seen.lines.append(event["line"])
        return seen

    def messages(self, mark: str) -> list[Message]:
        """Every copy of the message with that X-Lab-Id: who got it, and how."""
        found = []
        for event in self._handed_over.get("message"):
            if self._mark(Path(event["file"])) == mark:
                found.append(Message(Path(event["file"]), mark, event["receiver"],
                                     event["tls"], True, event["taken"]))
        new = self.mail / "all" / "new"
        for entry in os.scandir(new) if new.exists() else ():
            if self._mark(Path(entry.path)) == mark:
                found.append(self._from_maildir(Path(entry.path), mark))
        return found

    def transfers(self, mark: str) -> int:
        """How often that message was handed over, counted where it came in.

        A real receiver's copy reaches its maildir a little later than its log.
        """
        self.postfix.flush_log()
        real = sum("/cleanup[" in line and f"message-id=<{mark}@" in line
                   for line in self.postfix.log.lines())
        return real + sum(copy.raw for copy in self.messages(mark))

    def copies(self) -> Counter:
        """Of each X-Lab-Id, how often a receiver took it: by the mail itself, as a restart of
        the receivers costs lines of their log. What one delivers twice to its maildir after
        being stopped in the middle of it counts once."""
        taken = set()
        new = self.mail / "all" / "new"
        for entry in os.scandir(new) if new.exists() else ():
            ours = _TAKEN_AS.search(Path(entry.path).read_bytes()[:4096])
            taken.add((self._mark(Path(entry.path)), ours[1] if ours else entry.name))
        counted = Counter(mark for mark, _ in taken)
        for event in self._handed_over.get("message"):
            if event["taken"]:
                counted[self._mark(Path(event["file"]))] += 1
        return counted

    def _from_maildir(self, file: Path, mark: str) -> Message:
        head = file.read_bytes()[:4096]
        ours = re.search(rb"\tby ([\w.-]+) \(Postfix\) with (\w+)", head)
        host = ours[1].decode() if ours else ""
        receiver = self.by_host.get(host)
        encrypted = b"using TLSv1" in head.split(b"\nReceived:")[1] if ours else False
        return Message(file, mark, receiver.name if receiver else host, encrypted, False)

    def _mark(self, file: Path) -> str:
        if file not in self._marks:
            with open(file, "rb") as stream:
                head = stream.read(16384)
            at = head.find(MARK)
            self._marks[file] = head[at + len(MARK):].split(b"\n", 1)[0].strip().decode() \
                if at >= 0 else ""
        return self._marks[file]


def _smtpd_said(line: str):
    match = _LINE.search(line) if "receiver/" in line else None
    return (match["name"], match["text"]) if match else None


def _event(line: str):
    event = json.loads(line)
    return event["receiver"], event


def _message(line: str):
    event = json.loads(line) if '"message"' in line else {}
    return ("message", event) if event.get("event") == "message" else None


def _chown_vmail(path: Path) -> None:
    os.chown(path, 5005, 5005)
