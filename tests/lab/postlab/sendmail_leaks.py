"""Sendmail's traps of what is left over: its macros and classes are the process's.

What one connection has told is still there on the next one.
"""

import smtplib
import ssl

from . import logs, messages
from .doors import FakeMap
from .pki import cert_sha256
from .sendmail_scene import Overheard, netstring
from .traps import IMPOSTOR, OTHER, SENDER, STRIP

NAMES = "row29-names.test"
TLS_TOLD = "<$1><$&{tls_version}>"


def tls_is_told(scene):
    scene.tls_told = "<OK><TLSv1.3>"


def leaked(told: str = TLS_TOLD):
    """The sender of this mail has shown a client certificate: the very one of the host to
    which it is sent on, by the same process and, as somebody strips STARTTLS, in clear."""
    def play(scene):
        overheard = Overheard(scene)
        scene.change("after", TLS_TOLD, scene.tls_told or told)
        scene.configure(with_inbound_tls(scene))
        scene.sendmail.start()
        release = scene.lab.world.receivers.release / STRIP.split(".")[0]
        try:
            release.unlink(missing_ok=True)
            if found := scene.arrived(scene.send(STRIP)):  # now its leaf is known
                return found
            release.touch()
            overheard.asked.clear()
            mark, queue_id = submit_with_client_certificate(scene)
            logs.until(lambda: scene.sendmail.attempts(queue_id), 60, "an attempt")
        finally:
            release.unlink(missing_ok=True)
            scene.sendmail.stop()
            overheard.close()
        digest = cert_sha256(chain_of(scene, f"mx.{STRIP}").leaf)
        if digest not in [fields[6].replace(":", "").lower() for fields in overheard.of(STRIP)]:
            return [f"no attack: nothing has leaked into {overheard.asked}"]
        return scene.unsent(mark) + scene.kept(queue_id, STRIP)
    return play


def chain_of(scene, host: str):
    receivers = scene.lab.world.receivers
    return receivers.chain(receivers.by_host[host])


def with_inbound_tls(scene) -> str:
    """mc lines: it offers TLS to those who send to it, and asks for their certificate."""
    chain = chain_of(scene, f"mx.{STRIP}")
    key = scene.directory / "server.key"
    key.touch(mode=0o600)
    key.write_bytes(chain.key_file.read_bytes())
    return (f"define(`confSERVER_CERT', `{chain.file}')dnl\n"
            f"define(`confSERVER_KEY', `{key}')dnl\n")


def submit_with_client_certificate(scene) -> tuple[str, str]:
    """By STARTTLS, as the host itself would; (mark, queue id)."""
    chain = chain_of(scene, f"mx.{STRIP}")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(chain.file, chain.key_file)
    mail = messages.compose(SENDER, f"{scene.recipient}@{STRIP}", "plain")
    with smtplib.SMTP("127.0.0.1", scene.sendmail.port, timeout=60) as client:
        client.starttls(context=context)
        client.sendmail(SENDER, [mail.recipient], mail.content)
    return mail.mark, scene.queue_id_of(scene.taken(mail.mark))


def naive(question: bytes) -> bytes:
    """A map that believes what Sendmail says of names."""
    fields = question.decode().split("<", 1)[1].split("><")
    fits = fields[0] in ("", OTHER, NAMES) or (fields[3], fields[7]) == ("OK", "SAN")
    return netstring("OK PASS" if fits else "OK 4.7.5:names")


def names_left_over(judge):
    """The impostor's connection is kept while another host's certificate is read; that one
    has the impostor's name, and what is known of names is the process's."""
    def play(scene):
        fake = judge(scene)
        scene.configure()
        # The more recipients, the later in a queue run.
        sent = {domain: scene.send(*(f"to-{i}@{domain}" for i in range(many)), wait=True)
                for many, domain in ((1, OTHER), (2, NAMES), (3, IMPOSTOR))}
        scene.sendmail.run_queue()
        fake.close()
        return (scene.arrived(sent[OTHER]) + scene.arrived(sent[NAMES])
                + scene.held(sent[IMPOSTOR]))
    return play


def naive_map(scene):
    fake = FakeMap(scene.directory / "fake-map", naive)
    scene.map_is(fake.path)
    return fake


def many_connections(scene):
    scene.change("before", "define(`confMCI_CACHE_SIZE', `1')", "define(`confMCI_CACHE_SIZE', `10')")
    if "m=1, " in scene.parts["after"]:  # a strict mailer keeps none at all
        scene.change("after", "m=1, ", "m=100, ")


def many_connections_and_the_map(scene):
    many_connections(scene)
    return Overheard(scene)


def others_leaf(scene):
    """A leaf that is known and good: for another destination, at the same host."""
    scene.configure()
    return scene.arrived(scene.send(OTHER)) + scene.held(scene.send(IMPOSTOR))


def ask_about_another(scene):
    scene.change("after", "<$&{tls_rdom}>", f"<{OTHER}>")
    scene.change("after", "<$&{tls_rhop}>", "<>")
