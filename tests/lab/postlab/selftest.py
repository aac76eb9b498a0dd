"""What tests/lab/selftest checks: that the lab is what the scenarios take it for."""

import argparse
import os
import re
import smtplib
import socket
import ssl
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import accounts, messages, report
from .adapters.postfix_pipe import CONTROL
from .pki import spki_sha256
from .scenarios import fill
from .world import World

# What posttls-finger says of each kind of chain, asked at level secure for the
# host's own name with the lab's root: its class, and words that name the cause.
FINGER = {
    "good": ("Verified", ""),
    "wildcard": ("Verified", ""),
    "cn-only": ("Verified", ""),       # Postfix takes a CN where there is no dNSName
    "wrong-name": ("Untrusted", "hostname mismatch"),
    "cn-and-san": ("Untrusted", "hostname mismatch"),
    "san-only": ("Untrusted", "hostname mismatch"),
    "expired": ("Untrusted", "expired"),
    "not-yet-valid": ("Untrusted", "not yet valid"),
    "unknown-ca": ("Untrusted", "untrusted issuer /O=Postern lab/CN=Unknown Root CA"),
    "missing-intermediate": ("Untrusted", "untrusted issuer"),
    "self-signed": ("Untrusted", "self-signed"),
    "self-signed-expired": ("Untrusted", ""),
    "attacker-with-pinned": ("Untrusted", ""),
    "attacker-with-partner-ca": ("Untrusted", ""),
    "partner": ("Untrusted", ""),
    "partner-wrong-name": ("Untrusted", ""),
}
_CLASS = re.compile(r"(Verified|Trusted|Untrusted|Anonymous) TLS connection established")


def main(arguments: list[str]) -> int:
    options = argparse.ArgumentParser(
        description="Proves the lab itself; needs none of Postern's programs.")
    options.add_argument("--quiet", action="store_true", help="show failures only")
    chosen = options.parse_args(arguments)
    begun = time.monotonic()
    world = World("postfix-pipe", Path("/bin/false"))
    world.start(report.note)
    os.environ["MAIL_CONFIG"] = str(world.sender.postfix.config)
    tally = report.Tally(chosen.quiet)
    check_dns(world, tally)
    check_certificates(world, tally)
    check_scripts(world, tally)
    check_logins(world, tally)
    check_delivery(world, tally)
    trouble = world.receivers.postfix.trouble()
    unexpected = [line for line in trouble if "TLS library problem" not in line
                  and "SSL_accept error" not in line
                  and "SASL" not in line]
    tally.check("the receivers' Postfix has nothing to complain of", not unexpected,
                "\n".join(unexpected[:5]))
    return tally.close("lab selftest", time.monotonic() - begun)


def check_logins(world: World, tally: report.Tally) -> None:
    """A receiver that wants a login says 530 without, 535 to a wrong secret, and lets in."""
    receiver = next(r for r in world.receivers.by_name.values() if r.auth and r.tls == "offer")
    before = len(world.receivers.seen(receiver.name).logins)
    with smtplib.SMTP(receiver.ip, receiver.port, timeout=20) as client:
        client.ehlo()
        tally.check("login: AUTH is not offered without TLS", not client.has_extn("auth"))
        client.starttls(context=ssl._create_unverified_context())  # pylint: disable=W0212
        client.ehlo()
        offered = client.esmtp_features.get("auth", "").split()
        tally.check("login: the mechanisms are the scenario's",
                    sorted(offered) == sorted(receiver.auth.split()), f"{offered}")
        code, text = client.mail("sender@sender.test")
        tally.check("login: 530 at MAIL without", code == 530, f"{code} {text}")
        client.user, client.password = "alice", "wrong"
        try:
            client.auth("PLAIN", client.auth_plain)
            tally.check("login: 535 to a wrong secret", False)
        except smtplib.SMTPAuthenticationError as error:
            tally.check("login: 535 to a wrong secret", error.smtp_code == 535, str(error))
        client.password = accounts.SECRETS["alice"]
        client.auth("PLAIN", client.auth_plain)
        code, text = client.mail("sender@sender.test")
        code, text = client.rcpt(f"someone@{receiver.host}") if code == 250 else (code, text)
        client.data(b"Subject: by hand\r\n\r\n")
        tally.check("login: mail after the right one", code == 250, f"{code} {text}")
    world.receivers.postfix.flush_log()
    made = world.receivers.seen(receiver.name).logins[before:]
    tally.check("login: the receiver's log names mechanism and user",
                made == ["PLAIN alice"], f"{made}")


