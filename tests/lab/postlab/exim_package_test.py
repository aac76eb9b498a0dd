"""What an administrator does with postern-exim beside exim4-daemon-heavy, in a clean root.

Exim runs there as Debian configures it, with the split configuration; its mail goes to
a server of the test's own, which writes down what it is told.
"""

import json
import socket
import ssl
import threading

from . import space
from .pki import Pki

LIBRARY = "/usr/libexec/postern/postern-exim.so"
SOCKETS = ("postern.socket", "postern-exim.socket")
PARTS = {"macros": "main/00_postern", "routers": "router/180_postern",
         "transports": "transport/30_postern", "retry": "retry/20_postern"}
SERVER = "198.18.9.9"
LENIENT, STRICT = "town.test", "bank.test"


class Server:
    """An SMTP server whose certificate nobody has pinned."""

    def __init__(self):
        chain = Pki(space.HOME / "pki").chain("self-signed", ["mx.test"], "server")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(chain.file, chain.key_file)
        self.commands: list[str] = []
        self.messages = 0
        self.socket = socket.create_server((SERVER, 25))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self.socket.accept()
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        client.sendall(b"220 mx.test ESMTP\r\n")
        try:
            if self._talk(client, b"250-mx.test\r\n250 STARTTLS\r\n"):
                with self.context.wrap_socket(client, server_side=True) as encrypted:
                    self._talk(encrypted, b"250 mx.test\r\n")
        except OSError:
            pass
        finally:
            client.close()

    def _talk(self, client: socket.socket, hello: bytes) -> bool:
        """Until STARTTLS (true) or the end."""
        # Unbuffered: what follows STARTTLS is the handshake's.
        with client.makefile("rb", buffering=0) as lines:
            for line in lines:
                verb = line.split()[0].upper().decode()
                self.commands.append(line.decode().strip())
                if verb == "STARTTLS":
                    client.sendall(b"220 go ahead\r\n")
                    return True
                if verb == "DATA":
                    client.sendall(b"354 go ahead\r\n")
                    while lines.readline() not in (b".\r\n", b""):
                        pass
                    self.messages += 1
                client.sendall({"EHLO": hello, "QUIT": b"221 bye\r\n"}.get(verb, b"250 ok\r\n"))
        return False

    def told(self) -> list[str]:
        """What it has learnt of a message."""
        return [c for c in self.commands if c.upper().startswith(("MAIL", "RCPT", "DATA"))]


class Exim:
    """Debian's, in the root."""

    def __init__(self, trial):
        self.trial, self.root = trial, trial.root

    def send(self, domain: str) -> str:
        """One message, tried at once; what the main log then has new."""
        return self._logged("/bin/sh", "-c", "printf 'Subject: x\\n\\nx\\n' | exim4 -odf -oi "
                            f"-f sender@sender.test someone@{domain}")

    def run_queue(self) -> str:
        return self._logged("exim4", "-qff")

    def _logged(self, *command) -> str:
        log = self.root.file("/var/log/exim4/mainlog")
        before = log.stat().st_size if log.exists() else 0
        self.root.run(*command)
        return log.read_text(encoding="utf-8", errors="replace")[before:] if log.exists() else ""

    def queued(self) -> int:
        return int(self.root.must("exim4", "-bpc"))


def installation(trial) -> None:
    root = trial.root
    said = root.install(trial.debs)
    trial.check("nothing is asked or complained of", "rror" not in said, said)
    trial.start(SOCKETS)
    for path, right in ((LIBRARY, "-rwxr-xr-x root:root"),
                        ("/run/postern/exim", "srw-rw-rw- postern:postern")):
        owner = root.owner(path)
        trial.check(f"{path} is {right}", owner == right, owner)
    done = root.run("systemd-analyze", "verify", "--man=no", "postern-exim.socket")
    trial.check("systemd reads the socket's unit without a warning",
                done.returncode == 0 and not done.stdout.strip(), done.stdout)
    link = root.file("/etc/systemd/system/sockets.target.wants/postern-exim.socket")
    trial.check("postern-exim.socket is enabled", link.is_symlink())
    for domain, level in ((LENIENT, "may"), (STRICT, "fingerprint")):
        root.must("pin-admin", "policy", "set", domain, level, f"route=[{SERVER}]")
    root.must("pin-admin", "pin", "add", STRICT, "--digest", "00" * 32)


