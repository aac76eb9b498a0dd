"""Row 20's faults of the stores: the published snapshot, and the state store.

A damaged snapshot may give the right verdict or none; never another one.
"""

import random
import shutil
import time

from . import messages

TRIALS = 300          # damaged copies that are asked
THROUGH_THE_MTA = 8   # damaged copies that mail is sent through
# Lines of every kind: secure, fingerprint, none, one that holds for a domain
# without a line, and one whose mail must never be delivered.
ASKED = ("row20.test", "clinic.test", "row11.test", "row10d.test", "impostor.test")


def _replace(scene, octets: bytes, mode: int = 0o440) -> None:
    """As a publish would: another file, renamed into place."""
    fresh = scene.service.snapshot.with_suffix(".broken")
    fresh.write_bytes(octets)
    shutil.chown(fresh, "root", "postern")
    fresh.chmod(mode)
    fresh.rename(scene.service.snapshot)


def missing(scene):
    service = scene.own_service()
    service.snapshot.unlink()
    service.start()
    yield
    scene.restore_snapshot()


def unreadable(scene):
    service = scene.own_service()
    _replace(scene, service.snapshot.read_bytes(), mode=0o400)
    service.start()
    yield
    scene.restore_snapshot()


def empty(scene):
    service = scene.own_service()
    service.start()
    _replace(scene, b"")
    yield
    scene.restore_snapshot()


def cut_in_half(scene):
    service = scene.own_service()
    service.start()
    whole = service.snapshot.read_bytes()
    _replace(scene, whole[:len(whole) // 2])
    yield
    scene.restore_snapshot()


def not_a_database(scene):
    service = scene.own_service()
    service.start()
    _replace(scene, random.Random(20).randbytes(len(service.snapshot.read_bytes())))
    yield
    scene.restore_snapshot()


def state_read_only(scene):
    service = scene.own_service()
    _not_ours(service.directory / "state" / "state.db")
    service.start()
    yield


def journal_read_only(scene):
    service = scene.own_service()
    journal = service.directory / "state" / "journal.db"
    _not_ours(journal)
    service.start()
    yield
    journal.unlink()  # no restart: each delivery tries again


def _not_ours(file) -> None:
    file.touch()
    shutil.chown(file, "root", "root")
    file.chmod(0o444)


def damaged(scene):
    """Many damaged copies asked, some of them with mail; then a hopeless one."""
    service = scene.own_service()
    service.start()
    whole = service.snapshot.read_bytes()
    truth = {domain: _line(service.explain(domain)) for domain in ASKED}
    found, right, refused = [], 0, 0
    seed = time.time_ns()
    chance = random.Random(seed)
    for trial in range(TRIALS):
        _replace(scene, _damage(whole, chance))
        for domain in ASKED:
            line = _line(service.explain(domain))
            if line == truth[domain]:
                right += 1
            elif line is None:
                refused += 1
            else:
                found.append(f"seed {seed}, trial {trial}, {domain}: '{line}' instead of "
                             f"'{truth[domain]}'")
        if trial < THROUGH_THE_MTA:
            found += _through_the_mta(scene)
    if service.process.poll() is not None:
        found.append(f"posternd ended: {service.log.tail()}")
    if None in truth.values() or not right or not refused:
        found.append(f"the trials prove nothing: {truth}, {right} right, {refused} refused")
    _replace(scene, b"\0" * len(whole))
    yield
    scene.restore_snapshot()
    return found[:10]


def _damage(whole: bytes, chance: random.Random) -> bytes:
    octets = bytearray(whole)
    for _ in range(chance.choice((1, 1, 4, 16, 64, 256))):
        octets[chance.randrange(len(octets))] = chance.randrange(256)
    return bytes(octets)


def _line(explained: dict):
    """The policy line that holds; None where the service would defer."""
    plan = explained.get("plan")
    return plan["line"] if plan else None


def _through_the_mta(scene) -> list[str]:
    """Mail through the damaged snapshot: delivered as it should be, or deferred."""
    mail = messages.compose("sender@sender.test", scene.fault.recipient, "plain")
    got = scene.sender.wait_attempt(scene.sender.submit(mail), 1, 60)
    return [] if got.result in ("delivered", "deferred") else \
        [f"{got.result} through a damaged snapshot: {got.text}"]
