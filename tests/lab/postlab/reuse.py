"""Row 24: several messages to one host, each play with a posternd of its own.

The receiver's log says over which connection (which smtpd) a message came; the
lab's own service keeps none, so that each scenario's attempt is judged alone.
"""

import os
import re
import signal
import traceback
from dataclasses import dataclass, field
from typing import Callable

from . import faults, judge, logs, messages
from .adapters.postfix_pipe import Transport
from .scenarios import Expect, row_of

PATIENCE = 90
MESSAGES = 6
_FROM = re.compile(r"receiver/(?P<name>[\w-]+)/smtpd\[(?P<pid>\d+)\]: (?P<text>.*)$")


@dataclass
class Play:
    """`act(stage)` gives what is wrong; `stage` is a Stage."""

    impatient = False
    id: str
    title: str
    act: Callable
    more: list = field(default_factory=list)   # further destinations
    settings: dict = field(default_factory=dict)  # of its posternd

    @property
    def row(self) -> int:
        return row_of(self.id)

    @property
    def domain(self) -> str:
        return f"row{self.id}.test"


class Stage(faults.Scene):
    """A running posternd, and the messages sent through it so far."""

    def __init__(self, lab, play: Play):
        super().__init__(lab, play)
        # Longer than a loaded machine takes from one message to the next.
        settings = {"kept-idle": "15s"} | play.settings
        if "credentials" in settings:
            settings["credentials"] = str(lab.home / f"credentials-{play.id}")
        self.own_service(**settings).start()
        self.found: list[str] = []

    def send(self, domain: str = "", expect: Expect = Expect(seen="message"),
             body: str = "plain") -> str:
        """One message, and what had to come of it; its mark."""
        world = self.lab.world
        domain = domain or self.fault.domain
        mail = messages.compose("sender@sender.test", f"someone@{domain}", body)
        queue_id = self.sender.submit(mail)
        got = self.sender.wait_attempt(queue_id, 1, PATIENCE)
        self.found += judge.problems(world, [], {}, mail, got, expect)
        return mail.mark

    def lines(self) -> list:
        """What the receiver's smtpd processes said: (pid, text)."""
        receivers = self.lab.world.receivers
        receivers.postfix.flush_log()
        name = receivers.by_host[f"mx.{self.fault.domain}"].name
        matches = (_FROM.search(line) for line in receivers.postfix.log.lines())
        return [(m["pid"], m["text"]) for m in matches if m and m["name"] == name]

    def connections(self) -> list[str]:
        """The smtpd that each connection so far had, in their order."""
        return [pid for pid, text in self.lines() if text.startswith("connect from")]

    def connection_of(self, mark: str) -> str:
        """The smtpd that took the message."""
        log = self.lab.world.receivers.postfix.log.lines()
        ids = [re.search(r"cleanup\[\d+\]: (\w+): message-id=<" + mark, line) for line in log]
        queue_ids = [m[1] for m in ids if m]
        return next((pid for pid, text in self.lines()
                     if any(text.startswith(f"{i}: client=") for i in queue_ids)), "")

    def count(self, verb: str) -> int:
        """How often all connections together saw it; each must have ended."""
        def over():
            said = [text for _, text in self.lines() if text.startswith("disconnect from")]
            return said if len(said) == len(self.connections()) else None
        said = logs.until(over, 30, "every connection has ended")
        found = (re.search(rf"\b{verb}=(\d+)(?:/(\d+))?", text) for text in said)
        return sum(int(m[2] or m[1]) for m in found if m)

    def require(self, good: bool, what: str) -> None:
        if not good:
            self.found.append(what)


def one_connection(stage) -> None:
    for _ in range(MESSAGES):
        stage.send()
    kept = stage.sender.keeps_connections
    wanted = 1 if kept else MESSAGES
    stage.require(len(stage.connections()) == wanted,
                  f"{len(stage.connections())} connections for {MESSAGES} messages")
    said = f"reused={MESSAGES - 1} "
    stage.require(not kept or any(said in x for x in stage.service.log.lines()),
                  f"no audit line says {said}")
    # The service ends it by itself, with QUIT.
    stage.require(stage.count("quit") == wanted, "a connection did not end with QUIT")


