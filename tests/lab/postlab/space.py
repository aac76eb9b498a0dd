"""Namespaces of the lab's own: network, mounts, host name and processes.

`enter()` starts the calling program again as the first process of new
namespaces. When that process ends, however it ends, the kernel ends everything
else in them and their mounts and interfaces are gone: nothing can be left
running. The host's files are only ever covered, never written.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

from . import packages

INSIDE = "POSTERN_LAB_INSIDE"
HOME = Path("/run/lab")          # on a tmpfs that only the lab sees
NETWORK = "198.18.0.0/16"        # RFC 2544: routed nowhere, not loopback
SENDER_IP = "198.18.0.1"
NETWORK6 = "fd00:18::/64"
RESOLVER_IP = "127.0.0.53"
AUTHORITY_IP = "127.0.0.54"

USERS = {  # name: (uid, gid)
    "postfix": (5001, 5001),
    "postern": (5003, 5003),
    "postern-client": (5004, 5004),
    "vmail": (5005, 5005),
    "lab-dns": (5006, 5006),
    "Debian-exim": (5007, 5007),
}
GROUPS = {"postdrop": 5002}
# Exim reads no more than 32.
EXIM_CONFIGS = ("exim", "light", "openssl", "own", "bench", "plain", "lean")


def enter(prepare=None) -> None:
    """Returns inside the namespaces; outside, never returns.

    `prepare` runs before, as root, where the archive can be reached; what it
    returns is prepared() inside.
    """
    if os.environ.get(INSIDE) == "1":
        os.environ.pop(INSIDE)
        # The first process of a namespace has no defaults for these.
        _when_told_to_end(lambda number: os._exit(128 + number))
        _furnish(Path(os.environ["POSTERN_LAB_ROOT"]))
        return
    if os.geteuid() != 0:
        line = _line(["sudo", "--preserve-env=POSTERN_LAB_CACHE,NO_COLOR", "--"])
        os.execv(line[0], line)
    root = packages.unpacked_root(say=lambda text: print(text, file=sys.stderr))
    if prepare:
        os.environ["POSTERN_LAB_PREPARED"] = str(prepare())
    os.environ[INSIDE] = "1"
    os.environ["POSTERN_LAB_ROOT"] = str(root)
    sys.exit(_inside(["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--mount",
                      "--uts", "--ipc", "--pid", "--fork", "--mount-proc",
                      "--kill-child=SIGKILL", "--"]))


def _inside(prefix: list[str]) -> int:
    """Runs the program again; its exit status. unshare(1) lets no signal but SIGKILL end
    it, and takes everything with it then."""
    child = subprocess.Popen(_line(prefix))  # pylint: disable=R1732

    def end(number: int) -> None:
        child.kill()
        os._exit(128 + number)
    _when_told_to_end(end)
    status = child.wait()
    return status if status >= 0 else 128 - status


def _when_told_to_end(end) -> None:
    """`end` is called with the signal's number; nothing is tidied up, as nothing is left."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda got, _frame: end(got))


def prepared() -> Path:
    """What enter()'s `prepare` has returned."""
    return Path(os.environ["POSTERN_LAB_PREPARED"])


def _line(prefix: list[str]) -> list[str]:
    program = shutil.which(prefix[0])
    if program is None:
        sys.exit(f"lab: {prefix[0]} is needed and not installed")
    sys.stdout.flush()
    return [program, *prefix[1:], sys.executable, os.path.abspath(sys.argv[0]), *sys.argv[1:]]


