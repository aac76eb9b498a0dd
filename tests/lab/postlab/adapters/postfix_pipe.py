"""Postfix with `postern-transport` as a pipe(8) transport: the sender under test."""

import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from .. import logs
from ..judge import Outcome
from ..messages import Mail
from ..postfix import Postfix
from .adapter import Adapter

PORT = 2525
CONTROL = "control@sender.test"   # mail from here leaves by Postfix's own smtp(8)
# … and from here by smtp(8) at a level of its own.
SECOND_OPINIONS = {"dane": "dane@smtp.sender.test", "dane-only": "dane-only@smtp.sender.test"}
TIME_LIMIT = 3600


FLAGS = "flags=q. eol=\\r\\n null_sender= user=postern-client"
ARGUMENTS = "-- ${nexthop} ${queue_id} ${sender} ${recipient}"


@dataclass
class Transport:
    """One service of master.cf that hands mail to a door."""
    name: str
    options: str = ""              # before the "--"; for lmtp(8), its -o options
    door: Path | None = None       # the socket; None: the service's own
    recipient: str = ""            # the only address that it is for
    arguments: str = ARGUMENTS
    recipient_limit: int = 1
    program: str = ""              # in postern-transport's place
    # It goes on asking a door that has failed it (the queue manager gives up others'
    # destinations for an hour after two failures).
    persistent: bool = False


