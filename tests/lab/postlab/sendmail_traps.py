"""Sendmail's traps: each attacked on the real program, and the receiver untouched.

In both forms: judged per recipient, and by strict mailers.
"""

import shutil
import signal
import socket
import subprocess
from pathlib import Path

from . import logs, messages, traps
from .adapters.sendmail import MILTER, advice
from .doors import FakeMap
from .sendmail import Sendmail
from .smtp_submit import SubmitError, Submitter
from .traps import IMPOSTOR, MAY, OTHER, SENDER

PORT, FILTERED = 2530, 2531


class Scene(traps.Scene):
    """With a Sendmail, its mailertable and the map that it asks."""

    def __init__(self, lab, trap):
        self.directory = lab.home / "sendmail-trap"
        shutil.rmtree(self.directory, ignore_errors=True)
        sender = lab.world.sender
        self.sendmail = Sendmail(self.directory, PORT, FILTERED, sender.sendmail.roots,
                                 lab.home / "syslog")
        super().__init__(lab, trap, self.sendmail,
                         advice(lab.programs, lab.service.config, *sender.more))
        self.table, self.ports = sender.table(self.parts)

    def map_is(self, path: Path) -> None:
        self.change("after", str(self.lab.service.doors["sendmail-map"]), str(path))

    def configure(self, options: str = "") -> None:
        self.sendmail.configure(self.parts, self.table, options=options, ports=self.ports)

    def hand_over(self, content: bytes, addresses: list, wait: bool):
        return self.sendmail.command("-odq" if wait else "-odi", "-oi", "-f", SENDER, "--",
                                     *addresses, given=content.decode())

    def queue_id_of(self, line: str) -> str:
        return line.split("]: ", 1)[1].split(":")[0]

    def ended(self, line: str) -> bool:
        return ": to=" in line and ("stat=Sent" in line or "dsn=5" in line)


class Trap(traps.Trap):
    stage = Scene


def netstring(text: str) -> bytes:
    return f"{len(text)}:{text},".encode()


def ask(lab, key: str) -> str:
    """One question to the service's own map."""
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(60)
        door.connect(str(lab.service.doors["sendmail-map"]))
        door.sendall(netstring(f"postern {key}"))
        return door.recv(4096).decode()


def silent_hook(scene):
    """What stands under LOCAL_RULESETS is never called: the other hook holds."""
    scene.change("after", "LOCAL_TLS_SERVER\n", "LOCAL_RULESETS\nSLocal_tls_server\n")
    scene.configure()
    return scene.held(scene.send(IMPOSTOR))


def answers(reply):
    def play(scene):
        fake = FakeMap(scene.lab.home / "fake-map", reply)
        scene.map_is(fake.path)
        scene.change("after", "-d30", "-d3")
        scene.configure()
        found = scene.waits(scene.send(OTHER)) + scene.held(scene.send(IMPOSTOR))
        fake.close()
        return found + ([] if fake.asked else ["nobody asked"])
    return play


def down_and_back(scene):
    scene.map_is(Path("/run/lab/nobody"))
    scene.configure()
    sent = scene.send(OTHER)
    found = scene.waits(sent)
    scene.sendmail.run_queue()
    found += scene.waits(sent)
    scene.change("after", "/run/lab/nobody", str(scene.lab.service.doors["sendmail-map"]))
    scene.configure()
    scene.sendmail.run_queue()
    return found + scene.arrived(sent)


def hung_and_back(scene):
    scene.change("after", "-d30", "-d3")
    scene.configure()
    scene.lab.service.send(signal.SIGSTOP)
    try:
        sent = scene.send(OTHER)
        found = scene.waits(sent)
    finally:
        scene.lab.service.send(signal.SIGCONT)
    scene.sendmail.run_queue()
    return found + scene.arrived(sent)


def poisoned_host(scene):
    scene.configure()
    strict = scene.send(IMPOSTOR, wait=True)
    lenient = scene.send(MAY, wait=True)
    scene.sendmail.run_queue()
    return scene.held(strict) + scene.arrived(lenient)


def one_message(scene):
    """Domains with the same MX hosts share a connection, and $h is one's only."""
    scene.configure()
    mark, queue_id = scene.send(IMPOSTOR, MAY, OTHER)
    scene.sendmail.run_queue()
    found = [f"the host was told: {line}" for line in scene.told(IMPOSTOR)]
    for domain in (MAY, OTHER):
        if not scene.told(domain):
            found.append(f"{domain} waits")
    return found + scene.kept(queue_id, IMPOSTOR) + ([] if scene.copies(mark) else ["lost"])


def leaked(tls: str):
    """The SHA-256 of a leaf that is known and good, told of another connection."""
    def play(scene):
        scene.configure()
        if found := scene.arrived(scene.send("bank.test")):
            return found
        receiver = scene.lab.world.receivers.by_host["mx.bank.test"]
        chain = scene.lab.world.receivers.chain(receiver)
        done = subprocess.run(["openssl", "x509", "-in", chain.file, "-noout", "-fingerprint",
                               "-sha256"], capture_output=True, text=True, check=True)
        leaf = done.stdout.strip().split("=")[1]
        good = f"<mx.bank.test><{receiver.ip}><OK><TLSv1.3><256><{leaf}><SAN><x>"
        if "PASS" not in ask(scene.lab, "R<bank.test>" + good):
            return ["the good connection is refused"]
        said = ask(scene.lab, tls.format(ip=receiver.ip, leaf=leaf))
        return [] if " 4." in said else [f"the map says {said}"]
    return play


