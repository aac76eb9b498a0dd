"""A private Sendmail: its directories, configuration, daemon and log. Knows nothing of us."""

import re
import socket
import subprocess
import time
from pathlib import Path

from . import logs
from .judge import Outcome

PROGRAM = "/usr/sbin/sendmail-mta"
CF = "/usr/share/sendmail/cf"
# What has nothing to do with what is tested. Attempts are the test's to make, and the
# machine's load is no reason not to make them.
MAIN = """\
divert(0)dnl
VERSIONID(`lab')dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `mta.sender.test')dnl
define(`QUEUE_DIR', `{directory}/queue')dnl
define(`STATUS_FILE', `{directory}/statistics')dnl
define(`HELP_FILE', `/dev/null')dnl
define(`ALIAS_FILE', `{directory}/aliases')dnl
define(`confPID_FILE', `{directory}/pid')dnl
define(`confLOG_LEVEL', `14')dnl
define(`confCACERT', `{roots}')dnl
define(`confCACERT_PATH', `{roots_directory}')dnl
define(`confQUEUE_LA', `1000')dnl
define(`confREFUSE_LA', `1000')dnl
define(`confTO_INITIAL', `30s')dnl
define(`confTO_STARTTLS', `10s')dnl
define(`confTO_QUIT', `10s')dnl
define(`confTO_IDENT', `0s')dnl
define(`confTO_CONNECT', `5s')dnl
define(`confTO_ICONNECT', `5s')dnl
define(`confTO_RESOLVER_RETRANS', `3s')dnl
define(`confTO_RESOLVER_RETRY', `2')dnl
define(`confMIN_QUEUE_AGE', `0')dnl
define(`confMAX_HOP', `50')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
FEATURE(`promiscuous_relay')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`accept_unqualified_senders')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`mailertable', `hash -o {directory}/mailertable')dnl
DAEMON_OPTIONS(`Name=queue, Addr=127.0.0.1, Port={port}, Listen=512, InputMailFilters=')dnl
DAEMON_OPTIONS(`Name=filtered, Addr=127.0.0.1, Port={filtered}')dnl
{options}"""
MAILER = ("M{name}, P=[IPC], F=mDFMuXa, S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP, E=\\r\\n, L=990,\n"
          "\t\tT=DNS/RFC822/SMTP, A=TCP $h {port}\n")
# Reads the message, and that is all. Without $u Sendmail would speak SMTP to it.
NOWHERE = "Mlab-nowhere, P=/usr/bin/awk, F=lsDFM, S=0, R=0, A=awk 0 - to=$u\n"
_LINE = re.compile(r"sendmail\[(?P<pid>\d+)\]: (?P<id>[\w-]+): to=(?P<rest>.*)$")
_END = re.compile(r"dsn=(?P<dsn>[\d.]+)(?:, reply=.*)?, stat=(?P<stat>.*)$")
_ANY = re.compile(r"sendmail\[(\d+)\]: ")


