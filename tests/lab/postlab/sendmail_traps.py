"""Sendmail's traps: each attacked on the real program, and the receiver untouched.

In both forms: judged per recipient, and by strict mailers.
"""

import signal
import socket
import time

from . import milter_trap, traps
from .doors import FakeMap
from .sendmail_leaks import (ask_about_another, leaked, many_connections,
                             many_connections_and_the_map, naive_map, names_left_over,
                             others_leaf, tls_is_told)
from .sendmail_scene import PASS, Trap, netstring
from .traps import IMPOSTOR, MAY, OTHER, STRIP

CNAME, THIEF = "row29-cname.plain.test", "row29-thief.test"


# What protects, taken away.

def it_says_pass(scene):
    """What Sendmail itself takes for an error holds the mail, whatever the rules say."""
    scene.spoken = PASS


def bounces_go_through(scene):
    scene.change("after", "R5.$*\t\t4.$1\n", "")
    scene.change("after", "R5.$*\t\t\t4.$1\n", "")
    scene.change("after", "RPASS\t", 'R5.$-.$-:$+\t$#error $@ 5.$1.$2 $: "550 " $3\nRPASS\t')


def no_verdict_needed(scene):
    """Whatever is no "no" counts as a yes."""
    scene.change("after", 'R$*\t\t$#error $@ 4.7.5 $: "403 TLS policy service gave no verdict"',
                 "R$*\t\t$@ OK")


def nobody_listens_to_the_map(scene):
    scene.change("after", "RPASS\t\t$@ OK", "R$*\t\t$@ OK")


def silent_hook(scene):
    """What stands under LOCAL_RULESETS is never called: the other hook holds."""
    scene.change("after", "LOCAL_TLS_SERVER\n", "LOCAL_RULESETS\nSLocal_tls_server\n")
    scene.configure()
    return scene.held(scene.send(IMPOSTOR))


def answers(reply):
    def play(scene):
        fake = FakeMap(scene.directory / "fake-map", scene.spoken or reply)
        scene.map_is(fake.path)
        scene.change("after", "-d30", "-d3")
        scene.configure()
        found = scene.waits(scene.send(OTHER)) + scene.held(scene.send(IMPOSTOR))
        fake.close()
        return found + ([] if fake.asked else ["nobody asked"])
    return play


class LateMap(FakeMap):
    """Its answer to the first question comes when Sendmail no longer waits for it."""

    def __init__(self, scene):
        self.is_first, self.spoken = True, scene.spoken
        super().__init__(scene.directory / "fake-map", self.answer)
        scene.map_is(self.path)

    def answer(self, question) -> bytes:
        if b" S<><" in question:
            return PASS
        if not self.is_first:
            return self.spoken or netstring("OK 4.7.5:no")
        self.is_first = False
        time.sleep(4)
        return PASS


def too_late(scene):
    """… and might be taken for the answer to the next question, about the impostor."""
    fake = LateMap(scene)
    scene.change("after", "-d30", "-d3")
    scene.configure()
    sent = scene.send(STRIP, wait=True), scene.send(f"a@{IMPOSTOR}", f"b@{IMPOSTOR}", wait=True)
    scene.sendmail.run_queue()
    fake.close()
    if not any(f"<{IMPOSTOR}>" in question for question in fake.asked):
        return [f"no attack: {fake.asked}"]
    return scene.waits(sent[0], STRIP) + scene.held(sent[1])


def down_and_back(scene):
    """As kill -9 leaves it: the socket is there, and nobody listens."""
    dead = scene.directory / "dead-map"
    with socket.socket(socket.AF_UNIX) as nobody:
        nobody.bind(str(dead))
    scene.map_is(dead)
    scene.configure()
    sent = scene.send(OTHER)
    found = scene.waits(sent)
    scene.sendmail.run_queue()
    found += scene.waits(sent)
    scene.change("after", str(dead), str(scene.lab.service.doors["sendmail-map"]))
    scene.configure()
    scene.sendmail.run_queue()
    return found + scene.arrived(sent)


def hung_and_back(scene):
    scene.change("after", "-d30", "-d3")
    service = scene.own_service()
    scene.map_is(service.doors["sendmail-map"])
    scene.configure()
    service.send(signal.SIGCONT if scene.spoken else signal.SIGSTOP)
    sent = scene.send(OTHER)
    found = scene.waits(sent)
    service.send(signal.SIGCONT)
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
    found = [f"{traps.TOLD}: {line}" for line in scene.told(IMPOSTOR)]
    for domain in (MAY, OTHER):
        if not any(scene.recipient in line for line in scene.told(domain)):
            found.append(f"{domain} waits")
    return found + scene.kept(queue_id, IMPOSTOR) + ([] if scene.copies(mark) else ["lost"])


