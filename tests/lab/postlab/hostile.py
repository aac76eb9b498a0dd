"""The scripted server: what a real one can't be made to do.

Run as a program: `hostile.py SPEC.json`. The spec lists receivers, each with an
address, certificates and a script; every connection and command is written as
one JSON line to the event file, so that a test can assert what was *not* said.

A script (all parts optional) says how the conversation departs from the usual:
  greeting    the whole line, or "silence", "close"
  capability  "offer" (default), "none", "stripped" (STARTTLS masked on the way)
  strip       "stripped" once a file of that name is in "release"
  starttls    the reply to STARTTLS
  inject      octets sent together with that reply, before the handshake
  handshake   "good" (default), "garbage", "silence", "close", "reset",
              "alert" or {cut = N, version = "1.2"|"1.3", half = true}
  sni         "strict" (unknown name: alert)
  mail, rcpt, data, dot   the reply to that command; "close" hangs up
  ehlo        a refusal of EHLO
  hold-greeting  the greeting waits until a file of that name is in "release"
  hold        the reply to DATA waits until a file of that name is in "release"
  hold-dot    the same for the reply to the message, once it is written down
  size        the SIZE to offer;  extensions: others to offer
  before-tls  extensions to offer before TLS, and not after it
  auth        the replies to AUTH and, after each 334, to the line that follows; the
              last one again for all further lines
"""

import json
import os
import socket
import socketserver
import ssl
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from postlab.wire import Cut, PlainWire, TlsWire, free_to_bind, reset  # noqa: E402  pylint: disable=C0413

PATIENCE = 90  # seconds until a silent conversation is given up


class Events:
    """Appends JSON lines; one writer lock for all conversations."""

    def __init__(self, path: str):
        self.file = open(path, "a", encoding="utf-8")  # pylint: disable=R1732
        self.lock = threading.Lock()

    def write(self, **event) -> None:
        line = json.dumps(event | {"at": time.time()})
        with self.lock:
            self.file.write(line + "\n")
            self.file.flush()


class HungUp(Exception):
    """The script, or the peer, ended the conversation."""


