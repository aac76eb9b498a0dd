"""Exim's traps: each attacked on the real program, and the receiver untouched.

By the library and by ${readsocket}, where there is something of the kind. Both know one
socket, so each trap has an Exim in mounts of its own, which finds another one there.
"""

import json
import re
import signal
import socket
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

from . import logs, traps
from .adapters.exim import SOCKET
from .doors import FakeDoor, lead
from .exim import Exim
from .traps import IMPOSTOR, MAY, OTHER, SENDER, STRANGE, TOLD, WAIT

LATE = "row29-late.test"
NOBODY = "198.18.255.1"  # an address of the lab's; nothing listens there

# What asks, by the name of the library's function.
QUESTIONS = {"plan": "POSTERN_PLAN", "event": "POSTERN_TELL", "gate_list": "POSTERN_HOST_GATE",
             "gate": "POSTERN_MAIL_GATE"}


class Scene(traps.Scene):
    """With an Exim that asks as the sender does."""

    def __init__(self, lab, trap):
        self.directory = lab.home / "traps" / trap.id
        self.directory.mkdir(parents=True, exist_ok=True)
        sender = lab.world.sender
        self.exim = Exim.alone(lab.home / "exim", sender.program, self.directory)
        self.by_library = sender.by_library
        super().__init__(lab, trap, self.exim, sender.parts())
        self.point_at(lab.service.doors["exim"])

    def point_at(self, path: Path) -> None:
        """From now on its Exim finds that socket."""
        lead(self.directory / SOCKET.name, path)

    def say(self, text: str) -> None:
        """A transport option more."""
        self.change("transports", "  multi_domain = false\n", f"  multi_domain = false\n  {text}\n")

    def fail(self, function: str) -> None:
        """That question can't be asked."""
        if self.by_library:
            self.change("macros", f"}}{{{function}}}", "}{nosuch}")
            return
        line = next(x for x in self.parts["macros"].splitlines()
                    if x.startswith(f"{QUESTIONS[function]} = "))
        self.change("macros", line, line.replace(str(SOCKET), "/nonexistent"))

    def hand_over(self, content: bytes, addresses: list, wait: bool):
        self.exim.configure(self.parts)
        return self.exim.command_with(content, "-odq" if wait else "-odf", "-oi", "-f", SENDER,
                                      *addresses, check=False)

    def queue_id_of(self, line: str) -> str:
        return line.split()[2]

    def ended(self, line: str) -> bool:
        return any(f" {mark} " in line for mark in ("=>", "->", "**"))

    def run_queue(self) -> None:
        self.exim.command("-qff")


# What protects, taken away.

def no_gates(scene):
    scene.change("transports", "hosts_require_auth = POSTERN_HOST_GATE", "")
    scene.change("transports", "authenticated_sender = POSTERN_MAIL_GATE", "")


def no_retry_rule(scene):
    scene.parts["retry"] = ""


@dataclass
class Trap(traps.Trap):
    by_library: bool = False        # there is nothing of the kind without it
    by_socket: bool = False         # ... with it
    slow: bool = False

    stage = Scene


# The nine, by their numbers.

def event_fails(scene):
    if scene.by_library:
        scene.change("macros", "{POSTERN_LIBRARY}{event}", "{/nonexistent.so}{event}")
    else:
        scene.change("macros", "POSTERN_EVENT = ", "POSTERN_EVENT = ${nosuch}")
    return scene.held(scene.send(IMPOSTOR))


def unreadable_certificate(scene):
    sent = scene.send(STRANGE)
    return scene.held(sent, STRANGE)


def no_tls_required(scene):
    scene.change("transports", "hosts_require_tls = ", "hosts_require_tls =\n  #")
    return scene.held(scene.send(IMPOSTOR)) + scene.held(scene.send(IMPOSTOR))


def clear_text_forced(scene):
    scene.change("transports", "hosts_avoid_tls = ", "hosts_avoid_tls = *\n  #")
    scene.change("transports", "hosts_require_tls = ", "hosts_require_tls =\n  #")
    return scene.held(scene.send(IMPOSTOR))


def resumed(scene):
    scene.say("tls_resumption_hosts = *")
    found = scene.arrived(scene.send(MAY)) + scene.arrived(scene.send(MAY))
    return found + scene.held(scene.send(IMPOSTOR))


def kept_connection(scene):
    scene.change("transports", "connection_max_messages = 1", "connection_max_messages = 500")
    strict = [scene.send(IMPOSTOR, wait=True) for _ in range(2)]
    lenient = [scene.send(MAY, wait=True) for _ in range(2)]
    scene.exim.command("-qqff")
    scene.run_queue()
    found = [problem for sent in strict for problem in scene.held(sent)]
    return found + [problem for sent in lenient for problem in scene.arrived(sent)]


def several_domains(scene):
    scene.change("transports", "multi_domain = false", "multi_domain = true")
    return scene.held(scene.send(MAY, IMPOSTOR))