def forged_alias(scene):
    """DNS makes the recipient's domain an alias of one whose policy is another."""
    scene.configure(canonify=True)
    sent = scene.send(CNAME)
    found = [f"{traps.TOLD}: {line}" for line in scene.told(THIEF, f"mx.{THIEF}")]
    return found + scene.held(sent, CNAME, f"mx.{THIEF}")


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
    (scene.directory / "aliases").write_text(f"team: {scene.recipient}@{IMPOSTOR}\n", encoding="ascii")
    scene.configure()
    scene.sendmail.command("-bi")
    return scene.held(scene.send("team@mta.sender.test"))


def milter(scene):
    """451 for the impostor; once the milter is gone, for everybody."""
    scene.configure()
    scene.sendmail.start()
    try:
        return milter_trap.gates(scene.lab, scene.sendmail.filtered, "4.3.2")
    finally:
        scene.sendmail.stop()


def no_hook_at_all(scene):
    scene.change("after", "LOCAL_TLS_RCPT\n", "LOCAL_RULESETS\nSLocal_tls_rcpt\n")


def expand_aliases(scene):
    scene.change("before", "define(`confDONT_EXPAND_CNAMES', `true')", "")


def no_filter_needed(scene):
    scene.change("before", "F=T,", "")


REPLIES = [
    ("a", "PERM", netstring("PERM no"), no_verdict_needed),
    ("b", "NOTFOUND", netstring("NOTFOUND "), no_verdict_needed),
    ("c", "TEMP", netstring("TEMP later"), no_verdict_needed),
    ("d", "OK, and nothing", netstring("OK "), no_verdict_needed),
    ("e", "OK PASSED", netstring("OK PASSED"), no_verdict_needed),
    ("f", "OK 5.7.5, which would bounce", netstring("OK 5.7.5:no"), bounces_go_through),
    ("g", "a PASS cut short", PASS[:-1], it_says_pass),
    ("h", "garbage", b"\xff\x00PASS,", it_says_pass),
    ("i", "nothing, and hangs up", b"", no_verdict_needed),
    ("j", "never a word", None, it_says_pass),
]

ALL = [
    Trap("29-1", "1: a hook that is never called", silent_hook, no_hook_at_all),
    *(Trap(f"29-2{letter}", f"2: the map says {title}", answers(reply), opened)
      for letter, title, reply, opened in REPLIES),
    Trap("29-2k", "2: the map says PASS to the question before", too_late, it_says_pass,
         strips=True),
    Trap("29-3", "3: the map is down, and comes back", down_and_back, no_verdict_needed),
    Trap("29-3b", "3: the service hangs, and comes back", hung_and_back, it_says_pass),
    Trap("29-4", "4: a refused host still serves other destinations", poisoned_host,
         nobody_listens_to_the_map),
    Trap("29-4b", "4: one message for three domains at one host", one_message,
         nobody_listens_to_the_map),
    Trap("29-5", "5: a client's certificate left over, and no TLS", leaked(), tls_is_told,
         strips=True),
    Trap("29-5b", "5: the same, and verify says OK", leaked("<OK><$&{tls_version}>"),
         tls_is_told, strips=True),
    Trap("29-5c", "5: the same, and there is a version", leaked("<$1><TLSv1.3>"), tls_is_told,
         strips=True),
    Trap("29-6", "6: another host's names left over", names_left_over(naive_map),
         many_connections),
    Trap("29-6b", "6: the same on connections that are kept",
         names_left_over(many_connections_and_the_map), nobody_listens_to_the_map),
    Trap("29-6c", "6: another destination's leaf", others_leaf, ask_about_another),
    Trap("29-7", "7: tls_clt_features fails", features_fail, nobody_listens_to_the_map),
    Trap("29-8", "8: a retry in cleartext", clear_fallback, nobody_listens_to_the_map),
    Trap("29-9", "9: keys forged by quoted recipients", forged_key, nobody_listens_to_the_map),
    Trap("29-10", "10: a fallback MX", fallback_mx, nobody_listens_to_the_map),
    Trap("29-a", "a recipient that an alias names", by_alias, nobody_listens_to_the_map),
    Trap("29-d", "a recipient's domain that is a forged alias", forged_alias, expand_aliases),
    Trap("29-m", "the milter: 451; and 451 without it", milter, no_filter_needed),
]
