"""Debian packages unpacked for the lab, never installed.

Installing Postfix, nsd or unbound would start services, ask questions and
change the host's mail. So their packages are downloaded by apt and unpacked
into a cache; `space` lays the result over /usr inside the lab's namespace.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

# What is taken of a package, and under which name; nothing: all of it. Exim's are
# taken piece by piece: they have a sendmail(1) as Postfix has, and two daemons that
# share a name.
UNPACKED = {
    "postfix": None, "nsd": None, "unbound": None,
    "sasl2-bin": None, "libsasl2-modules": None,
    "exim4-daemon-heavy": {"usr/sbin/exim4": "usr/sbin/exim4-heavy"},
    "exim4-daemon-light": {"usr/sbin/exim4": "usr/sbin/exim4-light"},
    "exim4-base": {"usr/sbin/exim_dumpdb": "usr/sbin/exim_dumpdb"},
    "sendmail-bin": {"usr/libexec/sendmail/sendmail": "usr/sbin/sendmail-mta",
                     "usr/libexec/sendmail/makemap": "usr/sbin/sendmail-makemap"},
    "sendmail-cf": {"usr/share/sendmail/cf": "usr/share/sendmail/cf"},
    "libwrap0": None,
    "libmariadb3": None, "libidn12": None, "libspf2-2": None,
}

# Changing this makes every cache start afresh.
LAYOUT = "1"


class PackageError(RuntimeError):
    """A package could not be fetched or unpacked; the text says which."""


def cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(
        os.environ.get("HOME", "/root"), ".cache")
    return Path(os.environ.get("POSTERN_LAB_CACHE", os.path.join(base, "postern-lab")))


def unpacked_root(say=print, name: str = "root", wanted=None) -> Path:
    """The directory that holds the unpacked packages' usr/; fetches what is missing.

    Another `name` is another directory, with other packages: as UNPACKED has them.
    """
    cache = cache_dir()
    cache.mkdir(parents=True, exist_ok=True)
    root = cache / f"{name}-{LAYOUT}"
    with open(cache / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for package, pieces in (wanted or UNPACKED).items():
            if not (root / f".{package}").exists():
                say(f"fetching and unpacking {package} (not installing it)")
                _unpack(package, pieces, root)
    return root


def _unpack(package: str, pieces, root: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="postern-lab-") as scratch:
        deb = _download(package, Path(scratch))
        tree = Path(scratch) / "tree"
        _run(["dpkg-deb", "-x", str(deb), str(tree)])
        # A merged /usr: whatever a package still ships under /lib is not needed.
        if pieces is None:
            shutil.copytree(tree / "usr", root / "usr", symlinks=True, dirs_exist_ok=True)
        for source, target in (pieces or {}).items():
            (root / target).parent.mkdir(parents=True, exist_ok=True)
            if (tree / source).is_dir():
                shutil.copytree(tree / source, root / target, symlinks=True, dirs_exist_ok=True)
                continue
            shutil.copy2(tree / source, root / target)
            (root / target).chmod((tree / source).stat().st_mode & 0o7777)
    (root / f".{package}").touch()


def _download(package: str, into: Path) -> Path:
    """Asks apt; renews its lists once if it does not know the package, and retries."""
    problem = ""
    for attempt in range(4):
        done = subprocess.run(
            ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", package],
            cwd=into, capture_output=True, text=True, check=False)
        found = sorted(into.glob(f"{package}_*.deb"))
        if done.returncode == 0 and found:
            return found[0]
        problem = (done.stderr or done.stdout).strip()
        if attempt == 0:
            subprocess.run(["apt-get", "-qq", "update"], capture_output=True, check=False)
        else:
            time.sleep(2 * attempt)
    raise PackageError(f"apt-get download {package}: {problem}")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PackageError(f"{' '.join(command)}: {done.stderr.strip()}")
