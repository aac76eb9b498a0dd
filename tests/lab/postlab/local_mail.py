"""Row 25: mail that did not come by SMTP. Postfix names no queue id of it to lmtp(8)."""

import traceback

from . import logs, messages

TITLE = "25      mail from sendmail(1)"
ADDRESS = "from-sendmail@bank.test"


def run(lab) -> tuple[list[str], str]:
    """What is wrong (nothing: it arrived, and the audit line has its queue id)."""
    try:
        return _run(lab)
    except Exception as error:  # pylint: disable=broad-except
        return [f"{type(error).__name__}: {error}", traceback.format_exc(limit=-3)], ""


def _run(lab) -> tuple[list[str], str]:
    sender = lab.world.sender
    mail = messages.compose("sender@sender.test", ADDRESS, "dots")
    queue_id = sender.submit_locally(mail)
    got = sender.wait_attempt(queue_id, 1, 60)
    found = [] if got.result == "delivered" else [got.text]
    # The audit line and Postfix's come by different ways, in any order.
    logs.until(lambda: any(f"queue-id={queue_id} " in line for line in lab.syslog.log.lines()),
               30, f"an audit line has queue-id={queue_id}")
    logs.until(lambda: lab.world.receivers.messages(mail.mark), 30, "the receiver has it")
    return found, "delivered 2.0.0"
