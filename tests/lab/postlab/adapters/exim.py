"""Exim 4.96 (Debian's exim4-daemon-heavy) with postern-exim.so: the sender under test."""

import copy
import json
import re
import subprocess
from pathlib import Path

from .. import exim_source, logs
from ..doors import lead
from ..exim import SERVICE
from ..exim import Exim as PrivateExim
from ..judge import Outcome
from ..messages import Mail
from ..scenarios import is_absent
from .adapter import Adapter

PORT = 2526
SOCKET = SERVICE / "exim"


class Exim(Adapter):
    """It asks the service by the library that is loaded into it."""

    door = "exim"
    port, taken = PORT, r"id=(\S+)"
    logs_in = False
    options: tuple = ()  # for `pin-admin config exim`
    by_library = True
    keeps_connections = False
    holds_host = 1.1  # a retry rule can't say less than a second
    name, program = "exim", "/usr/sbin/exim4-heavy"
    expected: tuple = ()  # ends of lines in the panic log where the service dies

    def __init__(self, directory: Path, transport: Path, scenarios, _roots: Path):
        super().__init__(scenarios)
        self.library = transport.with_name("postern-exim.so")
        self.exim = PrivateExim(directory / "exim", self.name, PORT, self.program)
        self.others: list[PrivateExim] = []

    def service_settings(self) -> dict:
        return {"exim-questions": "100"}

    def apart(self, directory: Path, impatient: bool = False) -> "Exim":
        """The library knows one socket: each play's Exim finds another there."""
        own = copy.copy(self)
        own.exim = PrivateExim.alone(self.exim.directory, self.program, directory)
        own.port = own.exim.port
        parts = self.parts()
        if impatient:  # ${readsocket}, that is: the library's patience is its own
            parts["macros"] = re.sub(r"\{\d+s\}", "{5s}", parts["macros"])
        own.exim.configure(parts)
        own.exim.start()
        self.others.append(own.exim)
        return own

    def leave(self) -> None:
        self.exim.stop()

    def door_of(self, directory: Path) -> Path:
        return directory / SOCKET.name

    def use(self, service) -> None:
        """What it finds at its door."""
        super().use(service)
        point_at(service.doors["exim"])

    def can(self, scenario) -> bool:
        # Row 28 only where it says what Exim does instead.
        does = super().can(scenario) or "exim" in scenario.instead
        return does and not is_absent(scenario, "exim")

    def start(self) -> None:
        if not self.library.exists():
            raise RuntimeError(f"{self.library} does not exist: build the target postern_exim")
        table = self.exim.directory / "hops"
        table.write_text("".join(f"{domain}: {hop}\n" for domain, hop in self.hops.items()),
                         encoding="utf-8")
        parts = self.parts()
        self.exim.configure(parts, next_hop=f"${{lookup{{$domain}}lsearch{{{table}}}}}")
        self.exim.start()

    def parts(self, library: Path | None = None) -> dict:
        """What goes into its configuration."""
        return advice(self.programs, self.exim.directory, library or self.library,
                      *self.options)

    def attempts(self, queue_id: str) -> list[Outcome]:
        """One for each line that ends an attempt; its text is all that was logged since
        the one before: Exim says the reason before it says the end."""
        return self.exim.attempts(queue_id)

    def results(self, queue_id: str) -> dict[str, Outcome]:
        """The newest outcome for each recipient of the message."""
        return self.exim.results(queue_id)

    def submit_locally(self, mail: Mail) -> str:
        """From a program on this host, without SMTP."""
        self.exim.command_with(mail.content.replace(b"\r\n", b"\n"), "-odb", "-oi", "-f",
                               mail.sender, mail.recipient)
        line = logs.until(lambda: [x for x in self.exim.log.lines() if mail.mark in x], 10,
                          "Exim takes the message")[0]
        return line.split()[2]

    def try_again(self, queue_id: str) -> None:
        """Where the attempt before is not quite over, Exim finds the message locked."""
        def tried():
            before = len(self.exim.lines(queue_id))
            self.exim.command("-M", queue_id)
            said = self.exim.lines(queue_id)[before:]
            return not any("is locked (another process" in line for line in said)
        logs.until(tried, 30, f"{queue_id} is free", every=0.2)

    def queued(self) -> set[str]:
        return self.exim.queued()

    def complaints(self) -> list[str]:
        return self.exim.panics() + [line for exim in self.others for line in exim.panics()
                                     if not line.endswith(self.expected)]

    def inspected(self) -> tuple:
        return ("exim", "--exim-program", self.program, "--exim-config",
                str(self.exim.config))

    def is_silent(self, finding: dict) -> bool:
        """Where DNS or a policy host is silent on purpose, planning takes longer than
        doctor waits; and there are more lines than it asks for."""
        if finding["code"] == "exim-routes-unasked":
            return True
        text = f"{finding['subject']} {finding['what']}"
        return "did not end in time" in text and any(
            name in text for name in (".silent.test", ".dead.test", "row26", "row27"))


