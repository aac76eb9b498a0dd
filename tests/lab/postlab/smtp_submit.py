"""Submission by raw SMTP: smtplib would mend the very things the lab wants to send."""

import socket

from .messages import Mail, stuff


class SubmitError(RuntimeError):
    """The MTA under test did not take the message; the text is its reply."""


class Submitter:
    """One SMTP connection to the MTA under test. Not for several threads."""

    def __init__(self, host: str, port: int):
        self.sock = socket.create_connection((host, port), timeout=60)
        self.file = self.sock.makefile("rb")
        self._reply("220")
        self._say("EHLO submitter.sender.test", "250")

    def submit(self, mail: Mail) -> str:
        """The MTA's last reply, in which it names its queue id."""
        utf8 = " SMTPUTF8" if mail.smtputf8 else ""
        body = "" if mail.content.isascii() else " BODY=8BITMIME"
        self._say(f"MAIL FROM:<{mail.sender}>{body}{utf8}", "250")
        for recipient in [mail.recipient, *getattr(mail, "more", [])]:
            self._say(f"RCPT TO:<{recipient}>", "250")
        self._say("DATA", "354")
        self.sock.sendall(stuff(mail.content) + b".\r\n")
        return self._reply("250")

    def close(self) -> None:
        self.sock.close()

    def _say(self, line: str, expected: str) -> str:
        self.sock.sendall(line.encode("utf-8") + b"\r\n")
        return self._reply(expected)

    def _reply(self, expected: str) -> str:
        while True:
            line = self.file.readline().decode("utf-8", "replace").rstrip()
            if line[3:4] != "-":
                break
        if not line.startswith(expected):
            raise SubmitError(line or "the MTA hung up")
        return line
