"""A unit of systemd, started as its file says, where no systemd runs.

Only what decides whether Postern works: the sockets and their mode, the user, the
command before the start, umask and limits. What a unit forbids is judged by
systemd-analyze.
"""

import fcntl
import os
import socket
import subprocess
from pathlib import Path

FIRST_FD = 3


def read(file: Path) -> dict[str, list[str]]:
    """'Service.User' -> its values in order; an empty one takes back those before."""
    values, section = {}, ""
    for line in file.read_text(encoding="utf-8").splitlines():
        line = line.strip()
        if line.startswith("["):
            section = line.strip("[]")
        elif "=" in line and line[0] not in "#;":
            key, value = line.split("=", 1)
            name = f"{section}.{key.strip()}"
            values.setdefault(name, []).append(value.strip())
            if not value.strip():
                values[name] = []
    return values


class Unit:
    """postern.service and its sockets in a root."""

    def __init__(self, root, sockets, directory: str = "lib/systemd/system"):
        self.root = root
        self.sockets = [read(root.path / directory / name) for name in sockets]
        self.service_unit = read(root.path / directory / "postern.service")
        self.listeners, self.process = [], None

    def listen(self) -> None:
        """What `systemctl start` of the socket units does."""
        for unit in self.sockets:
            for path in unit["Socket.ListenStream"]:
                self._listen(unit, path)

    def _listen(self, unit: dict, path: str) -> None:
        place = self.root.file(path)
        place.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        self._bind_inside(listener, path)
        self.root.must("chown", f"{unit['Socket.SocketUser'][-1]}:"
                       f"{unit['Socket.SocketGroup'][-1]}", path)
        place.chmod(int(unit["Socket.SocketMode"][-1], 8))
        listener.listen(int(unit["Socket.Backlog"][-1]))
        self.listeners.append(listener)

    def _bind_inside(self, listener: socket.socket, path: str) -> None:
        """The address is compared with the settings: the path as seen in the root."""
        child = os.fork()
        if child == 0:
            try:
                os.chroot(self.root.path)
                os.chdir("/")
                listener.bind(path)
                os._exit(0)
            except OSError:
                os._exit(1)
        if os.waitpid(child, 0)[1] != 0:
            raise OSError(f"cannot bind {path}")

    def before(self) -> subprocess.CompletedProcess:
        """ExecStartPre=, as root where it has a '+'."""
        command = self.service_unit["Service.ExecStartPre"][-1]
        assert command.startswith("+"), "the policy is published by root"
        return self.root.run(*command[1:].split())

    def start(self, log: Path) -> None:
        """ExecStart= with the sockets; it may be called again after an end."""
        high = [fcntl.fcntl(listener, fcntl.F_DUPFD, 50) for listener in self.listeners]
        moves = " ".join(f"{FIRST_FD + i}<&{fd} {fd}<&-" for i, fd in enumerate(high))
        # LISTEN_PID has to be the service's own number; exec keeps the shell's.
        script = (f"exec {moves}; umask {self.service_unit['Service.UMask'][-1]};"
                  f" ulimit -n {self.service_unit['Service.LimitNOFILE'][-1]};"
                  f" LISTEN_FDS={len(high)} LISTEN_PID=$$ exec "
                  + self.service_unit["Service.ExecStart"][-1])
        with open(log, "ab") as output:
            self.process = subprocess.Popen(  # pylint: disable=R1732
                self.root.command("/bin/bash", "-c", script,
                                  user=self.service_unit["Service.User"][-1]),
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, pass_fds=high,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        for fd in high:
            os.close(fd)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(60)
