"""A private Postfix: its directories, main.cf, master.cf, master and log.

Used twice: as the sender under test, and as the receivers. Knows nothing of
either.
"""

import os
import re
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from . import logs

QUEUES_PRIVATE = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold",
                  "incoming", "saved", "trace", "private")

COMMON = {
    "compatibility_level": "3.6",
    "mail_owner": "postfix",
    "setgid_group": "postdrop",
    "command_directory": "/usr/sbin",
    "daemon_directory": "/usr/lib/postfix/sbin",
    "shlib_directory": "/usr/lib/postfix",
    "sendmail_path": "/usr/sbin/sendmail",
    "mailq_path": "/usr/sbin/postqueue",
    "newaliases_path": "/usr/sbin/postalias",
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4",
    "mynetworks": "127.0.0.0/8 198.18.0.0/16",
    "alias_maps": "",
    "alias_database": "",
    "biff": "no",
    "append_dot_mydomain": "no",
    "allow_min_user": "yes",
    "message_size_limit": "60000000",
    "mailbox_size_limit": "0",
    "virtual_mailbox_limit": "0",
    "enable_long_queue_ids": "yes",
    "smtputf8_enable": "yes",
    "smtputf8_autodetect_classes": "all",
    "in_flow_delay": "0",
    # A master(8) that has no turn for ten seconds would cost it, and a line of the log.
    "postlogd_watchdog_timeout": "600s",
    "default_process_limit": "200",
    "smtpd_peername_lookup": "no",
    "smtpd_client_connection_count_limit": "0",
    "smtpd_client_connection_rate_limit": "0",
}

SERVICES = """\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass
class DeliveryLine:
    """What a delivery agent logged of one attempt for one recipient."""
    queue_id: str
    to: str
    service: str
    status: str     # dsn=
    result: str     # delivered | deferred | bounced
    text: str       # in the parentheses


_DELIVERY = re.compile(
    r"postfix(?:-\w+)?/(?P<service>[\w-]+)\[\d+\]: (?P<id>[0-9A-Za-z]+): to=<(?P<to>.*?)>, "
    r".*?dsn=(?P<dsn>[\d.]+), status=(?P<status>\w+) \((?P<text>.*)\)$")
_RESULTS = {"sent": "delivered", "deferred": "deferred", "bounced": "bounced",
            "expired": "bounced"}


class PostfixError(RuntimeError):
    """The private Postfix can't be configured or started."""


class Postfix:
    """One instance under `directory`."""

    def __init__(self, directory: Path, name: str):
        self.directory, self.name = directory, name
        self.root = None  # a CleanRoot whose Postfix it is; None: the lab's own
        self.config = directory / "etc"
        self.queue = directory / "queue"
        self.log = logs.LineLog(directory / "log")
        self.process = None
        self._starts = 0
        for path in (self.config, self.queue, directory / "data"):
            path.mkdir(parents=True, exist_ok=True)
        _own(directory / "data", "postfix", "postfix", 0o700)
        for queue in QUEUES_PRIVATE:
            _own(self.queue / queue, "postfix", "root", 0o700)
        _own(self.queue / "maildrop", "postfix", "postdrop", 0o730)
        _own(self.queue / "public", "postfix", "postdrop", 0o710)
        _own(self.queue / "pid", "root", "root", 0o755)

    def configure(self, settings: dict[str, str], services: str) -> None:
        main = COMMON | {
            "queue_directory": str(self.queue), "data_directory": str(self.directory / "data"),
            "maillog_file": str(self.log.path), "maillog_file_prefixes": "/run/lab",
            "meta_directory": str(self.config), "syslog_name": self.name,
        } | settings
        (self.config / "main.cf").write_text(
            "".join(f"{key} = {value}\n" for key, value in main.items()), encoding="utf-8")
        (self.config / "master.cf").write_text(SERVICES + services, encoding="utf-8")

    def start(self) -> None:
        errors = open(self.directory / "master.err", "ab")  # pylint: disable=R1732
        self._starts = sum("daemon started" in line for line in self.log.lines())
        self.process = subprocess.Popen(
            self.line("/usr/lib/postfix/sbin/master", "-c", str(self.config), "-s"),
            stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
        logs.until(self._started, 20, f"{self.name}: master started")

    def line(self, *words: str) -> list[str]:
        """The command line that runs one of its programs."""
        return self.root.command(*words) if self.root else list(words)

    def stop(self) -> None:
        """As `postfix stop` does: master(8) ends, and its children with it."""
        self.process.terminate()
        self.process.wait(30)

    def _started(self) -> bool:
        if self.process.poll() is not None:
            raise PostfixError(f"{self.name}: master ended ({self.process.returncode}): "
                               + (self.directory / "master.err").read_text() + self.log.tail())
        return sum("daemon started" in line for line in self.log.lines()) > self._starts

    def command(self, program: str, *arguments: str) -> str:
        done = subprocess.run(self.line(f"/usr/sbin/{program}", "-c", str(self.config),
                                        *arguments),
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise PostfixError(f"{program} {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def flush_log(self) -> None:
        """Back once everything is in the log that was said to postlogd(8) before."""
        mark = f"mark-{uuid.uuid4().hex}"
        self.command("postlog", mark)
        logs.until(lambda: any(mark in line for line in self.log.lines()), 30,
                   f"{self.name}: postlogd writes")

    def deliveries(self, queue_id: str) -> list[DeliveryLine]:
        """All attempts logged for that message so far, oldest first."""
        found = []
        for line in self.log.lines():
            if queue_id not in line:
                continue
            match = _DELIVERY.search(line)
            if match and match["id"] == queue_id:
                found.append(DeliveryLine(match["id"], match["to"], match["service"],
                                          match["dsn"], _RESULTS.get(match["status"], "?"),
                                          match["text"]))
        return found

    def trouble(self) -> list[str]:
        """Lines by which Postfix complains of itself or of us."""
        words = (" fatal: ", " panic: ", " warning: ")
        return [line for line in self.log.lines() if any(word in line for word in words)]


def _own(path: Path, user: str, group: str, mode: int) -> None:

    path.mkdir(parents=True, exist_ok=True)
    shutil.chown(path, user, group)
    os.chmod(path, mode)
