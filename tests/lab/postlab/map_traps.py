"""The policy map's traps: what smtp(8) sends without asking for the destination's policy.

Each has two transports, one with the options that pin-admin prints and one with what is
warned of. The mail of a trap that is opened goes by the second.
"""

from dataclasses import dataclass

from . import messages, milter_trap, traps
from .adapters.postfix_pipe import Transport
from .traps import IMPOSTOR, SENDER

RELAY, KEPT = "mx.row29-relay.test", "row29-kept.plain.test"
PATIENCE = 60


class Stage:
    """The lab's Postfix, and the recipients of one trap."""

    def __init__(self, lab, trap):
        self.lab, self.trap = lab, trap
        self.way, self.last = trap.id, ""

    def send(self, domain: str) -> tuple[str, str]:
        """One message, after its first attempt: its mark, and what came of that."""
        sender = self.lab.world.sender
        mail = messages.compose(SENDER, f"{self.way}@{domain}", "plain")
        got = sender.wait_attempt(sender.submit(mail), 1, PATIENCE)
        self.last = f"{got.result} {got.text}"
        return mail.mark, got.result

    def held(self, sent: tuple[str, str]) -> list[str]:
        mark, result = sent
        copies = self.lab.world.receivers.messages(mark)
        found = [f"{traps.COPIED}: {copy.receiver}" for copy in copies]
        return found + ([] if result == "deferred" else [f"{traps.ENDED}: {self.last}"])

    def close(self) -> None:
        """It goes on."""


def warned_of(stage) -> None:
    stage.way = f"{stage.trap.id}-opened"


@dataclass
class Trap(traps.Trap):
    """`options`: what pin-admin warns of, for smtp(8)."""
    opened: object = warned_of
    domain: str = IMPOSTOR
    options: str = ""

    stage = Stage

    def prepare(self, lab) -> None:
        """Its transports, before Postfix starts."""
        sender = lab.world.sender
        door = sender.below_queue("map")
        for way, options in ((self.id, ""), (f"{self.id}-opened", self.options)):
            sender.add_transport(Transport(f"trap{way}", options, door=door,
                                           recipient=f"{way}@{self.domain}", persistent=True))


def another_relay(stage) -> list[str]:
    return stage.held(stage.send(IMPOSTOR))


def kept_connection(stage) -> list[str]:
    """The first message goes in the clear, as it may; then the destination comes to ask."""
    _, result = stage.send(KEPT)
    if result != "delivered":
        return [f"no attack: {stage.last}"]
    stage.lab.admin.must("policy", "set", KEPT, "secure", "cn=no-san")
    return stage.held(stage.send(KEPT))


ALL = [*milter_trap.ALL,
       Trap("29-f", "a refused host's mail goes by the fallback relay's own line",
            another_relay, options=f"smtp_fallback_relay=[{RELAY}]"),
       Trap("29-k", "a cleartext connection kept from before the policy", kept_connection,
            domain=KEPT, options=f"smtp_connection_cache_destinations={KEPT} "
                                 "smtp_connection_cache_time_limit=60s")]