def check_dns(world: World, tally: report.Tally) -> None:
    cases = (
        ("bank.test", "MX", "NOERROR", True, "mx.bank.test."),
        ("nothing-here.test", "A", "NXDOMAIN", True, ""),
        ("hosted.plain.test", "MX", "NOERROR", False, "mx.hoster12a.test."),
        ("row17f.bogus.test", "MX", "SERVFAIL", False, ""),
        ("row17b.dead.test", "MX", "SERVFAIL", False, ""),
    )
    for name, kind, rcode, secure, words in cases:
        answer = world.tree.ask(name, kind)
        flags = re.search(r"flags: ([a-z ]*)", answer)
        good = (f"rcode: {rcode}" in answer and words in answer
                and ("ad" in flags[1].split()) == secure)
        state = "secure" if secure else "not secure"
        tally.check(f"dns: {name} {kind} is {rcode}, {state}", good, answer)
    host = world.receivers.by_host["mx01.subd.emailhosted.test"]
    reverse = ".".join(reversed(host.ip.split("."))) + ".in-addr.arpa"
    tally.check("dns: the PTR of the hoster's address is secure",
                "mx0a.emailhosted.test." in world.tree.ask(reverse, "PTR"))


def finger(*arguments: str) -> str:
    done = subprocess.run(["/usr/sbin/posttls-finger", "-t", "10", *arguments],
                          capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def check_certificates(world: World, tally: report.Tally) -> None:
    """posttls-finger on every real receiver."""
    real = [r for r in world.receivers.by_name.values()
            if not r.scripted and not r.host.endswith(".bogus.test")]

    def look(receiver):
        if receiver.tls == "none":
            return finger("-l", "encrypt", f"[{receiver.host}]")
        where = f"[{receiver.host}]:{receiver.port}"
        wrapped = ["-w"] if receiver.tls == "wrapper" else []
        return finger("-c", *wrapped, "-l", "secure", "-F", str(world.pki.roots_file), where,
                      receiver.host)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(look, real))
    for receiver, answer in zip(real, answers):
        if receiver.tls == "none":
            tally.check(f"certificate: {receiver.host} offers no TLS",
                        "< 250-PIPELINING" in answer and "STARTTLS" not in answer, answer)
            continue
        elsewhere = (receiver.cert == "good" and receiver.host not in receiver.names
                     and not any(name.startswith("*.") for name in receiver.names))
        wanted, words = FINGER["wrong-name" if elsewhere else receiver.cert]
        found = _CLASS.search(answer)
        tally.check(f"certificate: {receiver.host} ({receiver.cert}) is {wanted.lower()}",
                    bool(found) and found[1] == wanted and words in answer, answer)
    _check_special(world, tally)


def _check_special(world: World, tally: report.Tally) -> None:
    """SNI, pins, and an authority of one's own."""
    sni = next(r for r in world.receivers.by_name.values() if r.sni_cert)
    answer = finger("-c", "-l", "secure", "-F", str(world.pki.roots_file), "-s", sni.host,
                    f"[{sni.host}]", sni.host)
    tally.check("certificate: SNI brings the other one", "Verified TLS" in answer, answer)
    for scenario in world.scenarios:
        if any(p["of"] == "server" for p in scenario.pins):
            receiver = scenario.receivers[0]
            digest = spki_sha256(world.receivers.chain(receiver).leaf)
            answer = finger("-c", "-l", "fingerprint", "-d", "sha256",
                            f"[{receiver.host}]:{receiver.port}",
                            ":".join(digest[i:i + 2] for i in range(0, 64, 2)))
            tally.check(f"certificate: the key of {receiver.host} has the digest we compute",
                        "Verified TLS" in answer, answer)
    host = next(r for r in world.receivers.by_name.values() if r.cert == "partner").host
    answer = finger("-c", "-l", "secure", "-F", str(world.pki.partner_file), f"[{host}]", host)
    tally.check("certificate: the partner's own authority verifies", "Verified TLS" in answer,
                answer)


class Probe:
    """A client of our own for the scripted server; says what it met, in words."""

    def __init__(self, receiver):
        self.receiver, self.met = receiver, {}
        self.sock = socket.create_connection((receiver.ip, receiver.port), timeout=10)
        self.buffer = b""

    def run(self) -> dict:
        try:
            self._talk()
        except (OSError, ssl.SSLError, EOFError) as end:
            self.met["end"] = type(end).__name__
        finally:
            self.sock.close()
        return self.met

    def _reply(self) -> str:
        while not re.search(rb"^\d{3} .*\n", self.buffer, re.M):
            more = self.sock.recv(4096)
            if not more:
                raise EOFError
            self.buffer += more
        end = re.search(rb"^\d{3} .*\n", self.buffer, re.M).end()
        reply, self.buffer = self.buffer[:end].decode(), self.buffer[end:]
        return reply

    def _talk(self) -> None:
        self.met["greeting"] = self._reply()[:3]
        self.sock.sendall(b"EHLO selftest.test\r\n")
        self.met["ehlo"] = self._reply()
        self.met["offered"] = "STARTTLS" in self.met["ehlo"]
        self.sock.sendall(b"STARTTLS\r\n")
        self.met["starttls"] = self._reply()[:3]
        self.met["injected"] = self.buffer.decode()
        if self.met["starttls"] != "220" or self.buffer:
            return
        self._handshake()

    def _handshake(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname=self.receiver.host)
        octets = b""
        while True:
            try:
                tls.do_handshake()
                self.met["handshake"] = tls.version()
                return
            except ssl.SSLWantReadError:
                self.sock.sendall(outgoing.read())
                more = self.sock.recv(65536)
                octets += more
                self.met["records"], self.met["rest"] = _records(octets)
                if not more:
                    raise EOFError from None
                incoming.write(more)


