"""Row 23: `postfix stop` in mid-delivery, before the final dot and after it.

Postfix is stopped as a whole, so this comes last. Its pipe(8) dies, the client
notices and ends; or its lmtp(8) dies, and the service notices. Before the dot nothing may be sent; after it the service waits
for the reply, and the next attempt finds in the journal that it was.
"""

import re

from . import logs, messages

BEFORE, AFTER = "row23-before.test", "row23-after.test"


def run(lab, tally) -> None:
    sender, receivers = lab.world.sender, lab.world.receivers

    def busy(count: int) -> bool:
        return re.search(rf'"name":"{sender.door}"[^}}]*"busy":{count},',
                         lab.service.ask("status")) is not None

    mails, ids = {}, {}
    for domain in (BEFORE, AFTER):
        mails[domain] = messages.compose("sender@sender.test", f"stop@{domain}", "plain")
        ids[domain] = sender.submit(mails[domain])
    waiting = {d: receivers.by_host[f"mx.{d}"].name for d in (BEFORE, AFTER)}
    logs.until(lambda: all(receivers.seen(n).count("data") for n in waiting.values()), 30,
               "both are sent DATA")
    logs.until(lambda: receivers.transfers(mails[AFTER].mark), 30, "one has all of it")

    sender.postfix.stop()
    alone = lab.service.process.poll() is None
    logs.until(lambda: busy(1), 30,
               "the delivery before the dot is given up, the other one is not")
    for domain in (BEFORE, AFTER):
        (receivers.release / domain).touch()
    logs.until(lambda: busy(0), 30, "the service has its reply")
    early = receivers.transfers(mails[BEFORE].mark)

    sender.postfix.start()
    for domain in (BEFORE, AFTER):
        got = logs.until(lambda d=domain: [a for a in sender.attempts(ids[d])
                                           if a.result == "delivered"], 60,
                         f"{domain} is delivered after the restart")[-1]
        copies = receivers.transfers(mails[domain].mark)
        said = "already sent" in got.text
        tally.check(f"23-stop {domain}: 'postfix stop' in mid-delivery loses and doubles nothing",
                    alone and copies == 1 and early == 0 and said == (domain == AFTER),
                    f"{copies} copies, {early} early, posternd alive: {alone}, {got.text}")