class Conversation:
    """One connection to one receiver."""

    def __init__(self, sock: socket.socket, receiver: dict, number: int, world: "World"):
        self.receiver, self.script, self.world = receiver, receiver["script"], world
        self.number = number
        self.wire = PlainWire(sock)
        self.sni = None
        self.recipients = 0
        sock.settimeout(PATIENCE)

    def note(self, event: str, **more) -> None:
        self.world.events.write(receiver=self.receiver["name"], connection=self.number,
                                event=event, tls=self.wire.encrypted, **more)

    def reply(self, text: str) -> None:
        self.wire.send(text.encode("utf-8") + b"\r\n")

    def hold(self) -> None:
        """Says nothing more until the peer gives up."""
        while self.wire.sock.recv(65536):
            pass
        raise HungUp()

    def run(self) -> None:
        self.note("connect")
        try:
            if self.receiver.get("wrapper"):
                self.handshake()
            self.greet()
            while True:
                self.command()
        except (HungUp, Cut, OSError, ssl.SSLError) as end:
            self.note("end", how=type(end).__name__, text=str(end))
        finally:
            try:
                self.wire.close()
            except (OSError, ValueError):
                pass

    def greet(self) -> None:
        greeting = self.script.get("greeting", f"220 {self.receiver['host']} ESMTP scripted")
        if greeting == "silence":
            self.hold()
        if greeting == "close":
            raise HungUp()
        self.wait_for(self.script.get("hold-greeting"))
        self.reply(greeting)

    def command(self) -> None:
        line = self.wire.line()
        if not line:
            raise HungUp()
        text = line.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
        verb = text.split(" ", 1)[0].upper()
        self.note("command", verb=verb, line=text[:1000])
        answer = {"EHLO": self.ehlo, "STARTTLS": self.starttls, "MAIL": self.envelope,
                  "RCPT": self.envelope, "DATA": self.data, "QUIT": self.quit,
                  "AUTH": self.auth}.get(verb)
        if answer is None:
            self.reply("250 2.0.0 Ok" if verb in ("HELO", "RSET", "NOOP") else
                       "502 5.5.2 not known here")
        else:
            answer(verb, text)

    def ehlo(self, _verb, _text) -> None:
        if "ehlo" in self.script:
            self.reply(self.script["ehlo"])
            return
        offers = [self.receiver["host"]]
        if not self.wire.encrypted:
            how = self.script.get("capability", "offer")
            if self.is_there(self.script.get("strip")):
                how = "stripped"
            word = {"offer": "STARTTLS", "none": None, "stripped": "XXXXXXXX"}[how]
            offers += [word] if word else []
            offers += self.script.get("before-tls", [])
        offers += self.script.get("extensions",
                                  ["PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"])
        offers.append(f"SIZE {self.script.get('size', 0)}")
        self.wire.send(b"".join(
            f"250{'-' if i + 1 < len(offers) else ' '}{word}\r\n".encode()
            for i, word in enumerate(offers)))

    def starttls(self, _verb, _text) -> None:
        reply = self.script.get("starttls", "220 2.0.0 Ready to start TLS")
        inject = self.script.get("inject", "").encode("utf-8")
        self.wire.send(reply.encode("utf-8") + b"\r\n" + inject)
        if reply.startswith("220"):
            self.handshake()

    def handshake(self) -> None:
        how = self.script.get("handshake", "good")
        if how == "garbage":
            # An answer: what comes in one piece with the 220 may be dropped with it (row 9),
            # and the client waits for minutes.
            self.wire.sock.recv(16)
            self.wire.send(b"\x05\x00\xffthis is not TLS\r\n\r\n")
            self.hold()
        if how == "silence":
            self.hold()
        if how == "close":
            raise HungUp()
        if how == "reset":
            self.wire.sock.recv(16)
            reset(self.wire.sock)
            raise HungUp()
        cut = how if isinstance(how, dict) else {}
        context = self.world.context(self.receiver, how, self)
        self.wire = TlsWire(self.wire.sock, context, cut.get("cut"), cut.get("half", False))
        self.note("handshake", version=self.wire.tls.version(), sni=self.sni)

    def auth(self, _verb, _text) -> None:
        replies = self.script.get("auth")
        if replies is None:
            self.reply("502 5.5.2 not known here")
            return
        for number in range(1000):
            reply = replies[min(number, len(replies) - 1)]
            self.reply(reply)
            if not reply.startswith("334"):
                return
            line = self.wire.line()
            if not line:
                raise HungUp()
            self.note("login", line=line.rstrip(b"\r\n").decode("utf-8", "replace")[:1000])
            if line.startswith(b"*"):
                self.reply("501 5.7.0 cancelled")
                return

    def envelope(self, verb, _text) -> None:
        reply = self.answer(verb.lower(), "250 2.1.0 Ok")
        if verb == "MAIL":
            self.recipients = 0
        elif reply.startswith("2"):
            self.recipients += 1

    def answer(self, part: str, usual: str) -> str:
        reply = self.script.get(part, usual)
        if reply == "close":
            raise HungUp()
        self.reply(reply)
        return reply

    def data(self, _verb, _text) -> None:
        self.wait_for(self.script.get("hold"))
        usual = "354 go ahead" if self.recipients else "554 5.5.1 no valid recipients"
        if not self.answer("data", usual).startswith("354"):
            return
        message = self.wire.message()
        path = f"{self.world.spec['messages']}/{self.receiver['name']}.{self.number}.{time.time_ns()}"
        Path(path).write_bytes(message)
        taken = self.script.get("dot", "2").startswith("2")
        self.note("message", file=path, taken=taken)
        self.wait_for(self.script.get("hold-dot"))
        self.answer("dot", "250 2.0.0 Ok: taken")

    def wait_for(self, release: str | None) -> None:
        end = time.monotonic() + PATIENCE
        while release and time.monotonic() < end and not self.is_there(release):
            time.sleep(0.02)

    def is_there(self, release: str | None) -> bool:
        return bool(release) and os.path.exists(
            os.path.join(self.world.spec["release"], release))

    def quit(self, _verb, _text) -> None:
        self.reply("221 2.0.0 Bye")
        raise HungUp()


class World:
    """The receivers of a spec, their TLS contexts and the event file."""

    def __init__(self, spec: dict):
        self.spec = spec
        self.events = Events(spec["events"])

    @staticmethod
    def context(receiver: dict, how, conversation: Conversation) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        version = how.get("version") if isinstance(how, dict) else None
        if version:
            fixed = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
            made.minimum_version = made.maximum_version = fixed
        # Whether a client asks for a ticket must not shift where a handshake is cut.
        made.options |= ssl.OP_NO_TICKET
        if how == "alert":
            made.set_ciphers("PSK")  # nothing in common with any client: an alert
            made.maximum_version = ssl.TLSVersion.TLSv1_2
        else:
            made.load_cert_chain(receiver["chain"], receiver["key"])

        def on_name(_tls, name, _context):
            conversation.sni = name
            if receiver["script"].get("sni") == "strict" and name != receiver["host"]:
                return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
            return None
        made.sni_callback = on_name
        return made

    def serve(self) -> None:
        for receiver in self.spec["receivers"]:
            threading.Thread(target=self._listen(receiver).serve_forever, daemon=True).start()
        print("ready", flush=True)
        threading.Event().wait()

    def _listen(self, receiver: dict) -> socketserver.TCPServer:
        world = self

        class Handler(socketserver.BaseRequestHandler):
            """One conversation; numbered by the server."""

            def handle(self):
                with world.events.lock:
                    receiver["count"] = receiver.get("count", 0) + 1
                    number = receiver["count"]
                Conversation(self.request, receiver, number, world).run()

        class Server(socketserver.ThreadingTCPServer):
            """One listening receiver."""
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 64
            address_family = socket.AF_INET6 if ":" in receiver["ip"] else socket.AF_INET

            def server_bind(self):
                free_to_bind(self.socket)
                super().server_bind()

        return Server((receiver["ip"], receiver["port"]), Handler)


if __name__ == "__main__":
    World(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))).serve()