def _records(octets: bytes) -> tuple[int, int]:
    """Whole TLS records, and octets that follow them."""
    count = 0
    while len(octets) >= 5 and len(octets) >= 5 + int.from_bytes(octets[3:5], "big"):
        octets = octets[5 + int.from_bytes(octets[3:5], "big"):]
        count += 1
    return count, len(octets)


def check_scripts(world: World, tally: report.Tally) -> None:
    """Every scripted receiver misbehaves as its script says, and logs what it heard."""
    scripted = [r for r in world.receivers.by_name.values() if r.scripted]
    with ThreadPoolExecutor(16) as pool:  # some say nothing for ten seconds
        answers = list(pool.map(lambda receiver: Probe(receiver).run(), scripted))
    for receiver, met in zip(scripted, answers):
        script = receiver.script
        problem = _departure(met, script)
        tally.check(f"script: {receiver.name} {script or '(well-behaved)'}", not problem,
                    f"{problem}; met {met}")
        heard = world.receivers.seen(receiver.name)
        said_ehlo = script.get("greeting", "220")[:3] in ("220", "421", "554")
        tally.check(f"script: {receiver.name} logs what it hears",
                    not said_ehlo or heard.connections > 0 and heard.count("mail") == 0)


def _departure(met: dict, script: dict) -> str:
    """Where what was met is not what the script says."""
    if "hold-greeting" in script:
        return "a greeting" if "greeting" in met else ""
    if met.get("greeting") != script.get("greeting", "220")[:3]:
        return "another greeting"
    if met["greeting"] != "220":
        return ""
    if "ehlo" in script:
        return "" if met["ehlo"] == script["ehlo"] + "\r\n" else "EHLO was not refused"
    if met["offered"] != (script.get("capability", "offer") == "offer"):
        return "STARTTLS offered or not"
    if met["starttls"] != script.get("starttls", "220")[:3]:
        return "another reply to STARTTLS"
    if met["injected"] != script.get("inject", ""):
        return "another injection"
    if met["starttls"] != "220" or met["injected"]:
        return ""
    how = script.get("handshake", "good")
    if isinstance(how, dict):
        if met.get("records", 0) != how["cut"] or bool(met.get("rest")) != how.get("half", False):
            return "cut elsewhere"
        return "" if "handshake" not in met else "not cut"
    if (how == "good") != ("handshake" in met):
        return "the handshake went otherwise"
    return ""


def check_delivery(world: World, tally: report.Tally) -> None:
    """Control: Postfix's own smtp(8) reaches the receivers, and mail arrives whole."""
    sent = []
    for scenario in world.scenarios:
        receivers = world.receivers_of(scenario)
        if scenario.hop or scenario.records is not None or not all(_reachable(r) for r in receivers) or not receivers:
            continue
        domain = fill(scenario.to_domain or "{domain}", scenario)
        mail = messages.compose(CONTROL, f"{scenario.recipient}@{domain}",
                                "dots" if scenario.body == "plain" else scenario.body)
        sent.append((scenario, mail, world.sender.submit(mail)))
    for scenario, mail, queue_id in sent:
        line = world.sender.wait_attempt(queue_id, 1, 60)
        got = world.receivers.messages(mail.mark)
        if line.result == "delivered" and not got:
            end = time.monotonic() + 10
            while not got and time.monotonic() < end:
                time.sleep(0.02)
                got = world.receivers.messages(mail.mark)
        problem = "" if len(got) == 1 else f"{len(got)} copies; {line.result}: {line.text}"
        tally.add(f"control: smtp(8) delivers to {scenario.domain}, byte-exact",
                  problem or messages.difference(mail, got[0]))


def _reachable(receiver) -> bool:
    """Whether smtp(8) at level `may` and without SNI gets through at the first attempt."""
    departs = {"greeting", "mail", "rcpt", "data", "dot", "size", "hold", "hold-dot", "hold-greeting",
               "handshake", "sni", "extensions"}
    return (receiver.port == 25 and not receiver.auth
            and receiver.tls != "wrapper" and not receiver.ipv6 and not receiver.host.endswith(".bogus.test")
            and not departs & set(receiver.script or {}))