class PostfixPipe(Adapter):
    """It hands each message to a program, which asks the service to deliver it."""

    door = "pipe"
    port, taken = PORT, r"queued as (\w+)"
    copies_for_two = 2

    def __init__(self, directory: Path, transport: Path, scenarios, roots: Path):
        super().__init__(scenarios)
        self.postfix = Postfix(directory / "sender", "postfix")
        self.program, self.roots = transport, roots
        self.transports = [Transport("postern")]

    def settle_in(self, programs) -> None:
        super().settle_in(programs)
        self.postfix.root = programs.root

    def printed(self, admin) -> str:
        return admin.run("config", "postfix", "--queue-directory",
                         str(self.postfix.queue)).stdout

    def below_queue(self, name: str) -> str:
        """A door's path under the queue directory, which is the root of chrooted agents."""
        directory = self.postfix.queue / "postern"
        directory.mkdir(exist_ok=True)
        shutil.chown(directory, "postern", "postfix")
        os.chmod(directory, 0o750)
        return str(directory / name)

    def add_transport(self, transport: Transport) -> None:
        self.transports.append(transport)

    def start(self) -> None:
        table = self.postfix.directory / "transport"
        table.write_text(
            "sender.test discard:\n"
            + "".join(f"{domain} postern:{hop}\n" for domain, hop in self.hops.items())
            + "".join(f"{t.recipient} {t.name}:{self._hop(t)}\n"
                      for t in self.transports if t.recipient),
            encoding="utf-8")
        by_sender = self.postfix.directory / "by-sender"
        by_sender.write_text(
            f"{CONTROL} smtp:\n"
            + "".join(f"{sender} smtp-{level}:\n" for level, sender in SECOND_OPINIONS.items()),
            encoding="utf-8")
        self.postfix.configure({
            "myhostname": "mta.sender.test",
            "mydestination": "",
            "default_transport": f"postern:{self._hop(self.transports[0])}",
            "relay_transport": f"postern:{self._hop(self.transports[0])}",
            "transport_maps": f"texthash:{table}",
            "sender_dependent_default_transport_maps": f"texthash:{by_sender}",
            # Attempts are the test's to make.
            "queue_run_delay": "1h", "minimal_backoff_time": "1h",
            "maximal_backoff_time": "1h",
            # After the kill of a delivery agent; a minute as it comes.
            "service_throttle_time": "1s", "transport_retry_time": "1s",
            "smtp_tls_security_level": "may",
            "smtp_tls_CAfile": str(self.roots),
            "smtp_tls_loglevel": "1",
            "smtp_dns_support_level": "enabled",
            "smtpd_relay_restrictions": "permit_mynetworks, reject",
        } | {f"{t.name}_{key}": str(value) for t in self.transports
             for key, value in self._limits(t).items()},
            f"127.0.0.1:{PORT} inet n - n - - smtpd\n"
            + "".join(f"smtp-{level} unix - - n - - smtp\n"
                      "  -o smtp_dns_support_level=dnssec\n"
                      f"  -o smtp_tls_security_level={level}\n" for level in SECOND_OPINIONS)
            + "".join(self._service(t) for t in self.transports))
        self.postfix.start()

    def _hop(self, _transport: Transport) -> str:
        """Empty: the recipient's domain."""
        return ""

    def _limits(self, transport: Transport) -> dict:
        return {"destination_recipient_limit": transport.recipient_limit,
                "time_limit": TIME_LIMIT}

    def _service(self, transport: Transport) -> str:
        # The lab's own test has no service, and sends nothing this way.
        door = transport.door or (self.service.pipe if self.service else "/nonexistent")
        return (f"{transport.name} unix - n n - - pipe\n"
                f"  {FLAGS}\n"
                f"  argv={transport.program or self.program} --socket {door} {transport.options}"
                f" {transport.arguments}\n")

    def advised(self) -> list[str]:
        return [FLAGS, ARGUMENTS, "postern_destination_recipient_limit = 1\n",
                f"postern_time_limit = {TIME_LIMIT}s\n"]

    def submit_locally(self, mail: Mail) -> str:
        """From a program on this host, without SMTP."""
        subprocess.run(self.postfix.line("/usr/sbin/sendmail", "-C", str(self.postfix.config),
                                         "-i", "-f", mail.sender, mail.recipient),
                       input=mail.content.replace(b"\r\n", b"\n"), check=True, timeout=30)
        said = logs.until(lambda: [line for line in self.postfix.log.lines()
                                   if f"to=<{mail.recipient}>" in line and "status=" in line],
                          60, "an attempt is logged")[0]
        return re.search(r"\]: (\w+): to=", said)[1]

    def results(self, queue_id: str) -> dict[str, Outcome]:
        """The newest outcome for each recipient of the message."""
        return {line.to: Outcome(line.result, line.status, line.text)
                for line in self.postfix.deliveries(queue_id)}

    def process_of(self, _transport: str, queue_id: str) -> int:
        """The process under the MTA that has that message; 0 if there is none."""
        return find_process(lambda words: b"postern-transport" in words[0]
                             and queue_id.encode() in words)

    def attempts(self, queue_id: str) -> list[Outcome]:
        return [Outcome(line.result, line.status, line.text)
                for line in self.postfix.deliveries(queue_id)]

    def wait_kept(self, queue_id: str, seconds: float) -> Outcome:
        """For an attempt that the MTA says nothing of: back once the message waits again."""
        logs.until(lambda: self._deferred(queue_id), seconds, f"{queue_id} is deferred")
        return Outcome("deferred", "4.0.0", "kept without a word")

    def _deferred(self, queue_id: str) -> bool:
        return any((self.postfix.queue / "deferred").glob(f"*/{queue_id}"))

    def retry(self, queue_id: str) -> None:
        """Asked again every few seconds: qmgr(8) puts a message back unseen if its
        idea of the time is a second behind."""
        tried = len(self.attempts(queue_id))
        end = time.monotonic() + 90
        while True:
            # The message lies there only a moment after its line is logged.
            if self._deferred(queue_id):
                self.postfix.command("postqueue", "-i", queue_id)
            try:
                logs.until(lambda: len(self.attempts(queue_id)) > tried, 3,
                           f"{queue_id} is tried again")
                return
            except logs.Timeout:
                if time.monotonic() > end:
                    raise

    def queued(self) -> set[str]:
        done = subprocess.run(self.postfix.line("/usr/sbin/postqueue", "-c",
                                                str(self.postfix.config), "-j"),
                              capture_output=True, text=True, check=True)
        return set(re.findall(r'"queue_id": "(\w+)"', done.stdout))

    def complaints(self) -> list[str]:
        return [line for line in self.postfix.trouble() if "fatal" in line or "panic" in line]


def find_process(fits) -> int:
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if fits(words):
            return int(entry.name)
    return 0
