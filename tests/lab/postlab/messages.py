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
    arrives: bytes = b""  # what the receiver must get, where that is something else

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
    if kind == "stray":  # RFC 5321 section 2.3.8 forbids to pass these on
        return (b"a stray\rCR, and one at the end\r\r\n.\r\r\nMAIL FROM:<smuggled@x.test>\r\r\n"
                b"\r.\rand again\r.\r\r\nNUL: \0, and that is all\r\n")
    if kind == "long":
        return b"x" * 998 + b"\r\n" + b"y" * 999 + b"\r\n" + b"." + b"z" * 2500 + b"\r\n"
    raise ValueError(f"no such body: {kind}")


def _arriving(kind: str, body: bytes) -> bytes:
    if kind == "stray":  # smtpd(8) itself drops those at the end of a line
        return b"\r\n".join(line.rstrip(b"\r").replace(b"\r", b" ")
                            for line in body.split(b"\r\n"))
    if kind == "long":  # the doubled dot does not count, the space of a folded line does
        return (b"x" * 998 + b"\r\n" + b"y" * 998 + b"\r\n y\r\n"
                + b"." + b"z" * 997 + b"\r\n " + b"z" * 997 + b"\r\n " + b"z" * 506 + b"\r\n")
    return b""


def compose(sender: str, recipient: str, body: str) -> Mail:
    mark = uuid.uuid4().hex
    encoding = "8bit" if body == "8bit" else "7bit"
    octets = _body(body)
    arriving = _arriving(body, octets)
    head = (f"From: <{sender or 'postmaster@sender.test'}>\r\n"
            f"To: <{recipient}>\r\nSubject: {body}\r\nDate: {_DATE}\r\n"
            f"Message-ID: <{mark}@sender.test>\r\nX-Lab-Id: {mark}\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Transfer-Encoding: {encoding}\r\n\r\n")
    return Mail(mark, sender, recipient, head.encode() + octets,
                arrives=head.encode() + arriving if arriving else b"")


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
    want = mail.arrives or mail.content
    if not want.endswith(b"\r\n"):
        want += b"\r\n"
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