def danes_own(scene):
    scene.change("transports", "hosts_try_dane =", "hosts_try_dane = *")
    return scene.held(scene.send(IMPOSTOR))


def others_go_on(scene):
    found = scene.held(scene.send(IMPOSTOR))
    others = [scene.send(OTHER), scene.send(MAY)]

    def arrived():
        scene.exim.command("-q")  # an ordinary queue run, which keeps to retry times
        return all(scene.lab.world.receivers.messages(mark) for mark, _ in others)
    try:
        logs.until(arrived, 10, "the others' mail arrives", every=0.5)
    except logs.Timeout:
        found += [WAIT] + [x for _, i in others for x in scene.exim.lines(i)]
    return found + scene.held(scene.send(IMPOSTOR))


# What each option does when the library fails it.

def missing(function: str):
    def play(scene):
        scene.fail(function)
        return scene.held(scene.send(IMPOSTOR))
    return play


def no_library(scene):
    scene.parts = scene.lab.world.sender.parts(Path("/nonexistent.so"))
    return scene.held(scene.send(IMPOSTOR))


CRASH = r"""
static int crash(void) { *(volatile int *)0 = 1; return 0; }
int plan(unsigned char **y, int c, unsigned char **v) { return crash(); }
int event(unsigned char **y, int c, unsigned char **v) { return crash(); }
int gate_list(unsigned char **y, int c, unsigned char **v) { return crash(); }
int gate(unsigned char **y, int c, unsigned char **v) { return crash(); }
"""


def crashes(name: str):
    def play(scene):
        library = scene.directory / "crash.so"
        if not library.exists():
            source = library.with_suffix(".c")
            source.write_text(CRASH, encoding="ascii")
            subprocess.run(["cc", "-w", "-shared", "-fPIC", "-o", library, source], check=True)
        # To the others the service is what it is.
        scene.change("macros", f"{{POSTERN_LIBRARY}}{{{name}}}", f"{{{library}}}{{{name}}}")
        return scene.held(scene.send(IMPOSTOR))
    return play


# The service.

def lies(greeting=b"postern 1 ready\n", reply=b""):
    def play(scene):
        door = FakeDoor(scene.directory / "fake", greeting, reply)
        scene.point_at(door.path)
        found = scene.held(scene.send(IMPOSTOR))
        door.close()
        return found + ([] if door.calls else ["the library never came to the door"])
    return play


def down(scene):
    scene.point_at(Path("/run/lab/nobody"))
    return scene.held(scene.send(IMPOSTOR))


def hung(scene):
    service = scene.own_service()
    scene.point_at(service.doors["exim"])
    service.send(signal.SIGSTOP)
    return scene.waits(scene.send(OTHER))


class Until:
    """Hands questions on to the service, so many or until one has these words in it; that
    one and the next meet nobody."""

    def __init__(self, path: Path, real: Path, questions: int = 0, words: bytes = b""):
        self.real, self.left, self.words = real, questions, words
        path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        path.chmod(0o666)
        self.socket.listen(16)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while self.words or self.left > 0:
            client, _ = self.socket.accept()
            with client, socket.socket(socket.AF_UNIX) as service:
                service.connect(str(self.real))
                client.sendall(service.recv(65536))
                line = self._line(client)
                if self.words and self.words in line:
                    self.words, self.left = b"", 0
                    break
                service.sendall(line)
                while octets := service.recv(65536):
                    client.sendall(octets)
            self.left -= 1
        self.socket.close()

    @staticmethod
    def _line(client) -> bytes:
        octets = b""
        while not octets.endswith(b"\n"):
            octets += client.recv(65536)
        return octets


def until(scene, **when) -> None:
    path = scene.directory / "until"
    Until(path, scene.lab.service.doors["exim"], **when)
    scene.point_at(path)


def gone(**when):
    """To a good destination: what would have been delivered waits, and is then sent once."""
    def play(scene):
        until(scene, **when)
        sent = scene.send(OTHER)
        found = scene.waits(sent)
        scene.point_at(scene.lab.service.doors["exim"])
        scene.run_queue()
        return found + scene.arrived(sent)
    return play


def back_again(scene):
    """Gone for one question, that a host can't be reached; back before the next host's.
    By its socket's name Exim then takes the connection to that host for the one to us."""
    scene.change("routers", "${extract{hosts}{$address_data}} bydns",
                 f"<+{NOBODY}:25+${{substr_2:${{extract{{hosts}}{{$address_data}}}}}} bydns")
    until(scene, questions=1)
    receivers = scene.lab.world.receivers
    name = receivers.by_host[f"mx.{LATE}"].name

    def return_before_the_greeting():
        logs.until(lambda: receivers.seen(name).connections, 30, f"{LATE} has a connection")
        scene.point_at(scene.lab.service.doors["exim"])
        (receivers.release / "back-again").touch()

    back = threading.Thread(target=return_before_the_greeting)
    back.start()
    sent = scene.send(LATE)
    back.join()
    # Our question came where the handshake should.
    told = [f"{TOLD}: {event['text']}" for event in map(json.loads, receivers.events.lines())
            if event["receiver"] == name and event.get("how") == "SSLError"]
    return told + scene.arrived(sent)