def commit_between(stage) -> None:
    stage.send()
    # Self-signed: good enough for encrypt, not for secure.
    stage.lab.admin.must("policy", "set", stage.fault.domain, "secure")
    stage.restore_snapshot()
    stage.send(expect=Expect("deferred", "4.7.5", "certificate-not-trusted"))
    stage.require(stage.count("mail") == 1, "a receiver saw MAIL after the commit")
    stage.require(len(stage.connections()) == 2, "no new connection was judged")


def plans_apart(stage) -> None:
    other = stage.fault.more[0]
    took = {stage.fault.domain: set(), other: set()}
    for _ in range(3):
        for domain, pids in took.items():
            pids.add(stage.connection_of(stage.send(domain)))
    if not stage.sender.keeps_connections:
        stage.require(len(stage.connections()) == 6, "no connection for each message")
        return
    first, second = took.values()
    stage.require(len(first) == 1 and len(second) == 1, f"each was to use one: {took}")
    stage.require(not first & second, f"destinations with different plans shared: {took}")


def receiver_restarts(stage) -> None:
    for _ in range(3):
        stage.send()
        pid = stage.connections()[-1]
        os.kill(int(pid), signal.SIGKILL)
        logs.until(lambda number=pid: not os.path.exists(f"/proc/{number}"), 10, "it has ended")
    stage.require(len(stage.connections()) == 3, "a connection for each life of the receiver")


def reload_between(stage) -> None:
    stage.send()
    stage.service.send(signal.SIGHUP)
    logs.until(lambda: any("configuration reloaded" in x for x in stage.service.log.lines()),
               20, "the service reloads")
    stage.send()
    stage.require(len(stage.connections()) == 2, "a connection survived the reload")


def dead_host(stage) -> None:
    """All at once; a handful connect, the others know."""
    count = 40
    mails = [messages.compose("sender@sender.test", f"n{i}@{stage.fault.domain}", "plain")
             for i in range(count)]
    queue_ids = [stage.sender.submit(mail) for mail in mails]
    said = [stage.sender.wait_attempt(i, 1, PATIENCE) for i in queue_ids]
    stage.require(all(got.result == "deferred" and got.status == "4.4.1" for got in said),
                  f"not all deferred: {[got.text for got in said if got.status != '4.4.1'][:2]}")
    tried = sum("not tried: " not in got.text for got in said)
    stage.require(1 <= tried <= count // 2, f"{tried} of {count} messages connected")


PLAYS = [
    Play("24a", "messages in a row share a connection", one_connection),
    Play("24b", "a policy commit between two messages", commit_between),
    Play("24c", "two plans on one host", plans_apart, ["row24c-other.test"]),
    Play("24d", "the receiver dies between messages", receiver_restarts),
    Play("24e", "a reload between two messages", reload_between),
    Play("24f", "many messages to a dead host", dead_host),
]


def prepare(lab, plays: list[Play]) -> None:
    """Their transports in the MTA's configuration; before it starts."""
    for play in plays:
        door = lab.home / "faults" / play.id / "door"
        for index, domain in enumerate([play.domain] + play.more):
            lab.world.sender.add_transport(
                Transport(f"play{play.id}-{index}", door=door, recipient=domain,
                          persistent=True))


def run(lab, play: Play) -> tuple[list[str], str]:
    """What is wrong (nothing: the promise held)."""
    stage = None
    try:
        stage = Stage(lab, play)
        play.act(stage)
        stage.require(stage.service.stop() == 0, "posternd did not end cleanly")
        return stage.found, ""
    except Exception as error:  # pylint: disable=broad-except
        found = stage.found if stage else []
        return found + [f"{type(error).__name__}: {error}", traceback.format_exc(limit=-3)], ""
    finally:
        if stage:
            stage.close()
