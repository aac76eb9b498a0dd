"""Sendmail 8.17 (Debian's) with what `pin-admin config sendmail` prints: the sender under test."""

import json
import re
import subprocess
from pathlib import Path

from ..judge import Outcome
from ..milter_trap import SOCKET
from ..scenarios import is_absent
from ..sendmail import Sendmail as PrivateSendmail
from .adapter import Adapter

PORT, FILTERED = 2528, 2529
# Row 21g, its bounce, and what the traps put in the map's place.
EXPECTED = ("points back to mta.sender.test", "savemail: cannot save",
            "socket_map_lookup(postern)", 'socket map "postern"')
_HOP = re.compile(r"^(?P<host>\[.*\]|[^:\[\]]+)(?::(?P<port>\d+))?$")


class Sendmail(Adapter):
    """It asks the map about each connection that it has made."""

    door = "sendmail"
    port, taken = PORT, r"2\.0\.0 (\S+) Message accepted"
    patience = 90  # it waits long for the rest of a handshake
    logs_in = False
    name = "sendmail"
    more = ()

    def __init__(self, directory: Path, _transport: Path, scenarios, roots: Path):
        super().__init__(scenarios)
        self.directory = directory / "sendmail"
        self.sendmail = PrivateSendmail(self.directory, PORT, FILTERED, roots,
                                        directory / "syslog")
        self.rows: dict[str, str] = {}

    def service_settings(self) -> dict:
        return {"sendmail-map-users": "root", "sendmail-questions": "100"}

    def can(self, scenario) -> bool:
        return super().can(scenario) and not is_absent(scenario, "sendmail")

    def ahead_of_verdict(self, domain: str) -> tuple:
        """Sendmail asks of the connection that it has made; the recipient is not named."""
        if self.rows.get(domain, "").startswith("postern-strict"):
            return ("connection",)
        return ("connection", "mail")

    def start(self) -> None:
        """Nothing yet: the strict form's mailertable is the store's."""

    def start_late(self) -> None:
        self.configure()
        self.sendmail.start()

    def configure(self, parts=None, **more) -> None:
        parts = parts or advice(self.programs, self.service.config, *self.more)
        table, ports = self.table(parts)
        self.sendmail.configure(parts, table, ports=ports, **more)

    def table(self, parts: dict) -> tuple[str, set]:
        """The mailertable; the lab's own hops are added, and the ports that they need."""
        rows = dict(line.split("\t") for line in parts.get("mailertable", "").splitlines())
        rows["sender.test"] = "lab-nowhere:x"
        ports = set()
        for domain, hop in self.hops.items():
            match = _HOP.match(hop)
            host, port = match["host"].replace("[ipv6:", "[IPv6:"), match["port"] or "25"
            strict = rows.get(domain, "").startswith("postern-strict")
            if port == "25":
                mailer = "postern-strict" if strict else "esmtp"
            elif strict and rows[domain].startswith(f"postern-strict-{port}:"):
                mailer = f"postern-strict-{port}"
            else:
                mailer = f"lab-{port}"
                ports.add(port)
            rows[domain] = f"{mailer}:{host}"
        self.rows = rows
        return "".join(f"{key}\t{value}\n" for key, value in rows.items()), ports

    def attempts(self, queue_id: str) -> list[Outcome]:
        return self.sendmail.attempts(queue_id)

    def try_again(self, queue_id: str) -> None:
        self.sendmail.run_queue(queue_id)

    def queued(self) -> set[str]:
        return self.sendmail.queued()

    def complaints(self) -> list[str]:
        return [line for line in self.sendmail.log.lines()
                if "sendmail[" in line and "SYSERR" in line
                and not any(words in line for words in EXPECTED)]

    def inspected(self) -> tuple:
        return "sendmail", "--sendmail-config", str(self.sendmail.config)

    def is_silent(self, finding: dict) -> bool:
        return finding["code"] == "sendmail-routes-unasked"


class SendmailStrict(Sendmail):
    """Destinations at authenticating levels by mailers of their own."""

    name = "sendmail-strict"
    more = ("--strict",)


def advice(programs, config: Path, *more: str) -> dict:
    """before, after and mailertable as `pin-admin config sendmail` prints them."""
    done = subprocess.run(
        programs.command("pin-admin", "config", "sendmail", "--milter", f"local:{SOCKET}",
                         "--json", "--config", config, *more),
        capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        raise RuntimeError(done.stdout + done.stderr)
    return json.loads(done.stdout)
