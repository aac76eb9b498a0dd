"""postern-milter before an MTA: 451 at RCPT for the impostor, and 451 without the milter."""

import shutil
from contextlib import contextmanager
from pathlib import Path

from . import logs, messages, traps
from .smtp_submit import SubmitError, Submitter
from .traps import IMPOSTOR, MAY, OTHER, SENDER

SOCKET = Path("/run/lab/milter/socket")


@contextmanager
def running(lab, group: str = "postern-client"):
    """The milter, asked at SOCKET by that group; a door of the lab's service behind it."""
    shutil.rmtree(SOCKET.parent, ignore_errors=True)
    SOCKET.parent.mkdir(mode=0o755)
    shutil.chown(SOCKET.parent, "postern-client", group)
    program = lab.programs.start(
        "postern-milter", "--socket", f"local:{SOCKET}", "--service-socket",
        lab.service.doors["sendmail"], user="postern-client", group=group)
    try:
        logs.until(SOCKET.exists, 20, "the milter listens")
        yield program
    finally:
        program.kill()
        program.wait(30)


def gates(lab, port: int, without: str, group: str = "postern-client") -> list[str]:
    """What is wrong with the answers at RCPT; `without`: words of that without a milter."""
    with running(lab, group):
        found = (refused(port, IMPOSTOR, "certificate-host-mismatch") + taken(port, OTHER)
                 + taken(port, MAY))
    return found + refused(port, OTHER, without)


def _submit(port: int, domain: str) -> None:
    connection = Submitter("127.0.0.1", port)
    try:
        connection.submit(messages.compose(SENDER, f"to-29@{domain}", "plain"))
    finally:
        connection.close()


def refused(port: int, domain: str, words: str) -> list[str]:
    try:
        _submit(port, domain)
    except SubmitError as error:
        said = str(error)
        return [] if said.startswith("451 ") and words in said else [f"{domain}: {said}"]
    return [f"{domain} {traps.TAKEN}"]


def taken(port: int, domain: str) -> list[str]:
    try:
        _submit(port, domain)
    except SubmitError as error:
        return [f"{domain}: {error}"]
    return []


# Postfix's smtpd(8), which has it as a filter at a port of its own.

class Stage:
    """The lab's Postfix."""

    last = ""

    def __init__(self, lab, _trap):
        self.lab = lab

    def close(self) -> None:
        """It goes on."""


class Trap(traps.Trap):
    stage = Stage


def before_smtpd(scene) -> list[str]:
    return gates(scene.lab, scene.lab.world.sender.filtered, "4.7.1", group="postfix")


ALL = [Trap("29-m", "the milter before smtpd(8): 451; and 451 without it", before_smtpd)]