class EximOpenssl(Exim):
    """Exim built with OpenSSL, as Debian does not build it: see exim_source.py."""

    name, program = "openssl", f"/{exim_source.PROGRAM}"

    def __init__(self, directory: Path, transport: Path, scenarios, roots: Path):
        super().__init__(directory, transport, scenarios, roots)
        self.options = ("--openssl", "--set", f"trust-directory={roots}")


class EximLight(Exim):
    """exim4-daemon-light, which asks by ${readsocket}: it can't log why, syslog does."""

    name, program = "light", "/usr/sbin/exim4-light"
    options, by_library = ("--readsocket",), False
    # Its next question after one that broke off may have another file in the socket's place;
    # then it has no answer.
    expected = (" readsock fdopen: Invalid argument",)

    def __init__(self, directory: Path, *rest):
        super().__init__(directory, *rest)
        self.syslog = logs.LineLog(directory / "syslog")

    def attempts(self, queue_id: str) -> list[Outcome]:
        outcomes = super().attempts(queue_id)  # before what is said of them
        said = [line for line in self.syslog.lines() if f"queue-id={queue_id} " in line]
        return [with_audit(outcome, said) for outcome in outcomes]

    def results(self, queue_id: str) -> dict[str, Outcome]:
        said = [line for line in self.syslog.lines() if f"queue-id={queue_id} " in line]
        return {to: with_audit(outcome, [line for line in said
                                         if f" destination={to.rsplit('@', 1)[1]} " in line])
                for to, outcome in super().results(queue_id).items()}

    def wait_attempt(self, queue_id: str, number: int, seconds: float) -> Outcome:
        outcome = super().wait_attempt(queue_id, number, seconds)
        if outcome.result != "delivered":  # syslog may come a little later, or never
            try:
                logs.until(lambda: f"queue-id={queue_id} " in "\n".join(self.syslog.lines()), 5,
                           f"the service says why {queue_id} waits")
            except logs.Timeout:
                pass
        return self.attempts(queue_id)[number - 1]


def with_audit(outcome: Outcome, lines: list[str]) -> Outcome:
    """What the service says of the same message, beside what Exim says."""
    status = outcome.status
    if status.endswith(".0.0") and outcome.result != "delivered":
        found = [re.search(r" status=(4\.\S+)", line) for line in lines]
        status = next((m[1] for m in found if m), status)
    return Outcome(outcome.result, status, outcome.text + "\n" + "\n".join(lines))


def advice(programs, directory: Path, library: Path, *more: str) -> dict:
    """macros, routers and transports as `pin-admin config exim` prints them."""
    config = directory / "advice.conf"
    config.write_text(f"door-exim = {SOCKET}\n", encoding="ascii")
    done = subprocess.run(
        programs.command("pin-admin", "config", "exim", "--library", library, "--json",
                         "--config", config, *more),
        capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
    return json.loads(done.stdout)


def point_at(socket: Path) -> None:
    """From now on the library finds that socket at its door."""
    SOCKET.parent.mkdir(mode=0o755, exist_ok=True)
    lead(SOCKET, socket)
