"""Exim built with OpenSSL from Debian's source package, into the lab's cache.

Debian links its daemons with GnuTLS. The source package knows the other library,
too, so this is Debian's own Exim but for that and what needs servers of databases.
Not part of CI: compiling takes over a minute, and the source has to be fetched.
"""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import packages

PROGRAM = "usr/sbin/exim4-openssl"
NEEDED = ["build-essential", "dpkg-dev", "libpcre2-dev", "libdb5.3-dev", "libssl-dev",
          "libidn-dev", "libidn2-dev", "libfile-fcntllock-perl"]
# No NIS and no X11, which need more libraries; dlfunc as in exim4-daemon-heavy.
LEAVE_OUT = re.compile(r"^(LOOKUP_NIS|LIBS \+= -lnsl|EXIM_MONITOR)")
ADD = "EXPAND_DLFUNC=yes\nMAX_NAMED_LIST=32\n"


def build(say) -> Path:
    """The program; made if it is not there yet. Installs what compiling needs."""
    made = packages.unpacked_root(say) / PROGRAM
    with open(packages.cache_dir() / "exim-lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            say("building Exim with OpenSSL from Debian's source package: a minute or two")
            with tempfile.TemporaryDirectory(prefix="postern-lab-") as scratch:
                _build(Path(scratch), made)
    return made


def _build(scratch: Path, made: Path) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}

    def run(*command: str, cwd: Path = scratch) -> None:
        done = subprocess.run(command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise packages.PackageError(
                f"{' '.join(command)}: {(done.stdout + done.stderr)[-2000:]}")

    apt = _source_archive(scratch)
    run("apt-get", "-qq", "update")
    run("apt-get", "-qq", "-y", "install", *NEEDED)
    run("apt-get", "-qq", *apt, "update")
    run("apt-get", "-qq", *apt, "source", "--download-only", "exim4")
    run("dpkg-source", "--no-check", "-x", next(scratch.glob("exim4_*.dsc")).name, "tree")
    tree = scratch / "tree"
    settings = tree / "Local" / "Makefile"
    settings.parent.mkdir(exist_ok=True)
    run("patch", "-s", "-o", str(settings), "src/EDITME", "debian/EDITME.exim4-light.diff",
        cwd=tree)
    run("patch", "-s", str(settings), "debian/EDITME.openssl.exim4-light.diff", cwd=tree)
    kept = [line for line in settings.read_text(encoding="utf-8").splitlines(True)
            if not LEAVE_OUT.match(line)]
    settings.write_text("".join(kept) + ADD, encoding="utf-8")
    run("make", f"-j{os.cpu_count()}", "FULLECHO=", cwd=tree)
    program = next(tree.glob("build-*/exim"))
    made.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(program, made)
    made.chmod(0o4755)


def _source_archive(scratch: Path) -> list[str]:
    """apt's options for the sources of the archives that this machine's packages come from."""
    found = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)",
                            "Created-By: Packages", "Origin: Debian"],
                           capture_output=True, text=True, check=True).stdout
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    archives = sorted(set(found.splitlines()))
    sources = scratch / "sources.list"
    sources.write_text("".join(f"deb-src [signed-by={keyring}] {archive} main\n"
                               for archive in archives), encoding="ascii")
    (scratch / "lists" / "partial").mkdir(parents=True)
    return ["-o", f"Dir::Etc::SourceList={sources}", "-o", "Dir::Etc::SourceParts=-",
            "-o", f"Dir::State::Lists={scratch / 'lists'}", "-o", "APT::Sandbox::User=root"]