def configuration(trial) -> None:
    """`pin-admin config exim` as Debian's split configuration has it."""
    root = trial.root
    settings = root.file("/etc/exim4/update-exim4.conf.conf")
    settings.write_text(settings.read_text(encoding="utf-8").replace(
        "dc_use_split_config='false'", "dc_use_split_config='true'"), encoding="utf-8")
    printed = root.must("pin-admin", "config", "exim")
    for part, text in json.loads(root.must("pin-admin", "config", "exim", "--json")).items():
        if part not in PARTS:
            continue
        trial.check(f"where {part} go is printed", f"/etc/exim4/conf.d/{PARTS[part]}" in printed,
                    printed)
        root.file(f"/etc/exim4/conf.d/{PARTS[part]}").write_text(text, encoding="utf-8")
    done = root.run("update-exim4.conf")
    trial.check("update-exim4.conf takes it", done.returncode == 0 and not done.stdout.strip(),
                done.stdout)
    done = root.run("exim4", "-bV")
    trial.check("exim -bV accepts it", done.returncode == 0, done.stdout)
    asked = root.command("exim4", "-be", f"${{dlfunc{{{LIBRARY}}}{{plan}}{{{LENIENT}}}{{}}{{}}}}",
                         user="Debian-exim")
    done = root.run_line(asked)
    trial.check("the library loads, and answers, for Debian-exim",
                done.stdout.startswith("plan="), done.stdout)
    routed = root.run("exim4", "-bt", f"someone@{STRICT}").stdout
    trial.check("exim -bt goes by Postern's router and transport",
                "router = postern, transport = postern_smtp" in routed, routed)
    doctor = root.run("pin-admin", "doctor", "--exim-program", "/usr/sbin/exim4", "--no-dns",
                      "--json").stdout
    found = [f for f in json.loads(doctor)["findings"] if f["code"].startswith("exim-")]
    trial.check("doctor finds nothing wrong with it", not found, found)


def mail(trial) -> None:
    trial.server, exim = Server(), Exim(trial)
    log = exim.send(STRICT)
    trial.check("what its line refuses waits, and says why",
                "postern: refused: 4.7.5 pin-mismatch" in log and " == " in log, log)
    trial.check("the server is told nothing of it", trial.server.commands
                and not trial.server.told(), trial.server.commands)
    log = exim.send(LENIENT)
    trial.check("what its line allows is delivered", " => " in log and
                trial.server.messages == 1, log)


def removal(trial) -> None:
    """With the configuration naming the library: mail waits, and nothing else."""
    root, server, exim = trial.root, trial.server, Exim(trial)
    for packages in (["postern-exim"], ["postern"]):
        if packages == ["postern"]:
            trial.unit.stop()
        done = root.run("dpkg", "-r", *packages)
        trial.check(f"{packages[0]} can be removed", done.returncode == 0, done.stdout)
        if packages == ["postern-exim"]:
            trial.check("its removal says that Exim's mail waits", "waits" in done.stdout,
                        done.stdout)
        server.commands.clear()
        before = exim.queued()
        log = exim.send(LENIENT) + exim.run_queue()
        trial.check(f"without {packages[0]} mail waits",
                    " == " in log and not any(m in log for m in (" => ", " ** ", "<= <>")), log)
        trial.check("none is lost", exim.queued() == before + 1, exim.queued())
        trial.check("no server is asked", not server.commands, server.commands)
    done = root.run("exim4", "-bV")
    trial.check("Exim still runs", done.returncode == 0, done.stdout)
    root.install(trial.debs)
    trial.start(SOCKETS)
    sent, waiting = server.messages, exim.queued()
    log = exim.run_queue()
    trial.check("installed again, what waited goes, once", server.messages == sent + 2
                and exim.queued() == waiting - 2, log)
    trial.check("and what was refused is refused", "pin-mismatch" in log, log)


def purge(trial) -> None:
    root = trial.root
    for place in PARTS.values():
        root.file(f"/etc/exim4/conf.d/{place}").unlink()
    root.must("update-exim4.conf")
    trial.unit.stop()
    said = root.must("dpkg", "--purge", "postern-exim", "postern")
    trial.check("with the lines gone nothing is said of Exim", "waits" not in said, said)
    for path in ("/etc/postern", "/var/lib/postern", "/run/postern", "/usr/libexec/postern",
                 "/lib/systemd/system/postern-exim.socket",
                 "/etc/systemd/system/sockets.target.wants/postern-exim.socket"):
        trial.check(f"purged: {path}", not trial.exists(path))
    done = root.run("exim4", "-bV")
    trial.check("Exim's configuration is as before", done.returncode == 0 and
                "postern" not in root.must("exim4", "-bP", "router_list"), done.stdout)


STEPS = (installation, configuration, mail, removal, purge)
