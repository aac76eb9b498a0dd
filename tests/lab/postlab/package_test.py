"""What an administrator does with the packages, step by step, in a clean root."""

import argparse
import json
import shutil
import socket
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

from . import clean_root, logs, report, space
from .product import Syslog
from .units import Unit

TOP = Path(__file__).resolve().parents[3]
OLDER = "0.0.9"
SOCKETS = ("postern.socket", "postern-lmtp.socket", "postern-postfix-map.socket")
DIGEST = "00" * 32
STORE = "/var/lib/postern/private/author.db"
KEPT = "/var/backups/postern-author.db"

# What is where, whose it is, and who may do what with it, after the first start.
RIGHTS = {
    "/etc/postern/postern.conf": "-rw-r--r-- root:root",
    "/run/postern": "drwxr-xr-x postern:postern",
    "/run/postern/pipe": "srw-rw-rw- postern:postern",
    "/run/postern/query": "srw-rw-rw- postern:postern",
    "/usr/bin/pin-admin": "-rwxr-xr-x root:root",
    "/usr/libexec/postern/postern-transport": "-rwxr-xr-x root:root",
    "/usr/sbin/posternd": "-rwxr-xr-x root:root",
    "/var/lib/postern": "drwxr-xr-x root:root",
    "/var/lib/postern/policy.db": "-r--r----- root:postern",
    "/var/lib/postern/private": "drwx------ root:root",
    STORE: "-rw------- root:root",
    "/var/lib/postern/state": "drwxr-x--- postern:postern",
    "/var/lib/postern/state/state.db": "-rw------- postern:postern",
    "/var/spool/postern": "drwx------ postern:postern",
    "/var/spool/postfix/postern": "drwxr-x--- postern:postfix",
    "/var/spool/postfix/postern/lmtp": "srw-rw---- postern:postfix",
    "/var/spool/postfix/postern/map": "srw-rw---- postern:postfix",
}


def parse(arguments: list[str]) -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="tests/lab/packages",
                                      description="Tries the packages in a clean Debian.")
    options.add_argument("--packages", default=TOP / "build/packages", type=Path,
                         help="where scripts/package put them (default: %(default)s)")
    options.add_argument("--mta", default="postfix", choices=list(clean_root.ROOTS),
                         help="the mail server beside which they are installed (default: "
                         "%(default)s)")
    options.add_argument("--quiet", action="store_true", help="show failures only")
    return options.parse_args(arguments)


def prepare(options: argparse.Namespace) -> Path:
    return clean_root.prepare(options.packages, report.note, options.mta)


class Trial:
    """The root, the packages, and the tally of what held."""

    def __init__(self, options: argparse.Namespace):
        self.debs = clean_root.debs(options.packages, options.mta)
        self.root = clean_root.CleanRoot(space.prepared(), space.HOME)
        self.tally = report.Tally(options.quiet)
        self.syslog = Syslog(space.HOME / "syslog")
        self.unit = None

    def check(self, name: str, good, seen="") -> None:
        self.tally.check(name, bool(good), str(seen))

    def exists(self, path: str) -> bool:
        return self.root.file(path).exists()

    def older(self) -> list[Path]:
        """The same packages, as if they were an older version."""
        made = []
        for deb in self.debs:
            tree = space.HOME / f"older-{deb.name}"
            _run("dpkg-deb", "-R", str(deb), str(tree))
            control = tree / "DEBIAN/control"
            version = _run("dpkg-deb", "-f", str(deb), "Version").strip()
            control.write_text(control.read_text(encoding="utf-8").replace(version, OLDER),
                               encoding="utf-8")
            made.append(space.HOME / deb.name.replace(version, OLDER))
            _run("dpkg-deb", "-b", str(tree), str(made[-1]))
        return made

    def start(self, sockets) -> None:
        self.unit = Unit(self.root, sockets)
        self.unit.listen()
        before = self.unit.before()
        self.check("the policy is published before the start", before.returncode == 0,
                   before.stdout)
        self.unit.start(space.HOME / "posternd.log")
        self.until_ready(1)

    def until_ready(self, times: int) -> None:
        logs.until(lambda: sum("posternd" in line and " ready" in line
                               for line in self.syslog.log.lines()) >= times, 20,
                   "posternd is ready: " + "\n".join(self.syslog.log.lines()))


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def first_installation(trial: Trial) -> None:
    root = trial.root
    said = root.install(trial.older())
    trial.check("nothing is asked or complained of", "rror" not in said, said)
    lines = root.must("pin-admin", "policy", "list", "--lines")
    trial.check("the first store has the one line '* may'", lines.strip() == "* may", lines)
    trial.start(SOCKETS)
    for path, right in RIGHTS.items():
        done = root.run("stat", "-c", "%A %U:%G", path)
        trial.check(f"{path} is {right}", done.stdout.strip() == right, done.stdout)
    for user in ("postern", "postern-client"):
        entry = root.must("getent", "passwd", user).strip()
        trial.check(f"{user} can't log in", entry.endswith("nologin"), entry)
    listed = root.must("dpkg-query", "-W", "-f", "${Conffiles}", "postern")
    trial.check("postern.conf is a conffile", "/etc/postern/postern.conf" in listed, listed)
    for name, wanted in (("postern.service", "multi-user"), ("postern.socket", "sockets"),
                         ("postern-lmtp.socket", "sockets"),
                         ("postern-postfix-map.socket", "sockets")):
        link = root.file(f"/etc/systemd/system/{wanted}.target.wants/{name}")
        trial.check(f"{name} is enabled", link.is_symlink())


