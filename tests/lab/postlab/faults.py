"""Row 20: whatever breaks, mail waits; once it is mended, mail arrives once.

Every fault has a transport of its own in master.cf, with a door of its own, and
where it needs one a posternd of its own: so all of them, and the scenarios, run
at the same time. A fault is a generator: it breaks things, yields what the MTA
must say of the attempt, mends, and ends; then the message has to arrive.
"""

import os
import shutil
import signal
import socket
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from . import judge, logs, messages, snapshot_faults
from .adapters.postfix_pipe import ARGUMENTS, Transport
from .doors import GREETING, FakeDoor, FakeLmtpDoor, lead
from .scenarios import Expect, row_of

DOMAIN = "row20.test"
PATIENCE = 90
BUDGET = "--budget-ms 20000"
FEW_THREADS = {"worker-threads": "8", "exim-questions": "8"}
IMPATIENT = {"pipe": BUDGET, "lmtp": "lmtp_lhlo_timeout=10s lmtp_data_done_timeout=20s"}


@dataclass
class Fault:
    """`breaks(scene)` is the generator; `scene` is a Scene."""
    id: str
    title: str
    breaks: Callable
    options: str = ""                # of postern-transport besides --socket, or of lmtp(8)
    arguments: str = ARGUMENTS
    recipient_limit: int = 1
    impatient: bool = False          # the client gives up after seconds, where it can be told to
    patience: int = PATIENCE         # for the attempt that fails
    silent: bool = False             # the MTA keeps the message without a word of the attempt
    domain: str = DOMAIN
    expect: Expect = field(default_factory=lambda: Expect("deferred"))
    mended: Expect = field(default_factory=lambda: Expect(seen="message"))
    attempts: int = 1                # that the mended way takes

    @property
    def row(self) -> int:
        return row_of(self.id)

    @property
    def recipient(self) -> str:
        return f"to-{self.id}@{self.domain}"


class Scene:
    """What one fault plays with: a door's path, perhaps a posternd, the lab."""

    def __init__(self, lab, fault: Fault):
        self.lab, self.fault = lab, fault
        self.directory = lab.home / "faults" / fault.id
        self.directory.mkdir(parents=True, exist_ok=True)
        self.sender = lab.world.sender.apart(self.directory, fault.impatient)
        self.door = self.sender.door_of(self.directory)
        self.queue_id = ""
        self.service = None

    def own_service(self, **settings):
        """A posternd of its own, not yet started, with a copy of the published policy."""
        self.service = self.lab.make_service(f"fault-{self.fault.id}",
                                             **FEW_THREADS | settings)
        self.restore_snapshot()
        self.point_at(self.service.doors[self.sender.door])
        return self.service

    def restore_snapshot(self) -> None:
        fresh = self.service.snapshot.with_suffix(".fresh")
        shutil.copy(self.lab.service.snapshot, fresh)
        shutil.chown(fresh, "root", "postern")
        fresh.chmod(0o440)
        fresh.rename(self.service.snapshot)

    def point_at(self, socket: Path) -> None:
        """From now on the client finds that socket at its door."""
        lead(self.door, socket)

    def mend(self) -> None:
        """The client finds the lab's own, healthy service."""
        self.point_at(self.lab.service.doors[self.sender.door])

    def close(self) -> None:
        """Whatever is left of it goes on, or ends."""
        if self.service and self.service.process:
            self.service.stop(signal.SIGKILL)
        self.mend()
        self.sender.leave()

    def wait_for_data(self) -> None:
        """Until the holding receiver has been sent DATA and keeps its 354 back."""
        logs.until(lambda: self.lab.world.receivers.seen(self.receiver.name).count("data"), 30,
                   f"{self.fault.domain} is sent DATA")

    def wait_for_connection(self) -> None:
        """Until the holding receiver has a connection and keeps its greeting back."""
        logs.until(lambda: self.lab.world.receivers.seen(self.receiver.name).connections, 30,
                   f"{self.fault.domain} has a connection")

    @property
    def receiver(self):
        return self.lab.world.receivers.by_host[f"mx.{self.fault.domain}"]

    def release(self) -> None:
        """The holding receiver goes on."""
        script = self.receiver.script
        hold = script.get("hold") or script["hold-greeting"]
        (self.lab.world.receivers.release / hold).touch()

    def client_pid(self) -> int:
        """The process under the MTA that has our message."""
        return logs.until(
            lambda: self.sender.process_of(f"fault{self.fault.id}", self.queue_id),
            10, "the client runs")


