"""Row 22: one message for many destinations; each recipient meets its own end, once.

The slowest destination is asked with the others and answers last: what became of
the other recipients has to be known by then.
"""

import traceback
from collections import Counter

from . import judge, logs, messages

TITLE = "22      one message, several recipients, mixed results"
PATIENCE = 60


def run(lab) -> tuple[list[str], str]:
    """What is wrong (nothing: the promise held), and the recipients' ends."""
    try:
        return _run(lab)
    except Exception as error:  # pylint: disable=broad-except
        return [f"{type(error).__name__}: {error}", traceback.format_exc(limit=-3)], ""


def _run(lab) -> tuple[list[str], str]:
    sender, receivers = lab.world.sender, lab.world.receivers
    targets = {s.domain: s for s in lab.world.scenarios if s.row == 22}
    mail = messages.compose("sender@sender.test", "first@row22a.test", "dots")
    mail.more = ["second@row22a.test"] + [f"to@{d}" for d in targets if d != "row22a.test"]
    slow = "to@row22e.test"
    everyone = {mail.recipient, *mail.more}

    queue_id = sender.submit(mail)
    holding = receivers.by_host["mx.row22e.test"]
    logs.until(lambda: receivers.seen(holding.name).count("data"), PATIENCE,
               "the slow destination is sent DATA")
    logs.until(lambda: set(sender.results(queue_id)) >= everyone - {slow}, PATIENCE,
               "the other recipients' ends are logged while the slow one is waited for")
    found = ["the slow destination's end is known too early"] \
        if slow in sender.results(queue_id) else []
    (receivers.release / "several").touch()
    logs.until(lambda: slow in sender.results(queue_id), PATIENCE, "the slow one's end")

    ends = sender.results(queue_id)
    for address in sorted(everyone):
        wanted = targets[address.rsplit("@", 1)[1]].expect
        wrong = judge.said(ends[address], wanted)
        found += [f"{address}: {problem}" for problem in wrong]
        if wrong:
            found.append(f"the MTA said: {ends[address].text}")
    found += _copies(lab, mail)

    # Only those that were deferred are tried again.
    sender.retry(queue_id)
    logs.until(lambda: queue_id in sender.queued(), PATIENCE, "deferred again")
    return found + _copies(lab, mail), " ".join(
        f"{address.split('@')[1][:6]}:{end.status}" for address, end in sorted(ends.items()))


def _copies(lab, mail) -> list[str]:
    """Each receiver that took the message did so as often as it had to, no other was sent it."""
    copies = Counter(copy.receiver for copy in lab.world.receivers.messages(mail.mark))
    wanted = {"r22a": lab.world.sender.copies_for_two, "r22e": 1}
    return [] if copies == wanted else [f"copies: {dict(copies)} instead of {wanted}"]