def hardening(trial: Trial) -> None:
    done = trial.root.run("systemd-analyze", "verify", "--man=no", "postern.service",
                          "postern.socket", "postern-lmtp.socket",
                          "postern-postfix-map.socket")
    trial.check("systemd reads the units without a warning",
                done.returncode == 0 and not done.stdout.strip(), done.stdout)
    # Tenths: 20 is 2.0.
    done = trial.root.run("systemd-analyze", "security", "--offline=true", "--threshold=20",
                          "--no-pager", "postern.service")
    trial.check("systemd-analyze security: under 2.0", done.returncode == 0, done.stdout)


def short_name(trial: Trial) -> None:
    """A host without a full name: the service can't start, and the package says so."""
    root, full = trial.root, socket.gethostname()
    conf = root.file("/etc/postern/postern.conf")
    before = conf.read_text(encoding="utf-8")

    def configured() -> str:
        return root.must("/var/lib/dpkg/info/postern.postinst", "configure", OLDER)
    trial.check("with a full name nothing is said of it", "helo-name" not in configured())
    try:
        socket.sethostname("gatehouse")
        said = configured()
        trial.check("a host without a full name is told to set helo-name",
                    "'gatehouse'" in said and "helo-name = " in said, said)
        conf.write_text(before + "helo-name = mail.sender.test\n", encoding="utf-8")
        trial.check("and not once it is set", "helo-name" not in configured())
    finally:
        conf.write_text(before, encoding="utf-8")
        socket.sethostname(full)


def upgrade(trial: Trial) -> None:
    root = trial.root
    root.must("pin-admin", "policy", "set", "bank.test", "fingerprint")
    root.must("pin-admin", "pin", "add", "bank.test", "--digest", DIGEST)
    conf = root.file("/etc/postern/postern.conf")
    conf.write_text(conf.read_text(encoding="utf-8") + "helo-name = mta.sender.test\n",
                    encoding="utf-8")
    ended = trial.unit.stop()
    trial.check("posternd ends cleanly", ended == 0, ended)
    older_state(root.file("/var/lib/postern/state/state.db"))
    _chown_as(root, "/var/lib/postern/state/state.db", "postern")
    root.file("/var/lib/postern/policy.db").unlink()

    said = root.install(trial.debs)
    trial.check("the upgrade asks nothing", "onfiguration file" not in said, said)
    trial.check("changed settings are kept", "helo-name = mta.sender.test" in
                conf.read_text(encoding="utf-8"))
    trial.check("lines and pins are kept",
                "bank.test fingerprint" in root.must("pin-admin", "policy", "list", "--lines"))
    trial.check("the policy is published again", trial.exists("/var/lib/postern/policy.db"))
    trial.unit.start(space.HOME / "posternd.log")
    trial.until_ready(2)
    state_file = root.file("/var/lib/postern/state/state.db")
    with closing(sqlite3.connect(f"file:{state_file}?mode=ro", uri=True)) as state:
        kept = state.execute("SELECT count(*) FROM verdicts").fetchone()[0]
    trial.check("records of the oldest version are kept", kept == 1, kept)
    wrong = [line for line in trial.syslog.log.lines() if "not kept" in line]
    trial.check("the state store is migrated", not wrong, "\n".join(wrong))
    asked = json.loads(root.run("pin-admin", "explain", "bank.test", "--json").stdout)
    trial.check("the service answers at its old socket", asked["answered_by"] == "service",
                asked)