def one_name(scene):
    scene.parts["macros"] = re.sub(r"readsocket\{.*?(?=/run)", "readsocket{", scene.parts["macros"])


def gone_after_the_host(scene):
    """The library's one question was for both gates; ${readsocket} asks at each."""
    if not scene.by_library:
        return gone(words=b" stage=mail ")(scene)
    until(scene, questions=2)
    return scene.arrived(scene.send(OTHER))


# Beside the delivery.

def callout(scene):
    """Exim asks servers about recipients by the same transport: an address leaves, too."""
    scene.exim.configure(scene.parts, verify="verify = recipient/callout=20s,defer_ok")
    scene.exim.start()
    try:
        with socket.create_connection(("127.0.0.1", scene.exim.port), timeout=60) as client:
            stream = client.makefile("rwb")
            for line in (b"EHLO x.test", b"MAIL FROM:<sender@sender.test>",
                         f"RCPT TO:<{scene.recipient}@{IMPOSTOR}>".encode(), b"QUIT"):
                while stream.readline()[3:4] == b"-":
                    pass
                stream.write(line + b"\r\n")
                stream.flush()
            stream.read()
    finally:
        scene.exim.stop()
    return [f"{TOLD}: {line}" for line in scene.told(IMPOSTOR)]


def wrong_host(scene):
    """A router that sends the destination's mail to a host that is none of its plan's."""
    another = scene.lab.world.receivers.by_host[f"mx.{STRANGE}"].ip
    scene.change("routers", "${extract{hosts}{$address_data}} bydns", another)
    return scene.held(scene.send(IMPOSTOR))


def no_plan(scene):
    """A router of the administrator's own that hands mail to Postern's transport."""
    scene.parts["routers"] = ("own:\n  driver = manualroute\n  domains = ! +local_domains\n"
                              "  route_data = mx.row29.test\n  transport = postern_smtp\n")
    return scene.held(scene.send(IMPOSTOR))


ALL = [
    Trap("29-1", "1: an event that can't be expanded", event_fails, no_gates),
    Trap("29-2", "2: a certificate that GnuTLS can't read: no event", unreadable_certificate,
         no_gates),
    Trap("29-3", "3: TLS not required", no_tls_required, no_gates),
    Trap("29-3b", "3: TLS avoided", clear_text_forced, no_gates),
    Trap("29-4", "4: a session resumed", resumed, no_gates),
    Trap("29-4b", "4: a connection kept for further messages", kept_connection, no_gates),
    Trap("29-5", "5: several domains in one transaction", several_domains, no_gates),
    Trap("29-7", "7: Exim's own DANE", danes_own, no_gates),
    Trap("29-8", "8: a refused host still serves other destinations", others_go_on,
         no_retry_rule),
    Trap("29-lib", "the library is missing", no_library, by_library=True),
    Trap("29-plan", "plan fails", missing("plan")),
    Trap("29-event", "event fails", missing("event"), no_gates),
    Trap("29-list", "gate_list fails", missing("gate_list")),
    Trap("29-gate", "gate fails", missing("gate")),
    Trap("29-c1", "a crash in plan", crashes("plan"), by_library=True),
    Trap("29-c2", "a crash in event", crashes("event"), by_library=True),
    Trap("29-c3", "a crash in gate_list", crashes("gate_list"), by_library=True),
    Trap("29-c4", "a crash in gate", crashes("gate"), by_library=True),
    Trap("29-s1", "posternd down", down),
    Trap("29-s2", "posternd hung", hung, slow=True),
    Trap("29-s3", "a door that hangs up", lies(reply="close")),
    # ${readsocket} waits as long for this as for a service that hangs.
    Trap("29-s4", "a door that says nothing", lies(greeting=None), by_library=True, slow=True),
    Trap("29-s5", "a door with another greeting", lies(greeting=b"220 hello\n", reply=b"pass\n")),
    Trap("29-s6", "a 'pass' cut before the line's end", lies(reply=b"pass")),
    Trap("29-s7", "posternd killed after the plan", gone(questions=1)),
    Trap("29-s8", "posternd killed after the host's gate", gone_after_the_host),
    Trap("29-s9", "posternd gone for one question: a descriptor's number used again", back_again,
         one_name, by_socket=True),
    Trap("29-x1", "a callout", callout, no_gates),
    Trap("29-x2", "a host that is none of the plan's", wrong_host, no_gates),
    Trap("29-x3", "Postern's transport without its router", no_plan, no_gates),
]


def of(adapter: str) -> list:
    """Those that there are for that Exim."""
    other = "by_library" if adapter == "exim-light" else "by_socket"
    return [trap for trap in ALL if not getattr(trap, other)]