class Sendmail:
    """One instance in `directory`; two ports: without and with its milters."""

    def __init__(self, directory: Path, port: int, filtered: int, roots: Path, syslog: Path):
        self.directory, self.port, self.filtered = directory, port, filtered
        self.roots = roots
        (directory / "queue").mkdir(parents=True, exist_ok=True)
        (directory / "queue").chmod(0o700)
        self.config = directory / "sendmail.cf"
        self.log = logs.LineLog(syslog)
        self.process = None
        self._tried = logs.Index(self.log, _tried)
        self._said = logs.Index(self.log, _said)
        self._ended: dict[str, float] = {}
        (directory / "statistics").touch(mode=0o600)
        (directory / "aliases").write_text("", encoding="ascii")

    def configure(self, parts: dict, table: str, options: str = "", ports=(),
                  canonify: bool = False) -> None:
        """`parts`: what goes `before` and `after` MAILER(`smtp'); `table`: the mailertable;
        `options`: mc lines before `parts`; `canonify`: DNS is asked about recipients."""
        subprocess.run(["/usr/sbin/sendmail-makemap", "-C", "/dev/null", "hash",
                        self.directory / "mailertable"], input=table.encode(), check=True)
        mailers = "".join(MAILER.format(name=f"lab-{port}", port=port) for port in ports)
        options += "" if canonify else "FEATURE(`nocanonify')dnl\n"
        text = (MAIN.format(directory=self.directory, roots=self.roots,
                            roots_directory=self.roots.with_suffix(""), port=self.port,
                            filtered=self.filtered, options=options)
                + parts["before"] + "MAILER(`local')dnl\nMAILER(`smtp')dnl\n"
                + parts["after"] + "MAILER_DEFINITIONS\n" + NOWHERE + mailers)
        source = self.directory / "sendmail.mc"
        source.write_text(text, encoding="utf-8")
        made = subprocess.run(["m4", f"-D_CF_DIR_={CF}/", "-I", CF, f"{CF}/m4/cf.m4", source],
                              capture_output=True, text=True, check=True)
        if "open\n" not in made.stderr or made.stderr.count("***") > 1:  # said of the lab itself
            raise RuntimeError(f"m4: {made.stderr}")
        self.config.write_text(made.stdout, encoding="utf-8")
        tried = self.command("-bt", "-d0.4")
        if tried.returncode != 0 or "line " in tried.stderr:
            raise RuntimeError(f"sendmail -bt: {tried.stdout}{tried.stderr}")

    def start(self) -> None:
        errors = open(self.directory / "sendmail.err", "ab")  # pylint: disable=R1732
        self.process = subprocess.Popen([PROGRAM, "-C", str(self.config), "-bD", "-odb"],
                                        stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
        logs.until(self._listens, 60, "Sendmail's daemon starts")

    def _listens(self) -> bool:
        try:
            for port in (self.port, self.filtered):
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)

    def command(self, *words: str, given: str = "") -> subprocess.CompletedProcess:
        return subprocess.run([PROGRAM, "-C", str(self.config), *words], input=given,
                              capture_output=True, text=True, check=False, timeout=180)

    def run_queue(self, *only: str) -> None:
        """Every message, or those; back when all were tried."""
        for words in [f"-qI{queue_id}" for queue_id in only] or ["-qf"]:
            self.command(words)

    def lines(self, queue_id: str) -> list[str]:
        return [line for line in self.log.lines() if queue_id in line]

    def attempts(self, queue_id: str) -> list[Outcome]:
        """One for each process that tried, once it has ended: it says something of each
        host that it went to."""
        found = []
        # Before its lines are read: the last one comes just before the end.
        over = {pid for pid in self._by_process(queue_id) if self._has_ended(pid)}
        for pid, said in self._by_process(queue_id).items():
            ends = [_END.search(line) for line in said if f": {queue_id}: to=" in line]
            ends = [end for end in ends if end and end["stat"] != "queued"]
            if ends and pid in over:
                found.append(_outcome(ends[-1], "\n".join(said)))
        return found

    def _has_ended(self, pid: str) -> bool:
        """For a moment already, in which its last line has come through syslog."""
        if not _is_over(pid):
            return False
        first = self._ended.setdefault(pid, time.monotonic())
        return time.monotonic() - first > 0.2

    def _by_process(self, queue_id: str) -> dict[str, list[str]]:
        """All that was said by each process that has tried it."""
        return {pid: self._said.get(pid) for pid in dict.fromkeys(self._tried.get(queue_id))}

    def queued(self) -> set[str]:
        return {file.name[2:] for file in (self.directory / "queue").glob("qf*")}


def _tried(line: str):
    match = _LINE.search(line)
    return (match["id"], match["pid"]) if match else None


def _said(line: str):
    match = _ANY.search(line)
    return (match[1], line) if match else None


def _is_over(pid: str) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
        return stat.rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def _outcome(end, text: str) -> Outcome:
    if end["stat"].startswith("Sent"):
        return Outcome("delivered", end["dsn"], text)
    result = "bounced" if end["dsn"].startswith("5") else "deferred"
    # Ours, of the host that was asked last: the end of the line may not have it.
    ours = re.findall(r"reject=403 (4\.\d+\.\d+) ", text)
    return Outcome(result, ours[-1] if ours and result == "deferred" else end["dsn"], text)
