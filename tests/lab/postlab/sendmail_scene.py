"""A Sendmail for its traps: a scene, and the map that it asks."""

import itertools
import socket
from pathlib import Path

from . import traps
from .adapters.sendmail import advice
from .doors import FakeMap
from .sendmail import Sendmail
from .traps import SENDER

_ports = itertools.count(2700)


class Scene(traps.Scene):
    """With a Sendmail, its mailertable and the map that it asks."""

    def __init__(self, lab, trap):
        self.directory = lab.home / "traps" / trap.id
        sender = lab.world.sender
        self.sendmail = Sendmail(self.directory, next(_ports), next(_ports),
                                 sender.sendmail.roots, lab.home / "syslog")
        super().__init__(lab, trap, self.sendmail,
                         advice(lab.programs, lab.service.config, *sender.more))
        self.table, self.ports = sender.table(self.parts)
        self.spoken, self.tls_told = b"", ""  # set by what opens a trap

    def map_is(self, path: Path) -> None:
        self.change("after", str(self.lab.service.doors["sendmail-map"]), str(path))

    def configure(self, options: str = "", **more) -> None:
        self.sendmail.configure(self.parts, self.table, options=options, ports=self.ports,
                                **more)

    def hand_over(self, content: bytes, addresses: list, wait: bool):
        return self.sendmail.command("-odq" if wait else "-odi", "-oi", "-f", SENDER, "--",
                                     *addresses, given=content.decode())

    def queue_id_of(self, line: str) -> str:
        return line.split("]: ", 1)[1].split(":")[0]

    def ended(self, line: str) -> bool:
        return ": to=" in line and ("stat=Sent" in line or "dsn=5" in line)


class Trap(traps.Trap):
    stage = Scene


def netstring(text: str) -> bytes:
    return f"{len(text)}:{text},".encode()


def ask(lab, question: bytes) -> bytes:
    """One question to the service's own map, and its answer."""
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(60)
        door.connect(str(lab.service.doors["sendmail-map"]))
        door.sendall(question)
        return door.recv(4096)


PASS = netstring("OK PASS")


class Overheard(FakeMap):
    """The service's own map, and what Sendmail asks it."""

    def __init__(self, scene):
        super().__init__(scene.directory / "overheard-map",
                         lambda question: ask(scene.lab, question))
        scene.map_is(self.path)

    def of(self, domain: str) -> list[list[str]]:
        """The fields of each question about that destination."""
        return [question.split("<", 1)[1].rstrip(">,").split("><") for question in self.asked
                if f"<{domain}>" in question]