def older_state(path: Path) -> None:
    """A state store as version 1 made it, with one record in it."""
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    script = (Path(__file__).parent / "state-version-1.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(path)) as state:
        state.executescript(script)
    path.chmod(0o600)


def _chown_as(root: clean_root.CleanRoot, path: str, user: str) -> None:
    root.must("chown", f"{user}:{user}", path)


def newer_store(trial: Trial) -> None:
    """A store that a newer Postern wrote: nothing is made weaker, nothing is lost."""
    root = trial.root
    path = root.file(STORE)
    with closing(sqlite3.connect(path)) as store:
        version = store.execute("PRAGMA user_version").fetchone()[0]
        store.execute("PRAGMA user_version=99")
    said = root.must("dpkg-reconfigure", "-fnoninteractive", "postern") + root.run(
        "pin-admin", "publish").stdout
    trial.check("a newer store is refused, and says so", "newer Postern" in said, said)
    with closing(sqlite3.connect(path)) as store:
        store.execute(f"PRAGMA user_version={version}")
    root.must("pin-admin", "publish")


def removal(trial: Trial) -> None:
    root = trial.root
    master = root.file("/etc/postfix/master.cf")
    before = master.read_text(encoding="utf-8")
    lines = root.must("pin-admin", "config", "postfix", "--json")
    master.write_text(before + json.loads(lines)["master_cf"], encoding="utf-8")
    for packages in (["postern-postfix"], ["postern", "postern-postfix"], ["postfix"]):
        done = root.run("dpkg", "-r", *packages)
        trial.check(f"removing {' '.join(packages)} is refused while master.cf names it",
                    done.returncode != 0 and
                    trial.exists("/usr/libexec/postern/postern-transport") and
                    trial.exists("/usr/sbin/posternd"), done.stdout)
    done = root.run("dpkg", "-r", "postern-postfix")
    trial.check("the refusal says what to do", "postfix reload" in done.stdout and
                "bounce" in done.stdout, done.stdout)
    status = root.must("dpkg-query", "-W", "-f", "${Status}", "postern-postfix")
    trial.check("and the package is as it was", status == "install ok installed" or
                status == "deinstall ok installed", status)
    master.write_text(before + "postern-lmtp unix - - y - 100 lmtp\n", encoding="utf-8")
    done = root.run("dpkg", "-r", "postern-postfix")
    trial.check("removing it is refused while lmtp(8) uses it", done.returncode != 0 and
                "postfix reload" in done.stdout, done.stdout)
    # A comment that speaks of it is no use of it.
    master.write_text(before + "# argv=/usr/libexec/postern/postern-transport\n#postern-lmtp unix\n",
                      encoding="utf-8")
    done = root.run("dpkg", "-r", "postern-postfix", "postern")
    trial.check("it goes once master.cf is clean", done.returncode == 0 and
                not trial.exists("/usr/libexec/postern/postern-transport"), done.stdout)
    trial.check("and says that the policies stay", "stay in" in done.stdout and
                trial.exists(STORE), done.stdout)
    root.install(trial.debs)
    trial.check("installed again, the policies hold as before", "bank.test fingerprint" in
                root.must("pin-admin", "policy", "list", "--lines"))


def purge(trial: Trial) -> None:
    root = trial.root
    trial.unit.stop()
    store = root.file(STORE).read_bytes()
    said = root.must("dpkg", "--purge", "postern-postfix", "postern")
    for path in ("/etc/postern", "/var/lib/postern", "/var/spool/postern", "/run/postern",
                 "/var/spool/postfix/postern"):
        trial.check(f"purged: {path}", not trial.exists(path))
    kept = root.file(KEPT)
    trial.check("purge keeps policies and pins aside, and says where",
                KEPT in said and kept.exists() and kept.read_bytes() == store and
                kept.stat().st_mode & 0o777 == 0o600, said)
    kept.unlink()


def steps(mta: str) -> tuple:
    if mta == "sendmail":
        from . import sendmail_package_test  # pylint: disable=C0415
        return sendmail_package_test.STEPS
    if mta == "exim":
        from . import exim_package_test  # pylint: disable=C0415
        return exim_package_test.STEPS
    return first_installation, hardening, short_name, upgrade, newer_store, removal, purge


def main(options: argparse.Namespace) -> int:
    begun = time.monotonic()
    trial = Trial(options)
    for step in steps(options.mta):
        report.note(step.__name__.replace("_", " "))
        try:
            step(trial)
        except Exception as error:  # pylint: disable=broad-except
            trial.tally.add(step.__name__, f"{type(error).__name__}: {error}")
            break
    shutil.rmtree(space.HOME / "root-layer", ignore_errors=True)
    return trial.tally.close("packages", time.monotonic() - begun)
