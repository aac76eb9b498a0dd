"""Exim 4.96 (Debian's exim4-daemon-heavy) with postern-exim.so: the sender under test."""

import json
import re
import subprocess
from pathlib import Path

from .. import exim_source, logs
from ..exim import Exim as PrivateExim
from ..judge import Outcome
from ..messages import Mail
from ..scenarios import fill, is_absent
from ..smtp_submit import Submitter

PORT = 2526
SOCKET = Path("/run/postern/exim")


def _is_silent(finding: dict) -> bool:
    text = f"{finding['subject']} {finding['what']}"
    return "did not end in time" in text and any(
        name in text for name in (".silent.test", ".dead.test", "row26", "row27"))


class Exim:
    """The methods of PostfixPipe."""

    door = "exim"
    options: tuple = ()  # for `pin-admin config exim`
    copies_for_two = 1
    holds_host = 1.1  # a retry rule can't say less than a second
    name, program = "exim", "/usr/sbin/exim4-heavy"

    def __init__(self, directory: Path, transport: Path, scenarios, _roots: Path):
        self.library = transport.with_name("postern-exim.so")
        self.hops = {s.domain: fill(s.hop, s) for s in scenarios if s.hop}
        self.exim = PrivateExim(directory / "exim", self.name, PORT, self.program)
        self.service = self.programs = None

    def settle_in(self, programs) -> None:
        self.programs = programs

    def service_settings(self) -> dict:
        return {"exim-questions": "100"}

    def use(self, service) -> None:
        """The library knows one socket: it leads to that service."""
        self.service = service
        point_at(service.doors["exim"])

    def policy_line(self, _scenario, line: str) -> str:
        return line

    def as_told(self, expect):
        return expect

    def asks(self, questions):
        """Those that can be asked about its mail."""
        return questions

    def can(self, scenario) -> bool:
        # Row 28: Exim's own connections do not log in.
        return scenario.row != 28 and not is_absent(scenario, "exim")

    def ahead_of_verdict(self, _domain: str) -> tuple:
        """What a host may see that is then refused; nothing of the envelope."""
        return ()

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

    def submit(self, mail: Mail) -> str:
        connection = Submitter("127.0.0.1", PORT)
        try:
            reply = connection.submit(mail)
        finally:
            connection.close()
        return re.search(r"id=(\S+)", reply)[1]

    def attempts(self, queue_id: str) -> list[Outcome]:
        """One for each line that ends an attempt; its text is all that was logged since
        the one before: Exim says the reason before it says the end."""
        return self.exim.attempts(queue_id)

    def wait_attempt(self, queue_id: str, number: int, seconds: float) -> Outcome:
        return logs.until(lambda: self.attempts(queue_id)[number - 1:number], seconds,
                          f"attempt {number} of {queue_id}")[0]

    def retry(self, queue_id: str) -> None:
        tried = len(self.attempts(queue_id))
        self.exim.command("-M", queue_id)
        logs.until(lambda: len(self.attempts(queue_id)) > tried, 30, f"{queue_id} is tried again")

    def queued(self) -> set[str]:
        return {file.name[:-2] for file in (self.exim.spool / "input").rglob("*-H")}

    def complaints(self) -> list[str]:
        return self.exim.panics()

    def doctor(self, admin) -> list[str]:
        """What doctor has to say of Exim; every watched destination is routed for it."""
        done = admin.run("doctor", "--exim-program", self.program, "--exim-config",
                         str(self.exim.config), "--no-dns", "--json")
        found = json.loads(done.stdout)["findings"]
        # Where DNS or a policy host is silent on purpose, planning takes longer than
        # doctor waits.
        return [f"{f['code']} {f['subject']}: {f['what']}" for f in found
                if f["code"].startswith("exim-") and not _is_silent(f)]

    def printed(self, _admin) -> str:
        return ""

    def advised(self) -> list[str]:
        """Nothing to compare: what pin-admin prints is what runs."""
        return []


class EximOpenssl(Exim):
    """Exim built with OpenSSL, as Debian does not build it: see exim_source.py."""

    name, program = "openssl", f"/{exim_source.PROGRAM}"

    def __init__(self, directory: Path, transport: Path, scenarios, roots: Path):
        super().__init__(directory, transport, scenarios, roots)
        self.options = ("--openssl", "--set", f"trust-directory={roots}")


class EximLight(Exim):
    """exim4-daemon-light, which asks by ${readsocket}: it can't log why, syslog does."""

    name, program = "light", "/usr/sbin/exim4-light"
    options = ("--readsocket",)

    def __init__(self, directory: Path, *rest):
        super().__init__(directory, *rest)
        self.syslog = logs.LineLog(directory / "syslog")

    def attempts(self, queue_id: str) -> list[Outcome]:
        outcomes = super().attempts(queue_id)  # before what is said of them
        said = [line for line in self.syslog.lines() if f"queue-id={queue_id} " in line]
        return [with_audit(outcome, said) for outcome in outcomes]


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
    link = SOCKET.with_suffix(".new")
    link.unlink(missing_ok=True)
    link.symlink_to(socket)
    link.rename(SOCKET)


