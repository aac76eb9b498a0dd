"""Doors that lie: in posternd's place, everything that its client must survive."""

import os
import socket
import threading
import time
from pathlib import Path

GREETING = b"postern 1 ready\n"


def lead(door: Path, socket_path: Path) -> None:
    """From now on whoever knocks at that door finds that socket."""
    link = door.with_suffix(".new")
    link.unlink(missing_ok=True)
    link.symlink_to(socket_path)
    link.rename(door)


class FakeDoor:
    """A unix socket that greets and answers as told, or doesn't.

    greeting  octets, or None: says nothing
    reply     octets, or None: never answers; "close": hangs up unread
    """

    def __init__(self, path: Path, greeting=GREETING, reply=b""):
        self.path, self.greeting, self.reply = path, greeting, reply
        path.parent.mkdir(parents=True, exist_ok=True)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        os.chmod(path, 0o666)
        self.socket.listen(16)
        self.calls = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            self.calls += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            client.settimeout(120)  # longer than smtp(8) waits for a map
            try:
                if self.greeting is None:
                    client.recv(1)
                    return
                client.sendall(self.greeting)
                if self.reply == "close":
                    return
                _data, fds, _flags, _addr = socket.recv_fds(client, 65536, 4)
                for fd in fds:
                    self._drain(fd)
                if self.reply is None:
                    client.recv(1)
                    return
                client.sendall(self.reply)
            except OSError:
                pass

    @staticmethod
    def _drain(fd: int) -> None:
        """Takes the whole message, as a service would that then fails."""
        with os.fdopen(fd, "rb") as message:
            end = time.monotonic() + 10
            while message.read(65536) and time.monotonic() < end:
                pass

    def close(self) -> None:
        self.socket.close()
        self.path.unlink(missing_ok=True)


class FakeMap(FakeDoor):
    """A socket map, and the questions that it was asked.

    reply     octets, the same for each question; None: never; b"": hangs up; or what
              makes an answer of a question
    """

    def __init__(self, path: Path, reply):
        path.unlink(missing_ok=True)
        self.asked: list[str] = []
        super().__init__(path, b"", reply)

    def _serve(self, client: socket.socket) -> None:
        with client:
            while question := client.recv(65536):
                self.asked.append(question.decode("utf-8", "replace"))
                if self.reply is None:
                    client.settimeout(60)
                    client.recv(1)
                if not self.reply:
                    break
                try:
                    client.sendall(self.reply(question) if callable(self.reply) else self.reply)
                except OSError:  # the other side waits no longer
                    break


class FakeLmtpDoor(FakeDoor):
    """An LMTP server with room for every mail, but for what its script says.

    The script's keys are "greeting", verbs and "dot"; a value is octets to say
    instead, None for silence, "close" to hang up.
    """

    USUAL = {"greeting": b"220 mta.sender.test LMTP\r\n",
             "LHLO": b"250-mta.sender.test\r\n250 PIPELINING\r\n",
             "DATA": b"354 go ahead\r\n", "dot": b"250 2.0.0 taken\r\n"}

    def __init__(self, path: Path, script: dict):
        self.script = script
        super().__init__(path)

    def _serve(self, client: socket.socket) -> None:
        with client:
            client.settimeout(60)
            try:
                self._say(client, "greeting")
                with client.makefile("rb") as lines:
                    for line in lines:
                        verb = line.split()[0].decode().upper()
                        self._say(client, verb)
                        if verb == "DATA":
                            while lines.readline() not in (b".\r\n", b""):
                                pass
                            self._say(client, "dot")
            except (OSError, EOFError):
                pass

    def _say(self, client: socket.socket, what: str) -> None:
        words = self.script.get(what, self.USUAL.get(what, b"250 2.0.0 ok\r\n"))
        while words is None and client.recv(4096):
            pass
        if words is None or words == "close":
            raise EOFError
        client.sendall(words)
        if not words.endswith(b"\n"):
            raise EOFError