def features_fail(scene):
    scene.change("after", "R$*\t\t$@ servername=hostname",
                 "R$*\t\t$#error $@ 4.7.0 $: \"403 no features\"")
    scene.configure()
    return scene.held(scene.send(IMPOSTOR))


def clear_fallback(scene):
    scene.change("before", "`confTLS_FALLBACK_TO_CLEAR', `false'",
                 "`confTLS_FALLBACK_TO_CLEAR', `true'")
    scene.configure()
    return (scene.held(scene.send("row8f.test"), "row8f.test", "mx.row8f.test")
            + scene.held(scene.send(IMPOSTOR)))


def forged_key(scene):
    scene.configure()
    found = []
    for local in ("x><y><z@row29-may.test", "x@row29-may.test><mx.row29.test",
                  "a>R<row29-may.test"):
        sent = scene.send(f'"{local}"@{IMPOSTOR}')
        found += scene.held(sent)
    return found


def fallback_mx(scene):
    """A host that proves to be itself, and is none of the destination's."""
    scene.configure("define(`confFALLBACK_MX', `mx.row29.test')dnl\n")
    sent = scene.send("row24f.test")
    return scene.held(sent, "row24f.test")


def by_alias(scene):
    (scene.directory / "aliases").write_text(f"team: to-29@{IMPOSTOR}\n", encoding="ascii")
    scene.configure()
    scene.sendmail.command("-bi")
    return scene.held(scene.send("team@mta.sender.test"))


def milter(scene):
    """451 for the impostor; once the milter is gone, for everybody."""
    scene.configure()
    shutil.rmtree(MILTER.parent, ignore_errors=True)
    MILTER.parent.mkdir()
    shutil.chown(MILTER.parent, "postern-client", "postern-client")
    program = scene.lab.programs.start(
        "postern-milter", "--socket", f"local:{MILTER}", "--service-socket",
        scene.lab.service.doors["sendmail"], user="postern-client")
    scene.sendmail.start()
    try:
        logs.until(MILTER.exists, 20, "the milter listens")
        found = _refused(IMPOSTOR, "certificate-host-mismatch") + _taken(OTHER) + _taken(MAY)
        program.kill()
        program.wait(30)
        return found + _refused(OTHER, "4.3.2")
    finally:
        program.kill()
        scene.sendmail.stop()


def _submit(domain: str) -> None:
    connection = Submitter("127.0.0.1", FILTERED)
    try:
        connection.submit(messages.compose(SENDER, f"to-29@{domain}", "plain"))
    finally:
        connection.close()


def _refused(domain: str, words: str) -> list[str]:
    try:
        _submit(domain)
    except SubmitError as error:
        said = str(error)
        return [] if said.startswith("451 ") and words in said else [f"{domain}: {said}"]
    return [f"{domain} was taken"]


def _taken(domain: str) -> list[str]:
    try:
        _submit(domain)
    except SubmitError as error:
        return [f"{domain}: {error}"]
    return []


CLEAR = "R<bank.test><mx.bank.test><{ip}><OK><><><{leaf}><SAN><x>"
NO_VERIFY = "R<bank.test><mx.bank.test><{ip}><NONE><TLSv1.3><256><{leaf}><SAN><x>"
OTHERS_LEAF = "R<clinic.test><mx.clinic.test><{ip}><OK><TLSv1.3><256><{leaf}><SAN><mx.clinic.test>"

ALL = [
    Trap("29-1", "1: a hook that is never called", silent_hook),
    Trap("29-2a", "2: the map says PERM", answers(netstring("PERM no"))),
    Trap("29-2b", "2: NOTFOUND", answers(netstring("NOTFOUND "))),
    Trap("29-2c", "2: TEMP", answers(netstring("TEMP later"))),
    Trap("29-2d", "2: OK, and nothing", answers(netstring("OK "))),
    Trap("29-2e", "2: OK PASSED", answers(netstring("OK PASSED"))),
    Trap("29-2f", "2: OK 5.7.5, which would bounce", answers(netstring("OK 5.7.5:no"))),
    Trap("29-2g", "2: a PASS cut short", answers(b"7:OK PASS")),
    Trap("29-2h", "2: garbage", answers(b"\xff\x00PASS,")),
    Trap("29-2i", "2: it hangs up", answers(b"")),
    Trap("29-2j", "2: it never answers", answers(None)),
    Trap("29-3", "3: the map is down, and comes back", down_and_back),
    Trap("29-3b", "3: the service hangs, and comes back", hung_and_back),
    Trap("29-4", "4: a refused host still serves other destinations", poisoned_host),
    Trap("29-4b", "4: one message for three domains at one host", one_message),
    Trap("29-5", "5: a good leaf's digest left over, and no TLS", leaked(CLEAR)),
    Trap("29-5b", "5: a digest and no handshake", leaked(NO_VERIFY)),
    Trap("29-6", "6: another destination's leaf, names that fit", leaked(OTHERS_LEAF)),
    Trap("29-7", "7: tls_clt_features fails", features_fail),
    Trap("29-8", "8: a retry in cleartext", clear_fallback),
    Trap("29-9", "9: keys forged by quoted recipients", forged_key),
    Trap("29-10", "10: a fallback MX", fallback_mx),
    Trap("29-a", "a recipient that an alias names", by_alias),
    Trap("29-m", "the milter: 451; and 451 without it", milter),
]