# Faults of the door: a FakeDoor, then the real one.

def fake(greeting=GREETING, reply=b""):
    def breaks(scene):
        door = FakeDoor(scene.directory / "fake", greeting, reply)
        scene.point_at(door.path)
        yield
        problem = [] if door.calls else ["the client never came to the door"]
        door.close()
        scene.mend()
        return problem
    return breaks


def fake_lmtp(**script):
    def breaks(scene):
        door = FakeLmtpDoor(scene.door, script)
        yield
        problem = [] if door.calls else ["the client never came to the door"]
        door.close()
        scene.mend()
        return problem
    return breaks


def no_socket(scene):
    scene.door.unlink(missing_ok=True)
    yield
    scene.mend()


def nobody_listens(scene):
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(scene.directory / "left-over"))
        (scene.directory / "left-over").chmod(0o666)
        scene.point_at(scene.directory / "left-over")
        yield
    scene.mend()


def not_allowed(scene):
    """The door's list of users does not name the client's."""
    service = scene.own_service(**{"pipe-users": "root", "lmtp-users": "root",
                                   "postfix-map-users": "root", "exim-users": "root"})
    service.start()
    yield
    service.stop()
    scene.mend()


def wrong_arguments(scene):
    scene.mend()
    yield
    scene.fault.mended.seen = ""  # the transport itself is wrong: it can only wait


# Faults of the service.

def down(scene):
    service = scene.own_service()
    yield
    service.start()


def hung(scene):
    service = scene.own_service()
    service.start()
    service.send(signal.SIGSTOP)
    yield
    service.send(signal.SIGCONT)


def killed(number):
    """Ended by a signal while the receiver waits with its 354."""
    def breaks(scene):
        service = scene.own_service()
        service.start()
        yield "under way"
        scene.wait_for_data()
        service.stop(number)
        yield
        scene.release()
        service.start()
    return breaks


def hung_at_data(scene):
    service = scene.own_service()
    service.start()
    yield "under way"
    scene.wait_for_data()
    service.send(signal.SIGSTOP)
    yield
    service.send(signal.SIGCONT)
    scene.release()


def client_killed(scene):
    service = scene.own_service()
    service.start()
    yield "under way"
    scene.wait_for_data()
    os.kill(scene.client_pid(), signal.SIGKILL)
    yield
    scene.release()


def spool_read_only(scene):
    service = scene.own_service()
    service.start()
    spool = service.directory / "spool"
    shutil.chown(spool, "root", "root")
    yield
    shutil.chown(spool, "postern", "postern")


def resolver_dead(scene):
    """Nobody answers at the forwarder's address; on-fail=deliver must not help."""
    service = scene.own_service(**{"dns-forwarders": "127.0.0.98", "dns-timeout": "3s"})
    service.start()
    yield
    service.stop()
    scene.mend()


_CUT = b"delivered 2.0.0 taken"  # without the line's end
def killed_with_a_policy(scene):
    """kill -9; then neither record nor policy host: what was held holds, or nothing does."""
    domain, hosts = scene.fault.domain, scene.lab.world.policy_hosts
    service = scene.own_service()
    service.start()
    fetched = service.ask(f"sts-refresh domain={domain}")
    service.stop(signal.SIGKILL)
    hosts.change(domain, status=404)
    scene.lab.world.tree.change_text(f"_mta-sts.{domain}", "")
    yield
    service.start()
    asked = hosts.requests(domain)
    return [] if fetched.startswith("ok ") and asked == 1 else [fetched, f"{asked} requests"]


