"""Compares what came of a message with what had to come of it.

Returns problems as sentences; an empty list means that the promise held. The
receivers are believed before the sender.
"""

import re
from dataclasses import dataclass

from . import logs
from .messages import Mail, difference
from .scenarios import Expect
from .world import World


@dataclass
class Outcome:
    """What the MTA under test said of one attempt, in every adapter's terms."""
    result: str
    status: str
    text: str


def baseline(world: World, receivers: list) -> dict:
    """What the receivers had seen before the attempt."""
    return {r.name: world.receivers.seen(r.name) for r in receivers}


def problems(world: World, receivers: list, before: dict, mail: Mail, got: Outcome,
             want: Expect) -> list[str]:
    found = said(got, want)
    if want.seen:
        found += _seen(world, receivers, before, mail, want)
    if want.login or want.auth >= 0:
        found += _logins(world, receivers, before, want)
    if found:
        found.append(f"the MTA said: {got.result} {got.status} ({got.text})")
    return found


def said(got: Outcome, want: Expect) -> list[str]:
    """What is wrong with the MTA's word alone."""
    found = []
    if got.result != want.result:
        found.append(f"{got.result} instead of {want.result}")
    classes = {"delivered": "2", "deferred": "4", "bounced": "5"}
    if got.result in classes and not got.status.startswith(classes[got.result]):
        found.append(f"{got.result} with status {got.status}")
    if want.status and got.status != want.status:
        found.append(f"status {got.status} instead of {want.status}")
    for words in ([want.reason] if want.reason else []) + want.text:
        if words not in got.text:
            found.append(f"the MTA's log does not say '{words}'")
    return found


def _seen(world: World, receivers: list, before: dict, mail: Mail, want: Expect) -> list[str]:
    if want.seen in ("message", "message-clear"):
        return _one_copy(world, mail, want)
    # Nothing may still be under way to the log: only then is "no MAIL" a proof.
    world.receivers.postfix.flush_log()
    _until_over(world, receivers)
    seen = {r.name: world.receivers.seen(r.name) for r in receivers}

    def more(*verbs) -> int:
        return sum(seen[n].count(*verbs) - before[n].count(*verbs) for n in seen)

    # What this mail server lets a host see before the verdict on it.
    ahead = world.sender.ahead_of_verdict(mail.recipient.rsplit("@", 1)[-1])
    connections = sum(seen[n].connections - before[n].connections for n in seen)
    copies = world.receivers.messages(mail.mark)
    found = []
    if want.seen == "nothing" and connections and "connection" not in ahead:
        found.append(f"{connections} connections, and there must be none")
    if want.seen in ("no-mail", "envelope", "data") and not connections:
        found.append("no receiver was ever asked")
    forbidden = [v for v in ("mail", "rcpt", "data", "bdat") if v not in ahead]
    if want.seen in ("nothing", "no-mail") and more(*forbidden):
        found.append(f"a receiver saw {' or '.join(forbidden).upper()}")
    if want.seen in ("envelope", "data") and not more("mail"):
        found.append("no receiver saw MAIL")
    if want.seen != "data" and copies:
        found.append(f"{len(copies)} receivers got the message")
    if want.seen == "data" and not copies:
        found.append("no receiver was sent the message")
    if any(copy.taken for copy in copies):
        found.append("a receiver took the message")
    return found


def _logins(world: World, receivers: list, before: dict, want: Expect) -> list[str]:
    """By the receivers' logs: how often AUTH was tried, and who got in and how."""
    world.receivers.postfix.flush_log()
    _until_over(world, receivers)
    seen = {r.name: world.receivers.seen(r.name) for r in receivers}
    tried = sum(seen[n].count("auth") - before[n].count("auth") for n in seen)
    made = [login for n in seen for login in seen[n].logins[len(before[n].logins):]]
    found = []
    if want.auth >= 0 and tried != want.auth:
        found.append(f"{tried} AUTH commands, not {want.auth}")
    if want.login and made != [want.login]:
        found.append(f"the receiver's log has the logins {made}, not {want.login}")
    return found


def _one_copy(world: World, mail: Mail, want: Expect) -> list[str]:
    try:
        copies = logs.until(lambda: world.receivers.messages(mail.mark), 30, "arrival")
    except logs.Timeout:
        return ["no receiver has the message"]
    found = []
    transfers = world.receivers.transfers(mail.mark)
    if len(copies) != 1 or transfers != 1:
        found.append(f"handed over {transfers} times, {len(copies)} copies arrived")
    copy = copies[0]
    if copy.encrypted != (want.seen == "message"):
        found.append("it came over TLS" if copy.encrypted else "it came in clear")
    receiver = world.receivers.by_name[copy.receiver]
    if want.by and receiver.host != want.by:
        found.append(f"{receiver.host} got it, not {want.by}")
    if want.sni and want.sni not in world.receivers.seen(copy.receiver).sni:
        found.append(f"SNI was {world.receivers.seen(copy.receiver).sni}")
    departs = difference(mail, copy)
    return found + ([departs] if departs else []) + _envelope(world, mail, copy)


def _envelope(world: World, mail: Mail, copy) -> list[str]:
    """The scripted server writes down the envelope word for word; a real one, in headers."""
    if not copy.raw:
        head = copy.file.read_bytes()[:4096].split(b"\nReceived:")[0]
        wanted = f"Return-Path: <{mail.sender}>".encode()
        return [] if wanted in head else [f"the envelope sender is not <{mail.sender}>"]
    # Verbs in any case: Sendmail says "MAIL From:".
    lines = [re.sub(r"^(mail from|rcpt to):", lambda verb: verb[0].upper(), line, flags=re.I)
             for line in world.receivers.seen(copy.receiver).lines]
    found = []
    local = mail.recipient.rsplit("@", 1)[0]
    if not any(line.startswith(f"MAIL FROM:<{mail.sender}>") for line in lines):
        found.append(f"no MAIL FROM:<{mail.sender}>")
    if not any(line.startswith(f"RCPT TO:<{local}@") for line in lines):
        found.append(f"no RCPT TO:<{local}@…>")
    return found


def _until_over(world: World, receivers: list) -> None:
    """Waits until every connection's log is complete: "no MAIL" needs the last word."""
    for receiver in receivers:
        def over(name=receiver.name):
            seen = world.receivers.seen(name)
            return seen.ended >= seen.connections
        logs.until(over, 30, f"{receiver.host} says how its connections ended")
