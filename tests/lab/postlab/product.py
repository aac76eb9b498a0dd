"""Postern's own programs in the lab: posternd, pin-admin, and the syslog they write to."""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path

from . import logs, space
from .clean_root import CleanRoot, debs

PROGRAMS = {
    "posternd": "posternd/posternd",
    "postern-transport": "postfix-transport/postern-transport",
    "pin-admin": "pin-admin/pin-admin",
}
# Needed by one adapter alone.
LIBRARIES = {"postern-exim.so": "exim-dlfunc/postern-exim.so",
             "postern-milter": "sendmail-milter/postern-milter"}
INSTALLED = {
    "posternd": "/usr/sbin/posternd",
    "postern-transport": "/usr/libexec/postern/postern-transport",
    "pin-admin": "/usr/bin/pin-admin",
}


class ProductError(RuntimeError):
    """One of Postern's programs is missing, refused a command or did not start."""


class Programs:
    """Where the programs are, and how they are run: here, or in a root of their own."""

    def __init__(self, paths: dict[str, Path], root=None):
        self.paths, self.root = paths, root

    def __getitem__(self, name: str) -> Path:
        return self.paths[name]

    def __setitem__(self, name: str, path: Path) -> None:
        self.paths[name] = path

    def command(self, name: str, *words) -> list[str]:
        """The command line, for root."""
        line = [str(self.paths[name]), *map(str, words)]
        return self.root.command(*line) if self.root else line

    def start(self, name: str, *words, user: str, **more) -> subprocess.Popen:
        """Runs it as that user: in a root of its own, the one whom that root knows."""
        line = [str(self.paths[name]), *map(str, words)]
        if self.root:
            line = self.root.command(*line, user=user)
        else:
            more = {"user": user, "group": user, "extra_groups": []} | more
        return subprocess.Popen(line, stdin=subprocess.DEVNULL, cwd="/",  # pylint: disable=R1732
                                **more)


def install(build: Path, into: Path) -> Programs:
    """Copies the build's programs to where the lab's users may run them."""
    into.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, place in PROGRAMS.items():
        source = build / place
        if not source.exists():
            raise ProductError(f"{source} does not exist: build it, or give --bin-dir")
        paths[name] = into / name
        shutil.copy(source, into / name)
        (into / name).chmod(0o755)
    for name, place in LIBRARIES.items():
        if (build / place).exists():
            paths[name] = into / name
            shutil.copy(build / place, into / name)
    return Programs(paths)


def install_packages(directory: Path) -> Programs:
    """dpkg -i in the clean root; from then on its users are the lab's."""
    root = CleanRoot(space.prepared(), space.HOME)
    root.install(debs(directory))
    space.take_users(root.path / "etc")
    return Programs({name: Path(path) for name, path in INSTALLED.items()}, root)


class Syslog:
    """Collects what arrives at /dev/log, line by line, in a file."""

    def __init__(self, file: Path):
        self.log = logs.LineLog(file)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("/dev/log")
        os.chmod("/dev/log", 0o666)
        self._file = open(file, "ab", buffering=0)  # pylint: disable=R1732
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self) -> None:
        while True:
            datagram = self._socket.recv(65536)
            self._file.write(datagram.replace(b"\n", b"\\n").rstrip(b"\0") + b"\n")


class Service:
    """One posternd with a configuration, sockets, snapshot and state of its own."""

    def __init__(self, name: str, directory: Path, programs, author: Path, settings: dict):
        self.name, self.directory, self.programs = name, directory, programs
        self.process = None
        self.sockets = directory / "sockets"
        self.snapshot = directory / "policy.db"
        for path, user, mode in ((directory, "root", 0o755), (self.sockets, "postern", 0o755),
                                 (directory / "state", "postern", 0o700),
                                 (directory / "spool", "postern", 0o700)):
            path.mkdir(parents=True, exist_ok=True)
            shutil.chown(path, user, "postern")
            path.chmod(mode)
        self.config = directory / "postern.conf"
        lines = {
            "author-store": author, "snapshot": self.snapshot,
            "state": directory / "state" / "state.db",
            "socket-directory": self.sockets, "spool-directory": directory / "spool",
            "door-lmtp": self.sockets / "lmtp", "lmtp-users": "postfix",
            "door-postfix-map": self.sockets / "map",
        } | settings
        self.doors = {"pipe": self.sockets / "pipe", "lmtp": Path(lines["door-lmtp"]),
                      "map": Path(lines["door-postfix-map"]),
                      "exim": self.sockets / "exim", "sendmail": self.sockets / "sendmail",
                      "sendmail-map": self.sockets / "sendmail-map"}
        self.config.write_text("".join(
            f"{key} = {value}\n" for key, values in lines.items()
            for value in (values if isinstance(values, list) else [values])),
            encoding="utf-8")
        self.log = logs.LineLog(directory / "posternd.log")

    @property
    def pipe(self) -> Path:
        return self.doors["pipe"]

    def start(self, wait: bool = True) -> None:
        log = open(self.log.path, "ab")  # pylint: disable=R1732
        self.process = self.programs.start("posternd", "--foreground", "--config", self.config,
                                           user="postern", stdout=log, stderr=log)
        if wait:
            logs.until(self._answers, 60, f"posternd ({self.name}) answers")

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise ProductError(f"posternd ({self.name}) ended with status "
                               f"{self.process.returncode}:\n{self.log.tail()}")
        try:
            return self.ask("ping").startswith("ok ")
        except OSError:
            return False

    def ask(self, request: str) -> str:
        """One request at the query door, by hand; the reply line."""
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(30)
            door.connect(str(self.sockets / "query"))
            with door.makefile("rw", encoding="utf-8", newline="\n") as lines:
                greeting = lines.readline()
                if not greeting.startswith("postern 1"):
                    return greeting.strip()
                lines.write(request + "\n")
                lines.flush()
                return lines.readline().strip()

    def explain(self, domain: str) -> dict:
        reply = self.ask(f"explain domain={domain}")
        if not reply.startswith("ok "):
            return {"error": reply}
        return json.loads(reply[3:])

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ends it; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
        return self.process.wait(30)


class Admin:
    """pin-admin, run as root with a service's configuration."""

    def __init__(self, programs: Programs, config: Path):
        self.programs, self.config = programs, config
        self._lock = threading.Lock()

    def run(self, *words: str) -> subprocess.CompletedProcess:
        """Runs it, whatever its exit status."""
        return subprocess.run(self.programs.command("pin-admin", *words, "--config", self.config),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False, timeout=120)

    def must(self, *words: str) -> str:
        """Runs a command that writes, one at a time, and insists on success."""
        with self._lock:
            done = self.run(*words)
        if done.returncode not in (0, 3):
            raise ProductError(f"pin-admin {' '.join(words)}: exit status {done.returncode}\n"
                               + done.stdout + done.stderr)
        return done.stdout + done.stderr


def settings(world) -> dict:
    """postern.conf's lines that are the same for every service of the lab."""
    return {
        "helo-name": "mta.sender.test",
        "dns-forwarders": "127.0.0.53",
        "dns-trust-anchor": world.tree.anchor,
        # libunbound takes test. for a name that nobody serves.
        "dns-options": ["do-not-query-localhost: no", "local-zone: test. nodefault"],
        "trust-directory": world.pki.roots_dir,
        "probe-private-addresses": "yes",
        "query-users": "root postern",
        "pipe-users": "postern-client",
        "command-timeout": "20s",
        "connect-timeout": "10s",
        # Not below default_process_limit of the lab's Postfix.
        "worker-threads": "200",
        "lmtp-connections": "200",
    }