PIPE_FAULTS = [
    Fault("20a", "no socket", no_socket),
    Fault("20b", "nobody listens", nobody_listens),
    Fault("20c", "no greeting", fake(None)),
    Fault("20d", "another program's greeting", fake(b"220 mx.test ESMTP\r\n")),
    Fault("20e", "another version's greeting", fake(b"postern 2 ready\n")),
    Fault("20f", "greeting cut", fake(b"postern 1 rea", "close")),
    Fault("20g", "hangs up after the greeting", fake(reply="close")),
    Fault("20h", "takes the message and hangs up", fake(reply=b"")),
    Fault("20i", "takes the message and never answers", fake(reply=None), BUDGET),
    Fault("20j", "answers garbage", fake(reply=b"\x16\x03\x01\xff\0\n")),
    Fault("20k", "'delivered' cut before the line's end", fake(reply=_CUT)),
    Fault("20l", "'delivered' with a 5.x.x", fake(reply=b"delivered 5.0.0 what\n")),
    Fault("20m", "'bounced' with a 4.x.x", fake(reply=b"bounced 4.0.0 what\n")),
    Fault("20n", "'error'", fake(reply=b"error 4.3.0 internal-error: broken\n")),
    Fault("20o", "an error that looks permanent", fake(reply=b"error 5.3.0 broken\n")),
    Fault("20p", "two megabytes of reply", fake(reply=b"d" * 2_000_000 + b"\n")),
    Fault("20q", "another user's door", not_allowed),
    Fault("20r", "no '--' in argv", wrong_arguments,
          arguments="${nexthop} ${queue_id} ${sender} ${recipient}"),
    Fault("20s", "an argument too few", wrong_arguments,
          arguments="-- ${nexthop} ${queue_id} ${sender}"),
    Fault("20t", "--help in argv", wrong_arguments, "--help"),
    Fault("20u", "an unknown option", wrong_arguments, "--bogus 1"),
    Fault("20v", "two recipients in one call", wrong_arguments, recipient_limit=50,
          arguments=ARGUMENTS + " extra@row20.test",
          expect=Expect("deferred", text=["recipient_limit"])),
    Fault("20-s6", "the client killed before the final dot", client_killed,
          domain="row20-client.test"),
]
LMTP_FAULTS = [
    Fault("20a", "no socket", no_socket),
    Fault("20b", "nobody listens", nobody_listens),
    Fault("20c", "no greeting", fake_lmtp(greeting=None), "lmtp_lhlo_timeout=5s"),
    Fault("20d", "'too busy' instead of a greeting",
          fake_lmtp(greeting=b"421 4.3.2 service-busy: lmtp\r\n"),
          expect=Expect("deferred", "4.3.2", "service-busy")),
    Fault("20f", "greeting cut", fake_lmtp(greeting=b"220 mta.sen", LHLO="close")),
    Fault("20g", "hangs up after the envelope", fake_lmtp(DATA="close")),
    Fault("20h", "takes the message and hangs up", fake_lmtp(dot="close")),
    Fault("20i", "takes the message and never answers", fake_lmtp(dot=None),
          "lmtp_data_done_timeout=15s"),
    Fault("20k", "'250' cut before the line's end", fake_lmtp(dot=b"250 2.0.0 taken")),
    Fault("20q", "another user's door", not_allowed,
          expect=Expect("deferred", "4.3.5", "client-not-allowed")),
    Fault("20-s6", "the client killed before the final dot", client_killed,
          domain="row20-client.test", silent=True),
]
SERVICE_FAULTS = [
    Fault("20-s1", "posternd down", down),
    Fault("20-s2", "posternd hung", hung, impatient=True),
    Fault("20-s3", "posternd killed before the final dot", killed(signal.SIGKILL),
          domain="row20-kill.test"),
    Fault("20-s4", "posternd stopped before the final dot", killed(signal.SIGTERM),
          domain="row20-term.test"),
    Fault("20-s5", "posternd hung before the final dot", hung_at_data,
          impatient=True, domain="row20-stop.test"),
    Fault("20-s7", "spool not writable", spool_read_only),
    Fault("20-s8", "resolver dead, on-fail=deliver", resolver_dead, domain="row20-resolver.test",
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
    Fault("20-s16", "delivery journal not writable", snapshot_faults.journal_read_only,
          expect=Expect("deferred", reason="journal-unavailable")),
    Fault("27-s1", "posternd killed with an MTA-STS policy in its cache", killed_with_a_policy,
          domain="row27-kill.plain.test"),
]


def of(adapter: str) -> list[Fault]:
    """The faults of what stands between that mail server and the receivers."""
    if adapter == "postfix-map":
        from . import map_faults  # pylint: disable=C0415
        return map_faults.ALL
    if adapter.startswith("exim"):
        from . import exim_faults  # pylint: disable=C0415
        return exim_faults.ALL
    return (LMTP_FAULTS if adapter == "postfix-lmtp" else PIPE_FAULTS) + SERVICE_FAULTS


def prepare(lab, faults: list[Fault]) -> None:
    """Their transports in the MTA's configuration; before it starts."""
    for fault in faults:
        door = lab.home / "faults" / fault.id / "door"
        options = fault.options
        if fault.impatient:
            options = IMPATIENT.get(lab.world.sender.door, options)
        lab.world.sender.add_transport(Transport(
            f"fault{fault.id}", options, door, fault.recipient, fault.arguments,
            fault.recipient_limit))


def run(lab, fault: Fault) -> tuple[list[str], str]:
    """What is wrong (nothing: the promise held), and the last thing the MTA said."""
    scene = None
    try:
        scene = Scene(lab, fault)
        return _run(lab, fault, scene)
    except Exception as error:  # pylint: disable=broad-except
        return [f"{type(error).__name__}: {error}", traceback.format_exc(limit=-3)], ""
    finally:
        if scene:
            scene.close()


def _run(lab, fault: Fault, scene: Scene) -> tuple[list[str], str]:
    receivers = [lab.world.receivers.by_host[f"mx.{fault.domain}"]]
    mail = messages.compose("sender@sender.test", fault.recipient, "plain")
    play = fault.breaks(scene)
    stage = next(play)
    scene.queue_id = scene.sender.submit(mail)
    if stage == "under way":
        next(play)
    first = 0 if fault.silent else 1
    got = scene.sender.wait_attempt(scene.queue_id, 1, fault.patience) if first else \
        scene.sender.wait_kept(scene.queue_id, PATIENCE)
    before = judge.baseline(lab.world, receivers)
    found = judge.problems(lab.world, receivers, before, mail, got, fault.expect)
    if fault.expect.result == "deferred" and lab.world.receivers.transfers(mail.mark):
        found.append("a receiver got the message although it was deferred")
    try:
        next(play)
    except StopIteration as end:
        found += end.value or []
    if got.result != fault.expect.result:
        return found, f"{got.result} {got.status}"
    if fault.expect.result == "deferred" and fault.mended.seen:
        for number in range(1, fault.attempts + 1):
            scene.sender.retry(scene.queue_id)
            got = scene.sender.wait_attempt(scene.queue_id, first + number, PATIENCE)
        found += judge.problems(lab.world, receivers, before, mail, got, fault.mended)
    elif fault.expect.result == "deferred" and scene.queue_id not in scene.sender.queued():
        found.append("the message is no longer in the MTA's queue")
    return found, f"{got.result} {got.status}"
