"""Row 20 for Exim: whatever breaks, its mail waits; once it is mended, mail arrives once.

Its client knows one socket, so each fault has an Exim of its own. Exim makes the
connection: what happens to the service between its plan and its verdict keeps the
message back, and what happens after the verdict does not.
"""

import signal

from . import snapshot_faults
from .faults import (Fault, down, fake, hung, killed_with_a_policy, nobody_listens,
                     no_socket, not_allowed, resolver_dead)
from .scenarios import Expect


def before_the_gate(number):
    """A signal for the service when it has made the plan, and Exim waits for a greeting."""
    def breaks(scene):
        service = scene.own_service()
        service.start()
        yield "under way"
        scene.wait_for_connection()
        if number == signal.SIGSTOP:
            service.send(number)
        else:
            service.stop(number)
        scene.release()
        yield
        if number == signal.SIGSTOP:
            service.send(signal.SIGCONT)
        else:
            service.start()
    return breaks


def after_the_gate(scene):
    """The verdict is given, and the receiver waits with its 354."""
    service = scene.own_service()
    service.start()
    yield "under way"
    scene.wait_for_data()
    service.stop(signal.SIGKILL)
    scene.release()
    yield


ALL = [
    Fault("20a", "no socket", no_socket),
    Fault("20b", "nobody listens", nobody_listens),
    Fault("20d", "another program's greeting", fake(b"220 mx.test ESMTP\r\n")),
    Fault("20e", "another version's greeting", fake(b"postern 2 ready\n")),
    Fault("20f", "greeting cut", fake(b"postern 1 rea", "close")),
    Fault("20g", "hangs up after the greeting", fake(reply="close")),
    Fault("20h", "hangs up without an answer", fake(reply=b"")),
    Fault("20j", "answers garbage", fake(reply=b"\x16\x03\x01\xff\0\n")),
    Fault("20k", "a plan cut before the line's end", fake(reply=b"plan plan=ab action=deliver")),
    Fault("20l", "a plan without a host", fake(reply=b"plan plan=ab action=deliver level=may\n")),
    Fault("20m", "a verdict in a plan's place", fake(reply=b"pass\n")),
    Fault("20n", "'error'", fake(reply=b"error 4.3.0 internal-error: broken\n")),
    Fault("20o", "an error that looks permanent", fake(reply=b"error 5.3.0 broken\n")),
    Fault("20q", "another user's door: root may ask, who delivers may not", not_allowed),
    Fault("20-s1", "posternd down", down),
    Fault("20-s2", "posternd hung", hung, impatient=True),
    Fault("20-s3", "posternd killed between plan and gate", before_the_gate(signal.SIGKILL),
          domain="row20-gate-kill.test"),
    Fault("20-s4", "posternd stopped between plan and gate", before_the_gate(signal.SIGTERM),
          domain="row20-gate-term.test"),
    Fault("20-s5", "posternd hung between plan and gate", before_the_gate(signal.SIGSTOP),
          impatient=True, domain="row20-gate-stop.test"),
    Fault("20-s6", "posternd killed after its verdict: the message goes on", after_the_gate,
          domain="row20-kill.test", expect=Expect(seen="message")),
    Fault("20-s8", "resolver dead, on-fail=deliver", resolver_dead,
          domain="row20-resolver.test", attempts=2,
          expect=Expect("deferred", reason="dns-lookup-failed")),
    Fault("20-s9", "snapshot missing", snapshot_faults.missing,
          expect=Expect("deferred", reason="policy-store-unavailable")),
    Fault("20-s10", "snapshot unreadable", snapshot_faults.unreadable,
          expect=Expect("deferred", reason="policy-store-unavailable")),
    Fault("20-s11", "snapshot empty", snapshot_faults.empty,
          expect=Expect("deferred", reason="policy-store-unavailable")),
    Fault("20-s12", "snapshot cut in half", snapshot_faults.cut_in_half,
          expect=Expect("deferred")),
    Fault("20-s13", "snapshot of other content", snapshot_faults.not_a_database,
          expect=Expect("deferred", reason="policy-store-unavailable")),
    Fault("20-s14", "snapshot damaged by random octets", snapshot_faults.damaged),
    Fault("20-s15", "state store not writable: mail goes on", snapshot_faults.state_read_only,
          expect=Expect(seen="message")),
    Fault("27-s1", "posternd killed with an MTA-STS policy in its cache", killed_with_a_policy,
          domain="row27-kill.plain.test"),
]
