"""A private Exim: its directories, configuration, daemon and log. Knows nothing of us."""

import itertools
import os
import re
import shutil
import subprocess
from pathlib import Path

from . import logs
from .judge import Outcome

SERVICE = Path("/run/postern")   # where the library looks for its one socket
OWN_PORTS, TRUSTED = 2600, "own.conf"
# The main section that has nothing to do with what is tested.
MAIN = """\
exim_path = {program}
exim_user = Debian-exim
exim_group = Debian-exim
primary_hostname = mta.sender.test
qualify_domain = sender.test
spool_directory = {spool}
log_file_path = {log}/%slog
pid_file_path = {directory}/{name}.pid
keep_environment =
domainlist local_domains = sender.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max = 1000
smtp_connect_backlog = 512
smtp_accept_queue = 0
smtp_accept_queue_per_connection = 0
queue_run_max = 50
remote_max_parallel = 10
message_size_limit = 60M
smtputf8_advertise_hosts = *
chunking_advertise_hosts =
pipelining_connect_advertise_hosts =
allow_utf8_domains = true
allow_domain_literals = true
acl_smtp_rcpt = acl_rcpt
acl_smtp_data = acl_data
smtp_enforce_sync = false
tls_advertise_hosts =
timeout_frozen_after = 0s
ignore_bounce_errors_after = 0s
delay_warning =
{options}
"""
ACLS = "begin acl\nacl_rcpt:\n  accept {verify}\nacl_data:\n  accept\n"
HERE = "here:\n  driver = redirect\n  domains = +local_domains\n  data = :blackhole:\n"
RETRY = "* * F,1h,10m; F,5d,1h\n"
_END = re.compile(r"^\S+ \S+ (?P<id>\S+) (?P<mark>=>|->|==|\*\*) (?P<to>\S+)(?P<rest>.*)$")
_RESULTS = {"=>": "delivered", "->": "delivered", "==": "deferred", "**": "bounced"}


_numbers = itertools.count()


class Exim:
    """One instance; `name` is one of space.EXIM_CONFIGS."""

    within: Path | None = None  # what it finds at the place of the service's directory

    def __init__(self, directory: Path, name: str, port: int,
                 program: str = "/usr/sbin/exim4-heavy"):
        self.directory, self.name, self.port, self.program = directory, name, port, program
        self.config = directory / f"{name}.conf"
        self.spool, log = directory / f"{name}.spool", directory / f"{name}.log"
        for path in (directory, self.spool, log):
            path.mkdir(parents=True, exist_ok=True)
        for path in (self.spool, log):
            shutil.chown(path, "Debian-exim", "Debian-exim")
            os.chmod(path, 0o750)
        self.log_directory = log
        self.log = logs.LineLog(log / "mainlog")
        self.panic_log = logs.LineLog(log / "paniclog")
        self.process = None

    @classmethod
    def alone(cls, directory: Path, program: str, within: Path) -> "Exim":
        """One more, in mounts of its own: its library knows one socket, and finds another
        there; and it trusts one configuration, which is its own."""
        number = next(_numbers)
        made = cls(directory, f"own{number}", OWN_PORTS + number, program)
        made.within = within
        (directory / TRUSTED).touch()
        return made

    def line(self, *words: str, under=()) -> list[str]:
        """Its command line; `under`: a program that runs it."""
        if not self.within:
            return [*under, self.program, "-C", str(self.config), *words]
        trusted = self.directory / TRUSTED
        return ["unshare", "--mount", "sh", "-c",
                f'mount --bind {self.within} {SERVICE} && mount --bind {self.config} {trusted}'
                ' && exec "$@"', "sh", *under, self.program, "-C", str(trusted), *words]

    def configure(self, parts: dict, next_hop: str = "", options: str = "",
                  verify: str = "") -> None:
        """`parts`: macros, routers, transports. Ours come first among the routers."""
        self.log_directory.mkdir(exist_ok=True)
        macros = parts["macros"].replace("POSTERN_NEXT_HOP =", f"POSTERN_NEXT_HOP = {next_hop}")
        self.config.write_text(
            MAIN.format(program=self.program, spool=self.spool, log=self.log_directory,
                        directory=self.directory, name=self.name, port=self.port,
                        options=options)
            + macros + ACLS.format(verify=verify) + "begin routers\n" + parts["routers"] + HERE
            + "begin transports\n" + parts["transports"] + "begin retry\n" + parts["retry"] + RETRY, encoding="utf-8")
        self.config.chmod(0o644)
        done = self.command("-bV")
        if done.returncode != 0:
            raise RuntimeError(f"exim -bV: {done.stdout}{done.stderr}")

    def start(self) -> None:
        errors = open(self.directory / f"{self.name}.err", "ab")  # pylint: disable=R1732
        self.process = subprocess.Popen(
            self.line("-bdf", "-oP", str(self.directory / f"{self.name}.pid")),
            stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
        logs.until(lambda: any("daemon started" in line for line in self.log.lines()), 60,
                   f"{self.name}: the daemon starts")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)

    def command(self, *words: str, check: bool = False,
                under=()) -> subprocess.CompletedProcess:
        return subprocess.run(self.line(*words, under=under),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=check, timeout=120)

    def command_with(self, message: bytes, *words: str,
                     check: bool = True) -> subprocess.CompletedProcess:
        """Hands it a message on standard input."""
        return subprocess.run(self.line(*words), input=message, capture_output=True,
                              check=check, timeout=120)

    def lines(self, queue_id: str) -> list[str]:
        return [line for line in self.log.lines() if queue_id in line]

    def attempts(self, queue_id: str) -> list[Outcome]:
        """One for each line that ends an attempt; its text is all that was logged since
        the one before: Exim says the reason before it says the end."""
        found, text = [], []
        for line in self.lines(queue_id):
            text.append(line)
            match = _END.match(line)
            if match and match["id"] == queue_id:
                found.append(_outcome(match, "\n".join(text)))
                text = []
        return found

    def queued(self) -> set[str]:
        return {file.name[:-2] for file in (self.spool / "input").rglob("*-H")}

    def results(self, queue_id: str) -> dict[str, Outcome]:
        """The newest outcome for each recipient; its text is what was logged of its host.
        Addresses are tried side by side, and the host's refusal stands before the last line.
        """
        lines, found = self.lines(queue_id), {}
        for line in lines:
            match = _END.match(line)
            if match and match["id"] == queue_id:
                domain = match["to"].rsplit("@", 1)[1]
                theirs = [x for x in lines if f"mx.{domain}" in x and x != line]
                found[match["to"]] = _outcome(match, "\n".join(theirs + [line]))
        return found

    def panics(self) -> list[str]:
        return [line for line in self.panic_log.lines() if line]


def _outcome(match, text: str) -> Outcome:
    result = _RESULTS[match["mark"]]
    if result == "delivered":
        return Outcome(result, "2.0.0", text)
    digit = "4" if result == "deferred" else "5"
    # Ours, "4.7.5 token: …"; else the server's, "550 5.1.1 …".
    status = (re.search(rf"\b({digit}\.\d+\.\d+) [a-z0-9-]+: ", text)
              or re.search(rf"\b{digit}\d\d[ -]({digit}\.\d+\.\d+) ", text))
    return Outcome(result, status[1] if status else f"{digit}.0.0", text)