def _furnish(root: Path) -> None:
    _run("mount", "--make-rprivate", "/")
    _run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={root}/usr:/usr", "/usr")
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    for name in ("", "etc", "bin", "lock"):
        (HOME / name).mkdir(parents=True, exist_ok=True)
    Path("/run/lock").mkdir(exist_ok=True)
    _private_dev()
    _private_etc()
    _run("ip", "link", "set", "lo", "up")
    # A prefix on lo makes every address of it local: receivers bind what they like.
    _run("ip", "address", "add", f"{SENDER_IP}/{NETWORK.split('/')[1]}", "dev", "lo")
    _run("ip", "-6", "route", "add", "local", NETWORK6, "dev", "lo")
    # Ten in a new namespace. A Postfix with a log file of its own can stand still for ever
    # then: master(8) waits for room in the queue of postlogd(8), which waits for master to
    # read its status.
    Path("/proc/sys/net/unix/max_dgram_qlen").write_text("100000\n", encoding="ascii")
    socket.sethostname("mta.sender.test")


def _private_dev() -> None:
    """A /dev whose /dev/log is the lab's own."""
    dev = HOME / "dev"
    dev.mkdir()
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(dev))
    for name in ("null", "zero", "full", "random", "urandom", "tty", "ptmx"):
        (dev / name).touch()
        _run("mount", "--bind", f"/dev/{name}", str(dev / name))
    for name in ("pts", "shm"):
        (dev / name).mkdir()
        _run("mount", "--bind", f"/dev/{name}", str(dev / name))
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"),
                         ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2")):
        (dev / name).symlink_to(target)
    _run("mount", "--rbind", str(dev), "/dev")


def _private_etc() -> None:
    etc = HOME / "etc"
    # Exim keeps its privileges only with configurations that are listed there.
    more = HOME / "etc-more" / "exim4"
    more.mkdir(parents=True)
    (more / "trusted_configs").write_text("".join(
        f"{HOME}/exim/{name}.conf\n" for name in EXIM_CONFIGS), encoding="ascii")
    _run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={more.parent}:/etc", "/etc")
    passwd = _without(Path("/etc/passwd"), USERS)
    group = _without(Path("/etc/group"), USERS | GROUPS)
    for name, (uid, gid) in USERS.items():
        passwd.append(f"{name}:x:{uid}:{gid}::/nonexistent:/usr/sbin/nologin")
        group.append(f"{name}:x:{gid}:")
    group += [f"{name}:x:{gid}:" for name, gid in GROUPS.items()]
    (etc / "passwd").write_text("\n".join(passwd) + "\n", encoding="utf-8")
    (etc / "group").write_text("\n".join(group) + "\n", encoding="utf-8")
    (etc / "resolv.conf").write_text(f"nameserver {RESOLVER_IP}\noptions edns0 trust-ad\n",
                                     encoding="ascii")
    (etc / "hosts").write_text("127.0.0.1 localhost\n", encoding="ascii")
    (etc / "nsswitch.conf").write_text(
        "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n",
        encoding="ascii")
    for name in ("passwd", "group", "resolv.conf", "hosts", "nsswitch.conf"):
        target = Path("/etc") / name
        if target.is_symlink():
            target = target.resolve()
        if not target.exists() and target.is_relative_to("/run"):  # our own tmpfs
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
        if not target.exists():
            sys.exit(f"lab: /etc/{name} does not exist and cannot be covered")
        _run("mount", "--bind", str(etc / name), str(target))


def take_users(etc: Path) -> None:
    """Gives the lab's users the numbers that another root's passwd and group have."""
    for name in ("passwd", "group"):
        entries = [line.split(":") for line in (etc / name).read_text(encoding="utf-8")
                   .splitlines()]
        ours = {fields[0]: fields for fields in entries
                if fields[0] in USERS or fields[0] in GROUPS}
        numbers = {fields[2] for fields in ours.values()}
        here = HOME / "etc" / name
        # Postfix refuses a mail_owner whose number is another user's as well.
        kept = [line for line in _without(here, ours) if line.split(":")[2] not in numbers]
        here.write_text("\n".join(kept + [":".join(fields) for fields in ours.values()])
                        + "\n", encoding="utf-8")


def _without(file: Path, names) -> list[str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.split(":", 1)[0] not in names]


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"lab: {' '.join(command)}: {done.stderr.strip()}")
