"""Row 23: `postfix stop` in mid-delivery, before the final dot and after it.

Postfix is stopped as a whole, so this comes last. Its pipe(8) dies, the client
notices and ends; or its lmtp(8) dies, and the service notices. Before the dot nothing
may be sent; after it the service waits for the reply, and the next attempt finds in
the journal that it was. If that attempt comes first, it waits for the reply as well.
"""

import re

from . import logs, messages

BEFORE, AFTER, STILL = "row23-before.test", "row23-after.test", "row23-still.test"


def run(lab, tally) -> None:
    sender, receivers = lab.world.sender, lab.world.receivers

    def busy(count: int) -> bool:
        return re.search(rf'"name":"{sender.door}"[^}}]*"busy":{count},',
                         lab.service.ask("status")) is not None

    mails, ids = {}, {}
    for domain in (BEFORE, AFTER, STILL):
        mails[domain] = messages.compose("sender@sender.test", f"stop@{domain}", "plain")
        ids[domain] = sender.submit(mails[domain])
    waiting = {d: receivers.by_host[f"mx.{d}"].name for d in ids}
    logs.until(lambda: all(receivers.seen(n).count("data") for n in waiting.values()), 30,
               "all are sent DATA")
    logs.until(lambda: all(receivers.transfers(mails[d].mark) for d in (AFTER, STILL)), 30,
               "two have all of it")

    sender.postfix.stop()
    alone = lab.service.process.poll() is None
    logs.until(lambda: busy(2), 30,
               "the delivery before the dot is given up, the others are not")
    for domain in (BEFORE, AFTER):
        (receivers.release / domain).touch()
    logs.until(lambda: busy(1), 30, "the service has its reply")
    early = receivers.transfers(mails[BEFORE].mark)

    sender.postfix.start()
    for domain in (BEFORE, AFTER, STILL):
        if domain == STILL:
            logs.until(lambda: busy(2), 30, "the next attempt is there before the reply")
            (receivers.release / STILL).touch()
        got = logs.until(lambda d=domain: [a for a in sender.attempts(ids[d])
                                           if a.result == "delivered"], 60,
                         f"{domain} is delivered after the restart")[-1]
        copies = receivers.transfers(mails[domain].mark)
        said = "already sent" in got.text
        tally.check(f"23-stop {domain}: 'postfix stop' in mid-delivery loses and doubles nothing",
                    alone and copies == 1 and early == 0 and said == (domain != BEFORE),
                    f"{copies} copies, {early} early, posternd alive: {alone}, {got.text}")
