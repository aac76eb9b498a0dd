"""Row 25: mail that did not come by SMTP. Postfix names no queue id of it to lmtp(8)."""

import re
import subprocess
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
    postfix = lab.world.sender.postfix
    mail = messages.compose("sender@sender.test", ADDRESS, "dots")
    subprocess.run(postfix.line("/usr/sbin/sendmail", "-C", str(postfix.config), "-i",
                                "-f", mail.sender, ADDRESS),
                   input=mail.content.replace(b"\r\n", b"\n"), check=True, timeout=30)
    said = logs.until(lambda: [line for line in postfix.log.lines()
                               if f"to=<{ADDRESS}>" in line and "status=" in line],
                      60, "an attempt is logged")[0]
    queue_id = re.search(r"\]: (\w+): to=", said)[1]
    found = [] if "status=sent" in said else [said]
    # The audit line and Postfix's come by different ways, in any order.
    logs.until(lambda: any(f"queue-id={queue_id} " in line for line in lab.syslog.log.lines()),
               10, f"an audit line has queue-id={queue_id}")
    logs.until(lambda: lab.world.receivers.messages(mail.mark), 10, "the receiver has it")
    return found, "delivered 2.0.0"
