"""Row 20 for the policy map: whatever breaks it, smtp(8) waits; mended, the mail goes."""

from .doors import FakeDoor
from .faults import (Fault, down, hung, nobody_listens, no_socket, not_allowed)
from . import snapshot_faults
from .scenarios import Expect

# smtp(8) gives a socket map a hundred seconds.
HUNG = 130


def lies(reply):
    """A map that answers so; None: never."""
    def breaks(scene):
        door = FakeDoor(scene.door, b"", reply)
        yield
        problem = [] if door.calls else ["smtp(8) never came to the door"]
        door.close()
        scene.mend()
        return problem
    return breaks


def killed(scene):
    """kill -9 while smtp(8) may have a connection, then started again."""
    service = scene.own_service()
    service.start()
    service.process.kill()
    service.process.wait(10)
    yield
    service.start()


def wrong_digest(scene):
    """One of its own for the transport: no pin is of that digest."""
    scene.mend()
    yield
    scene.fault.mended.seen = ""  # the transport itself is wrong: it can only wait


ALL = [
    Fault("20a", "no socket", no_socket),
    Fault("20b", "nobody listens", nobody_listens),
    Fault("20c", "never answers", lies(None), patience=HUNG),
    Fault("20d", "answers garbage", lies(b"\x16\x03\x01\xff\0\n")),
    Fault("20e", "hangs up unread", lies("close")),
    Fault("20f", "hangs up without an answer", lies(b"")),
    Fault("20g", "an answer cut", lies(b"6:OK ma"), patience=HUNG),
    Fault("20h", "an empty answer", lies(b"0:,")),
    Fault("20i", "an empty OK", lies(b"3:OK ,")),
    Fault("20j", "an unknown word", lies(b"8:OKAY may,")),
    Fault("20k", "TEMP", lies(b"7:TEMP no,")),
    Fault("20l", "TIMEOUT", lies(b"10:TIMEOUT no,")),
    Fault("20m", "PERM", lies(b"7:PERM no,")),
    Fault("20n", "an unknown level", lies(b"9:OK strong,")),
    Fault("20o", "an unknown attribute", lies(b"13:OK may what=1,")),
    Fault("20p", "two megabytes of answer", lies(b"2000000:OK may" + b" " * 2_000_000)),
    Fault("20q", "another user's door", not_allowed),
    Fault("20r", "a digest that the pins are not of", wrong_digest,
          "smtp_tls_fingerprint_digest=sha512", domain="clinic.test",
          expect=Expect("deferred", text=["Server certificate not"])),
    Fault("20-s1", "posternd down", down),
    Fault("20-s2", "posternd hung", hung, patience=HUNG),
    Fault("20-s3", "posternd killed", killed),
    Fault("20-s9", "snapshot missing", snapshot_faults.missing),
    Fault("20-s10", "snapshot unreadable", snapshot_faults.unreadable),
    Fault("20-s11", "snapshot empty", snapshot_faults.empty),
    Fault("20-s13", "snapshot of other content", snapshot_faults.not_a_database),
    Fault("20-s14", "snapshot damaged by random octets", snapshot_faults.damaged),
    Fault("20-s15", "state store not writable: mail goes on", snapshot_faults.state_read_only,
          expect=Expect(seen="message")),
]
