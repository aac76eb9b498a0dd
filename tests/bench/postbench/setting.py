"""One sender, one receiver, and the ways from the one to the other.

The receiver is a real Postfix that presents a self-signed certificate, whose key
the sender's side has pinned. It throws away what it took.
"""

import subprocess
from pathlib import Path
from types import SimpleNamespace

from postlab import product, space
from postlab.adapters.postfix_lmtp import OPTIONS as LMTP_OPTIONS
from postlab.adapters.postfix_pipe import ARGUMENTS
from postlab.dns import Tree
from postlab.pki import Pki, spki_sha256
from postlab.postfix import Postfix
from postlab.smtp_submit import Submitter

HOST, ADDRESS = "mx.bench.test", "198.18.9.1"
PORT = 2525
WAYS = {"postern": "pipe(8), postern-transport, posternd",
        "lmtp": "lmtp(8), posternd",
        "direct": "smtp(8), level fingerprint",
        "reuse": "smtp(8), the same, its own reuse (tlsproxy)",
        "nothing": "pipe(8), a program that does nothing"}


def domain(way: str) -> str:
    return f"{way}.bench.test"


class Setting:
    """start() brings everything up; load(way, n), flush(), then watch the logs."""

    def __init__(self, build: Path, limit: int, home: Path = space.HOME, kept: int | None = None):
        self.kept = kept
        self.home, self.limit = home, limit
        self.pki, self.tree = Pki(home / "pki"), Tree(home / "dns")
        self.programs = product.install(build, home / "bin")
        self.programs["nothing"] = self._compile_nothing()
        self.chain = self.pki.chain("self-signed", [HOST], "bench")
        self.pin = spki_sha256(self.chain.leaf)
        self.syslog = product.Syslog(home / "syslog")
        self.sender = Postfix(home / "sender", "postfix")
        self.receiver = Postfix(home / "receiver", "receiver")
        self.service = self._service()
        self._serial = 0

    def _compile_nothing(self) -> Path:
        made = self.home / "bin" / "nothing"
        source = Path(__file__).resolve().parents[1] / "nothing.c"
        subprocess.run(["cc", "-O2", "-static", "-o", str(made), str(source)], check=True)
        return made

    def _service(self) -> product.Service:
        author = self.home / "private" / "author.db"
        author.parent.mkdir(mode=0o700)
        lines = product.settings(SimpleNamespace(tree=self.tree, pki=self.pki))
        lines["worker-threads"] = str(max(32, self.limit + 4))
        lines["lmtp-connections"] = lines["worker-threads"]
        if self.kept is not None:
            lines["kept-connections"] = str(self.kept)
        lines |= self._service_lines()
        return product.Service("bench", self.home / "postern", self.programs, author, lines)

    def _service_lines(self) -> dict:
        """More lines of postern.conf."""
        return {}

    def start(self) -> None:
        self.tree.address("mta.sender.test", space.SENDER_IP)
        self.tree.address(HOST, ADDRESS)
        self.tree.pointer(ADDRESS, HOST)
        for way in WAYS:
            self.tree.mx(domain(way), 10, HOST)
        self.tree.start()
        self._start_receiver()
        self._start_service()
        self._start_sender()

    def _start_receiver(self) -> None:
        self.receiver.configure({
            "myhostname": HOST, "mydestination": "",
            "smtpd_relay_restrictions":
                "check_recipient_access static:DISCARD, permit_mynetworks, reject",
            "smtpd_tls_security_level": "may",
            "smtpd_tls_cert_file": str(self.chain.file),
            "smtpd_tls_key_file": str(self.chain.key_file),
            "smtpd_tls_session_cache_database": "",
            "max_use": "1000000", "max_idle": "1h",
        }, f"{ADDRESS}:25 inet n - n - - smtpd\n")
        self.receiver.start()

    def _start_service(self) -> None:
        admin = product.Admin(self.programs, self.service.config)
        admin.must("init")
        policy = self.home / "policy.txt"
        ours = ("postern", "lmtp")
        policy.write_text("".join(f"{domain(way)} fingerprint\n" for way in ours) + "* may\n",
                          encoding="ascii")
        admin.must("policy", "apply", str(policy), "--yes")
        for way in ours:
            admin.must("pin", "add", domain(way), "--kind", "spki", "--role", "active",
                       "--label", "bench", "--digest", self.pin)
        self.service.start()

    def _start_sender(self) -> None:
        table, tls = self.home / "transport", self.home / "tls-policy"
        door = f"unix:{self.service.doors['lmtp']}"
        table.write_text("".join(f"{domain(way)} {way}:{door if way == 'lmtp' else ''}\n"
                                 for way in WAYS), encoding="ascii")
        match = ":".join(self.pin[i:i + 2] for i in range(0, len(self.pin), 2))
        tls.write_text("".join(f"{domain(way)} fingerprint match={match}\n"
                               for way in ("direct", "reuse")), encoding="ascii")
        settings = {
            "myhostname": "mta.sender.test", "mydestination": "",
            "transport_maps": f"texthash:{table}",
            # A message waits until flush(), whatever it waits for.
            "smtpd_relay_restrictions":
                "check_recipient_access static:HOLD, permit_mynetworks, reject",
            "queue_run_delay": "1h", "minimal_backoff_time": "1h",
            "smtp_tls_security_level": "fingerprint",
            "smtp_tls_fingerprint_digest": "sha256",
            "smtp_tls_policy_maps": f"texthash:{tls}",
            "smtp_connection_cache_on_demand": "no",
            "max_use": "1000000", "max_idle": "1h",
        }
        for way in WAYS:
            settings |= {f"{way}_destination_concurrency_limit": str(self.limit),
                         f"{way}_initial_destination_concurrency": str(self.limit),
                         f"{way}_destination_recipient_limit": "1"}
        client = f"{self.programs['postern-transport']} --socket {self.service.pipe}"
        pipe = ("{0} unix - n n - {1} pipe\n"
                "  flags=q. eol=\\r\\n null_sender= user=postern-client\n"
                "  argv={2} " + ARGUMENTS.replace("{", "{{").replace("}", "}}") + "\n")
        self.sender.configure(
            settings, f"127.0.0.1:{PORT} inet n - n - - smtpd\n"
            + pipe.format("postern", self.limit, client)
            + pipe.format("nothing", self.limit, self.programs["nothing"])
            + f"direct unix - - n - {self.limit} smtp\n"
            + f"reuse unix - - n - {self.limit} smtp\n"
              "  -o smtp_connection_cache_on_demand=yes -o smtp_tls_connection_reuse=yes\n"
              "tlsproxy unix - - n - 0 tlsproxy\n"
            + f"lmtp unix - - n - {self.limit} lmtp\n"
            + "".join(f"  -o {key}={value}\n" for key, value in LMTP_OPTIONS.items()))
        self.sender.start()

    def load(self, way: str, count: int) -> None:
        """Puts messages of 2 kB, each for an address of its own, into the sender's queue."""
        line = b"Two thousand octets of mail, give or take a few, in lines of this.\r\n"
        connection = Submitter("127.0.0.1", PORT)
        for _ in range(count):
            self._serial += 1
            content = (b"Subject: %d\r\n\r\n" % self._serial) + line * 29
            connection.submit(SimpleNamespace(
                sender="sender@sender.test", recipient=f"m{self._serial}@{domain(way)}",
                content=content, smtputf8=False))
        connection.close()
        # From "hold" to "deferred"; nothing looks there before flush().
        self.sender.command("postsuper", "-H", "ALL")

    def flush(self) -> None:
        self.sender.command("postqueue", "-f")

    def masters(self) -> tuple[int, int, int]:
        return self.sender.process.pid, self.receiver.process.pid, self.service.process.pid

    def trouble(self) -> list[str]:
        """What the mail servers complained of, for a failure's message."""
        return self.sender.trouble() + self.receiver.trouble()
