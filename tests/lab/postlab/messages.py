"""The messages that are sent, and the comparison of what arrived with them."""

import time
import uuid
from dataclasses import dataclass, field

from .receivers import Message

_DATE = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())


@dataclass
class Mail:
    """Envelope and content; `content` is what was submitted, unstuffed, with CRLF."""
    mark: str
    sender: str
    recipient: str
    content: bytes
    more: list = field(default_factory=list)  # further recipients

    @property
    def smtputf8(self) -> bool:
        return not (self.sender + self.recipient).isascii()


def _body(kind: str) -> bytes:
    if kind == "plain":
        return b"Held at the gate, or let through?\r\n"
    if kind == "8bit":
        return "Grüße aus Zürich, 漢字, and a bare high octet: ".encode() + b"\xe9\xff\r\n"
    if kind == "dots":
        lines = [b".", b"..", b"...three", b".leading", b"", b" .not leading", b".\tdot tab",
                 b"x" * 998, b"." + b"y" * 900, b"From here", b"", b".", b""]
        return b"\r\n".join(lines) + b"\r\n" + b". the end"
    if kind == "20MB":
        line = (b"." * 3 + bytes(range(33, 127)) * 8)[:998]
        count = 20_000_000 // (len(line) + 13)
        return b"".join(b".%09d %s\r\n" % (i, line) for i in range(count))
    raise ValueError(f"no such body: {kind}")


def compose(sender: str, recipient: str, body: str) -> Mail:
    mark = uuid.uuid4().hex
    encoding = "8bit" if body == "8bit" else "7bit"
    head = (f"From: <{sender or 'postmaster@sender.test'}>\r\n"
            f"To: <{recipient}>\r\nSubject: {body}\r\nDate: {_DATE}\r\n"
            f"Message-ID: <{mark}@sender.test>\r\nX-Lab-Id: {mark}\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Transfer-Encoding: {encoding}\r\n\r\n")
    return Mail(mark, sender, recipient, head.encode() + _body(body))


def stuff(content: bytes) -> bytes:
    """RFC 5321 section 4.5.2, for submission."""
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    if content.startswith(b"."):
        content = b"." + content
    return content.replace(b"\r\n.", b"\r\n..")


def difference(mail: Mail, got: Message) -> str:
    """Nothing if `got` ends with exactly what was submitted; else where it departs.

    Mail servers put trace headers on top and end the last line; nothing else
    may differ.
    """
    data = got.file.read_bytes()
    want = mail.content if mail.content.endswith(b"\r\n") else mail.content + b"\r\n"
    if got.raw:
        if data.startswith(b"."):
            return "the first octet is a dot"
        data = data.replace(b"\r\n..", b"\r\n.")
    else:
        want = want.replace(b"\r\n", b"\n")
    start = data.find(b"From: <")
    data = data[start:]
    if data == want:
        return ""
    at = next((i for i, (a, b) in enumerate(zip(data, want)) if a != b),
              min(len(data), len(want)))
    return (f"differs at octet {at} of {len(want)} (got {len(data)}): "
            f"{data[max(0, at - 20):at + 30]!r} where {want[max(0, at - 20):at + 30]!r} was sent")
