"""Traps: ways in which a mail server's own configuration lets mail past a verdict.

A trap changes one thing in what pin-admin prints for that mail server, or in what
stands behind it, and sends mail for the impostor of row 29: what comes of it is read
in the impostor's own record. Each has a mail server of its own, which delivers in the
foreground. Several are played side by side: then whatever one of them lets through fails
the others, too, so with --springs they come one after another.
"""

import shutil
import signal
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Callable, ClassVar

from . import logs, messages

IMPOSTOR, MAY, OTHER, STRANGE, STRIP = ("row29.test", "row29-may.test", "row29-other.test",
                                        "row29-strange.test", "row29-strip.test")
SENDER = "sender@sender.test"
# What only an attack that succeeds has found.
TOLD, COPIED, ENDED, TAKEN, WAIT = ("the host was told", "a host has the message",
                                    "delivered or bounced", "was taken", "others wait")
SPRUNG = (TOLD, COPIED, ENDED, TAKEN, WAIT)
LANES = 4
_strip = threading.Lock()


@dataclass
class Trap:
    """`play(scene)` does it, and returns what is wrong."""
    id: str
    title: str
    play: Callable
    opened: Callable | None = None  # takes away what protects: then the trap has to spring
    strips: bool = False            # it tells the receiver of STRIP what to offer

    row = 29
    slow = False                   # it waits most of its time
    stage: ClassVar[type]          # the Scene that is played in

    def prepare(self, lab) -> None:
        """What the lab's mail server has to have before it starts."""

    def run(self, lab, opened: bool = False) -> tuple[list[str], str]:
        """What is wrong (nothing: the promise held), and the last thing the MTA said."""
        scene = None
        try:
            scene = self.stage(lab, self)
            if opened:
                self.opened(scene)
            found = self.play(scene)
        except Exception as error:  # pylint: disable=broad-except
            found = [f"{type(error).__name__}: {error}", traceback.format_exc(limit=-3)]
        finally:
            if scene:
                scene.close()
        return found, scene.last if scene else ""

    def springs(self, lab) -> tuple[list[str], str]:
        """With nothing in its way: a test that can't fail proves nothing."""
        found, last = self.run(lab, opened=True)
        if any(words in problem for problem in found for words in SPRUNG):
            return [], found[0]
        return ["nothing came of the attack"] + found, last


def run_all(lab, traps: list, tally, springs: bool = False) -> None:
    """A few at a time, or one after the other."""
    def one(trap: Trap) -> None:
        if not trap.strips:
            found, last = trap.springs(lab) if springs else trap.run(lab)
        else:
            with _strip:
                found, last = trap.springs(lab) if springs else trap.run(lab)
        tally.add(f"{trap.id:7} {trap.title}", "\n".join(found), last)

    with ThreadPoolExecutor(1 if springs else LANES) as pool:
        list(pool.map(one, traps))


class Scene:
    """A mail server of the trap's own, and the impostor's record.

    `mta` has `log`, lines() and queued(). Missing here: hand_over(), queue_id_of(), ended().
    """

    def __init__(self, lab, trap: Trap, mta, parts: dict):
        self.lab, self.trap, self.mta, self.parts = lab, trap, mta, parts
        self.last = ""
        self.recipient = f"to-{trap.id}"  # local part; another trap's mail is not taken for its own
        self.service = None
        self.seen_before = {r.name: len(lab.world.receivers.seen(r.name).lines)
                            for r in lab.world.receivers.by_name.values()}

    def close(self) -> None:
        """Once it has been played."""
        if self.service:
            self.service.stop(signal.SIGKILL)

    def own_service(self):
        """A posternd that others don't ask, with the published policy; it runs."""
        self.service = self.lab.make_service(
            f"trap-{self.trap.id}", **self.lab.world.sender.service_settings())
        shutil.copy(self.lab.service.snapshot, self.service.snapshot)
        shutil.chown(self.service.snapshot, "root", "postern")
        self.service.start()
        return self.service

    def change(self, part: str, old: str, new: str) -> None:
        """One thing in the advice; it has to be there."""
        if old not in self.parts[part]:
            raise ValueError(f"{part}: no {old!r}")
        self.parts[part] = self.parts[part].replace(old, new)

    def send(self, *recipients: str, wait: bool = False) -> tuple[str, str]:
        """One message, for an address in each domain or for a whole address; (mark, id)."""
        addresses = [r if "@" in r else f"{self.recipient}@{r}" for r in recipients]
        mail = messages.compose(SENDER, addresses[0], "plain")
        done = self.hand_over(mail.content.replace(b"\r\n", b"\n"), addresses, wait)
        try:
            queue_id = self.queue_id_of(self.taken(mail.mark))
        except logs.Timeout:
            raise RuntimeError(f"the MTA took nothing: {done.stdout}{done.stderr}") from None
        self.last = self.mta.lines(queue_id)[-1][:120]
        return mail.mark, queue_id

    def taken(self, mark: str) -> str:
        """The first line that the MTA logged of a message."""
        return logs.until(lambda: [x for x in self.mta.log.lines() if mark in x], 20, mark)[0]

    def told(self, domain: str, *hosts: str) -> list[str]:
        """The commands by which a host learnt of an address in that domain."""
        receivers = self.lab.world.receivers
        lines = [line.lower() for r in receivers.by_name.values()
                 if r.host in (hosts or ("mx.row29.test", "mx.row29-strange.test"))
                 for line in receivers.seen(r.name).lines[self.seen_before[r.name]:]]
        return [line for line in lines if f"@{domain}>" in line]

    def copies(self, mark: str) -> list:
        return self.lab.world.receivers.messages(mark)

    def held(self, sent, domain: str = IMPOSTOR, *hosts: str) -> list[str]:
        """What is wrong unless the message waits and the host knows nothing of it."""
        mark, queue_id = sent
        found = [f"{TOLD}: {line}" for line in self.told(domain, *hosts)]
        return found + self.unsent(mark) + self.kept(queue_id, domain)

    def kept(self, queue_id: str, domain: str) -> list[str]:
        """What is wrong unless the queue has it, for that domain."""
        lines = [line for line in self.mta.lines(queue_id) if f"@{domain}" in line]
        if any(self.ended(line) for line in lines):
            return [ENDED] + lines
        if queue_id not in self.mta.queued():
            return ["no longer in the queue"] + lines
        return []

    def unsent(self, mark: str) -> list[str]:
        return [COPIED] if self.copies(mark) else []

    def waits(self, sent, domain: str = OTHER) -> list[str]:
        """The same of a message that only a missing verdict keeps back."""
        return self.kept(sent[1], domain) + self.unsent(sent[0])

    def arrived(self, sent) -> list[str]:
        """What is wrong unless it has come."""
        try:
            logs.until(lambda: self.copies(sent[0]), 30, "arrival")
        except logs.Timeout:
            return ["it did not arrive"] + self.mta.lines(sent[1])
        return []
