"""What an administrator does with postern-sendmail beside Debian's Sendmail, in a clean root.

Sendmail runs there with Debian's sendmail.mc and the lines that pin-admin prints; its mail
goes to the scripted server, whose record is the witness.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from . import logs, messages, space, units
from .dns import Tree
from .pki import Pki
from .smtp_submit import SubmitError, Submitter

SOCKETS = ("postern.socket", "postern-sendmail.socket")
UNITS = "lib/systemd/system"
SERVER = "198.18.9.10"
LENIENT, STRICT = "town.test", "bank.test"
MC, CF = "/etc/mail/sendmail.mc", "/etc/mail/sendmail.cf"
MILTER = "/run/postern-milter/socket"
# The machine's load is no reason not to take mail.
AROUND = ("define(`confQUEUE_LA', `1000')dnl\ndefine(`confREFUSE_LA', `1000')dnl\n"
          "FEATURE(`mailertable', `hash -o /etc/mail/mailertable')dnl\n")


class Server:
    """The scripted one, with a certificate that nobody has pinned."""

    def __init__(self):
        chain = Pki(space.HOME / "pki").chain("self-signed", ["mx.test"], "server")
        self.events = logs.LineLog(space.HOME / "server-events.jsonl")
        spec = space.HOME / "server.json"
        raw = space.HOME / "server-messages"
        raw.mkdir()
        spec.write_text(json.dumps({
            "events": str(self.events.path), "messages": str(raw), "release": str(raw),
            "receivers": [{"name": "server", "host": "mx.test", "ip": SERVER, "port": 25,
                           "wrapper": False, "script": {}, "chain": str(chain.file),
                           "key": str(chain.key_file)}]}), encoding="utf-8")
        self.process = subprocess.Popen(  # pylint: disable=R1732
            [sys.executable, str(Path(__file__).with_name("hostile.py")), str(spec)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        if self.process.stdout.readline().strip() != b"ready":
            raise RuntimeError("the scripted server did not start")

    def told(self, domain: str) -> list[str]:
        """The commands that name an address there."""
        events = [json.loads(line) for line in self.events.lines()]
        return [e["line"] for e in events if f"@{domain}>" in e.get("line", "").lower()]

    def messages(self) -> int:
        return sum('"message"' in line for line in self.events.lines())


class Machine:
    """Debian's Sendmail in the root, and the milter's unit."""

    def __init__(self, trial):
        self.trial, self.root = trial, trial.root
        self.server = Server()
        self.plain = self.root.file(MC).read_text(encoding="utf-8")
        self.daemon = self.milter = None

    def configure(self, parts: dict) -> None:
        """As the quickstart says; m4 as /etc/mail/Makefile calls it."""
        before = AROUND + parts["before"]
        at = self.plain.index("MAILER(`local')") if "MAILER(`local')" in self.plain else \
            self.plain.index("MAILER_DEFINITIONS")
        self.root.file(MC).write_text(self.plain[:at] + before + self.plain[at:]
                                      + parts["after"], encoding="utf-8")
        table = "".join(f"{domain}\tesmtp:[{SERVER}]\n" for domain in (LENIENT, STRICT))
        self.root.file("/etc/mail/mailertable").write_text(table, encoding="ascii")
        self.root.must("/bin/sh", "-c", "cd /etc/mail && makemap hash mailertable < mailertable"
                       f" && m4 sendmail.mc > sendmail.cf && chmod 644 {CF}")

    def start(self) -> None:
        self.daemon = subprocess.Popen(  # pylint: disable=R1732
            self.root.command("/usr/sbin/sendmail-mta", "-bD", "-odb"),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            logs.until(self._answers, 60, "Sendmail answers")
        except logs.Timeout as error:
            raise logs.Timeout(f"{error}\n" + "\n".join(self.lines("")[-15:])) from error

    def _answers(self) -> bool:
        try:
            Submitter("127.0.0.1", 25).close()
        except (OSError, SubmitError):
            return False
        return True

    def stop(self) -> None:
        self.daemon.terminate()
        self.daemon.wait(30)

    def start_milter(self) -> None:
        """As its unit says: user, directory, command line."""
        unit = units.read(self.root.path / UNITS / "postern-milter.service")
        user = unit["Service.User"][-1]
        directory = self.root.file("/run/" + unit["Service.RuntimeDirectory"][-1])
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(mode=0o755)
        self.root.must("chown", f"{user}:{user}", "/run/" + directory.name)
        self.milter = subprocess.Popen(  # pylint: disable=R1732
            self.root.command(*unit["Service.ExecStart"][-1].split(), user=user),
            stdin=subprocess.DEVNULL)
        logs.until(self.root.file(MILTER).exists, 20, "the milter listens")

    def stop_milter(self) -> int:
        self.milter.terminate()
        return self.milter.wait(30)

    def submit(self, domain: str) -> str:
        """By SMTP; what was said against it."""
        connection = Submitter("127.0.0.1", 25)
        try:
            connection.submit(messages.compose("sender@sender.test", f"someone@{domain}", "plain"))
        except SubmitError as error:
            return str(error)
        finally:
            connection.close()
        return ""

    def hand_in(self, domain: str) -> None:
        """By the command line, which no milter sees."""
        self.root.run("/bin/sh", "-c", "printf 'Subject: x\\n\\nx\\n' | sendmail-mta -Am -odi "
                      f"-oi -f sender@sender.test someone@{domain}")

    def run_queue(self) -> None:
        self.root.run("/usr/sbin/sendmail-mta", "-qf")

    def wait_less(self) -> None:
        """Each question to a map that hangs takes thirty seconds; five prove the same."""
        file = self.root.file(CF)
        text = file.read_text(encoding="utf-8")
        if " -d30 " not in text:
            raise ValueError(f"{CF}: no -d30")
        file.write_text(text.replace(" -d30 ", " -d5 "), encoding="utf-8")

    def queued(self) -> int:
        return len(list(self.root.file("/var/spool/mqueue").rglob("qf*")))

    def lines(self, words: str) -> list[str]:
        return [x for x in self.trial.syslog.log.lines() if "sendmail" in x and words in x]


def installation(trial) -> None:
    root = trial.root
    said = root.install(trial.debs)
    trial.check("nothing is asked or complained of", "rror" not in said, said)
    trial.start(SOCKETS)
    for path, right in (("/usr/sbin/postern-milter", "-rwxr-xr-x root:root"),
                        ("/run/postern/sendmail", "srw-rw-rw- postern:postern"),
                        ("/run/postern/sendmail-map", "srw-rw-rw- postern:postern")):
        owner = root.owner(path)
        trial.check(f"{path} is {right}", owner == right, owner)
    done = root.run("systemd-analyze", "verify", "--man=no", "postern-sendmail.socket",
                    "postern-milter.service")
    trial.check("systemd reads the units without a warning",
                done.returncode == 0 and not done.stdout.strip(), done.stdout)
    done = root.run("systemd-analyze", "security", "--offline=true", "--threshold=20",
                    "--no-pager", "postern-milter.service")
    trial.check("systemd-analyze security of the milter: under 2.0", done.returncode == 0,
                done.stdout)
    for name, wanted in (("postern-sendmail.socket", "sockets"),
                         ("postern-milter.service", "multi-user")):
        link = root.file(f"/etc/systemd/system/{wanted}.target.wants/{name}")
        trial.check(f"{name} is enabled", link.is_symlink())
    for domain, level in ((LENIENT, "may"), (STRICT, "fingerprint")):
        root.must("pin-admin", "policy", "set", domain, level, f"route=[{SERVER}]")
    root.must("pin-admin", "pin", "add", STRICT, "--digest", "00" * 32)


def publish() -> None:
    """Sendmail asks DNS about every address that it is given."""
    tree = Tree(space.HOME / "dns")
    tree.address("mta.sender.test", space.SENDER_IP)
    for domain in (LENIENT, STRICT, "sender.test"):
        tree.mx(domain, 10, "mx.sender.test")
    tree.address("mx.sender.test", SERVER)
    tree.start()


def configuration(trial) -> None:
    root = trial.root
    publish()
    trial.machine = machine = Machine(trial)
    done = root.run("pin-admin", "config", "sendmail", "--json")
    machine.configure(json.loads(done.stdout))
    machine.start_milter()
    machine.start()
    done = root.run("pin-admin", "doctor", "--no-dns", "--sendmail-config", CF, "--json")
    found = [f for f in json.loads(done.stdout)["findings"] if f["code"].startswith("sendmail-")]
    trial.check("doctor finds nothing wrong with Debian's sendmail.cf", not found, found)
    owner = root.owner(MILTER)
    trial.check("the milter's socket is its own", "postern-client:postern-client" in owner, owner)
    ids = Path(f"/proc/{machine.milter.pid}/status").read_text(encoding="ascii")
    wanted = str(root.user("postern-client")[0])
    trial.check("the milter runs as postern-client", f"Uid:\t{wanted}\t{wanted}" in ids, ids)


def mail(trial) -> None:
    machine, server = trial.machine, trial.machine.server
    said = machine.submit(LENIENT)
    trial.check("mail for a lenient destination is taken", not said, said)
    arrives(trial, 1)
    said = machine.submit(STRICT)
    trial.check("a refused destination is 451 at RCPT, with its reason",
                said.startswith("451 ") and "pin-mismatch" in said, said)
    machine.hand_in(STRICT)
    trial.check("what no milter sees waits", machine.queued() == 1, machine.queued())
    trial.check("and the server was not told of it", not server.told(STRICT),
                server.told(STRICT))


def arrives(trial, count: int) -> None:
    server = trial.machine.server
    try:
        logs.until(lambda: server.messages() >= count, 20, f"{count} messages")
    except logs.Timeout as error:
        trial.check(f"message {count} arrives", False, f"{error}\n" + "\n".join(
            trial.machine.lines("")[-15:]))


def removal(trial) -> None:
    """In the wrong order: sendmail.cf still names what goes."""
    root, machine, server = trial.root, trial.machine, trial.machine.server
    done = root.run("dpkg", "-r", "postern-sendmail")
    trial.check("postern-sendmail goes", done.returncode == 0 and
                not trial.exists("/usr/sbin/postern-milter"), done.stdout)
    # What `deb-systemd-invoke stop` in its prerm does.
    trial.check("the milter ends cleanly", machine.stop_milter() == 0)
    said = machine.submit(LENIENT)
    trial.check("without the milter it is 451 for everybody", said.startswith("451 "), said)
    machine.hand_in(LENIENT)
    arrives(trial, 2)
    trial.unit.stop()
    done = root.run("dpkg", "-r", "postern")
    trial.check("postern goes", done.returncode == 0 and
                not trial.exists("/usr/sbin/posternd"), done.stdout)
    machine.wait_less()
    for domain in (LENIENT, STRICT):
        machine.hand_in(domain)
    machine.run_queue()
    trial.check("without the service mail waits, lenient or strict", machine.queued() == 3,
                machine.lines("stat=")[-6:])
    trial.check("nothing has left", server.messages() == 2 and not server.told(STRICT),
                server.told(STRICT))
    bounced = machine.lines("dsn=5")
    trial.check("nothing was bounced", not bounced, bounced)


def return_of_the_package(trial) -> None:
    root, machine = trial.root, trial.machine
    root.install(trial.debs)
    trial.check("installed again, the policies hold as before", f"{STRICT} fingerprint" in
                root.must("pin-admin", "policy", "list", "--lines"))
    trial.start(SOCKETS)
    machine.run_queue()
    arrives(trial, 3)
    trial.check("the lenient mail has gone, the strict waits", machine.queued() == 2 and
                not machine.server.told(STRICT), machine.lines("stat=")[-6:])


def purge(trial) -> None:
    """Away with it, as the quickstart says: the lines first."""
    root, machine = trial.root, trial.machine
    machine.stop()
    machine.configure({"before": "", "after": ""})
    trial.unit.stop()
    said = root.must("dpkg", "--purge", "postern-sendmail", "postern")
    for path in ("/etc/postern", "/var/lib/postern", "/run/postern",
                 "/etc/systemd/system/multi-user.target.wants/postern-milter.service"):
        trial.check(f"purged: {path}", not trial.exists(path))
    trial.check("purge says where policies and pins are kept", "/var/backups/" in said, said)
    machine.run_queue()
    arrives(trial, 5)
    trial.check("without it Sendmail sends as it did before", machine.queued() == 0,
                machine.lines("stat=")[-6:])


STEPS = (installation, configuration, mail, removal, return_of_the_package, purge)
