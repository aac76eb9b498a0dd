"""A clean Debian in which the packages are installed as an administrator would.

Made once by mmdebstrap, from the machine's own sources, of the essential packages
and what ours depend on: a dependency that they don't declare is missing here. A
layer of memory lies over it, so each run finds it fresh and nothing is written
into the cache.
"""

import fcntl
import hashlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import packages

# Changing this makes every cache start afresh.
LAYOUT = "1"
RELEASE = "bookworm"
# By mail server, of which that Debian can have one: the root's name in the cache, and
# the package, also where only postern itself is looked at: the lab sends by it.
ROOTS = {"postfix": ("clean", "postfix"),
         "exim": ("exim-clean", "exim4-daemon-heavy"),
         "sendmail": ("sendmail-clean", "sendmail")}
OTHERS = ("postfix", "exim", "sendmail")


class CleanRootError(RuntimeError):
    """The root could not be made, or a command in it failed."""


def debs(directory: Path, mta: str = "postfix") -> list[Path]:
    """Our packages for that mail server in that directory, in an order in which they can
    be installed."""
    others = tuple(f"postern-{other}_" for other in OTHERS if other != mta)
    found = sorted((p for p in directory.glob("postern*.deb")
                    if "-dbgsym_" not in p.name and not p.name.startswith(others)),
                   key=lambda p: p.name.split("_")[0])
    if not found:
        raise CleanRootError(f"{directory}: no packages; scripts/package makes them")
    return found


def dependencies(files: list[Path]) -> set[str]:
    """What the packages need besides each other; of alternatives the first."""
    names = set()
    for file in files:
        done = subprocess.run(["dpkg-deb", "-f", str(file), "Depends"], capture_output=True,
                              text=True, check=True)
        names |= {re.split(r"[ (|]", item.strip())[0] for item in done.stdout.split(",")}
    return {name for name in names if name} - {file.name.split("_")[0] for file in files}


def prepare(directory: Path, say=print, mta: str = "postfix") -> Path:
    """The cached root for those packages; needs root, and the archive the first time."""
    name, program = ROOTS[mta]
    wanted = sorted(dependencies(debs(directory, mta)) | {program})
    mark = hashlib.sha256(" ".join([LAYOUT, RELEASE, *wanted]).encode()).hexdigest()[:12]
    cache = packages.cache_dir()
    cache.mkdir(parents=True, exist_ok=True)
    root = cache / f"{name}-{mark}"
    with open(cache / "clean.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            for old in cache.glob(f"{name}-*"):
                shutil.rmtree(old)
            say(f"making a clean {RELEASE} of {len(wanted)} packages and what they need")
            _bootstrap(root, wanted)
    return root


def _bootstrap(root: Path, wanted: list[str]) -> None:
    sources = _run(["apt-get", "indextargets", "Created-By: Packages", "Origin: Debian",
                    "--format", "deb $(REPO_URI) $(RELEASE) $(COMPONENT)"])
    if not sources:
        _run(["apt-get", "-qq", "update"])
        sources = _run(["apt-get", "indextargets", "Created-By: Packages", "Origin: Debian",
                        "--format", "deb $(REPO_URI) $(RELEASE) $(COMPONENT)"])
    partial = root.with_name("partial-" + root.name)
    shutil.rmtree(partial, ignore_errors=True)
    with tempfile.NamedTemporaryFile("w", suffix=".list") as file:
        file.write(sources)
        file.flush()
        _run(["mmdebstrap", "--quiet", "--mode=root", "--format=directory",
              "--variant=essential", f"--include={','.join(wanted)}", RELEASE,
              str(partial), file.name])
    partial.rename(root)


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CleanRootError(f"{' '.join(command[:4])} …: {done.stderr.strip()}")
    return done.stdout


class CleanRoot:
    """The root under `at`, inside the lab's namespaces; /run/lab is seen in it."""

    def __init__(self, lower: Path, home: Path):
        self.path = home / "root"
        layer = home / "root-layer"
        for directory in (self.path, layer / "upper", layer / "work"):
            directory.mkdir(parents=True)
        _run(["mount", "-t", "overlay", "overlay", "-o",
              f"lowerdir={lower},upperdir={layer}/upper,workdir={layer}/work", str(self.path)])
        for name in ("proc", "dev"):
            _run(["mount", "--rbind", f"/{name}", str(self.path / name)])
        inside = self.path / "run" / "lab"
        inside.mkdir(parents=True)
        _run(["mount", "--bind", str(home), str(inside)])
        for name in ("resolv.conf", "hosts", "nsswitch.conf"):
            shutil.copy(f"/etc/{name}", self.path / "etc" / name)

    def command(self, *words, user: str = "") -> list[str]:
        """The command line that runs `words` in the root, as that user of its own."""
        who = [f"--userspec={user}:{user}", "--groups="] if user else []
        return ["chroot", *who, str(self.path), *map(str, words)]

    def run(self, *words, **more) -> subprocess.CompletedProcess:
        return self.run_line(self.command(*words), **more)

    def run_line(self, line: list[str], **more) -> subprocess.CompletedProcess:
        """One of command()'s."""
        return subprocess.run(
            line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False, timeout=300, env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                "DEBIAN_FRONTEND": "noninteractive"}, **more)

    def must(self, *words) -> str:
        done = self.run(*words)
        if done.returncode != 0:
            raise CleanRootError(f"{' '.join(map(str, words))}: status {done.returncode}\n"
                                 + done.stdout)
        return done.stdout

    def install(self, files: list[Path]) -> str:
        """dpkg -i, as it is: the archive can't be reached from here."""
        inside = []
        for file in files:
            shutil.copy(file, self.path / "tmp" / file.name)
            inside.append(f"/tmp/{file.name}")
        return self.must("dpkg", "-i", *inside)

    def user(self, name: str) -> tuple[int, int]:
        """The uid and gid that the root's own passwd has."""
        for line in (self.path / "etc/passwd").read_text(encoding="utf-8").splitlines():
            fields = line.split(":")
            if fields[0] == name:
                return int(fields[2]), int(fields[3])
        raise CleanRootError(f"the packages made no user {name}")

    def file(self, path: str) -> Path:
        return self.path / path.lstrip("/")

    def owner(self, path: str) -> str:
        """'drwxr-xr-x root:postern', by the root's own names."""
        return self.must("stat", "-c", "%A %U:%G", path).strip()
