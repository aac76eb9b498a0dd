"""Postfix's own smtp(8), chrooted, asking the policy map: the sender under test."""

import shutil
from dataclasses import replace
from pathlib import Path

from ..judge import Outcome
from ..milter_trap import SOCKET
from ..scenarios import Expect, is_absent
from .postfix_pipe import PostfixPipe, Transport

# What `pin-admin config postfix --maps` prints.
OPTIONS = {"smtp_tls_policy_maps": "socketmap:unix:postern/map:policy",
           "smtp_tls_fingerprint_digest": "sha256",
           "smtp_tls_security_level": "encrypt",
           "smtp_dns_support_level": "dnssec",
           "smtp_connection_cache_on_demand": "no",
           "smtp_connection_cache_destinations": "",
           "smtp_fallback_relay": ""}
# What smtp(8) needs of the system below its root.
FILTERED = 2533                    # where smtpd(8) asks postern-milter
CHROOTED = ("resolv.conf", "hosts", "services", "nsswitch.conf", "host.conf")
SMTPD = (f"127.0.0.1:{FILTERED} inet n - n - - smtpd\n"
         f"  -o smtpd_milters=unix:{SOCKET}\n  -o milter_default_action=tempfail\n")


class PostfixMap(PostfixPipe):
    """What smtp(8) says of a refusal are its own words."""

    door = "map"
    copies_for_two = 1
    filtered = FILTERED
    logs_in = False  # but as main.cf says

    def service_settings(self) -> dict:
        return {"door-postfix-map": self.below_queue("map"), "sendmail-map-users": "root"}

    def policy_line(self, scenario, line: str) -> str:
        """smtp(8) takes a bare common name, so a line has to allow one to be told to it."""
        names = {"verify", "secure", "floor=verify", "floor=secure"} & set(line.split())
        common_name_matters = any(r.cert == "cn-only" for r in scenario.receivers)
        if not names or common_name_matters or "cn=" in line:
            return line
        return f"{line} cn=no-san"

    def can(self, scenario) -> bool:
        return super().can(scenario) and not is_absent(scenario, "postfix-map")

    def as_told(self, expect: Expect) -> Expect:
        """Without what only Postern says: its reasons, its codes, its audit line."""
        return replace(expect, status="", reason="", text=[], audit=[], unaudited=True,
                       fetched=-1)

    def asks(self, questions):
        return [q for q in questions if q.command.startswith("explain {domain}")]

    def start(self) -> None:
        etc = self.postfix.queue / "etc"
        etc.mkdir(exist_ok=True)
        for name in CHROOTED:
            if Path("/etc", name).exists():
                shutil.copy(Path("/etc", name), etc / name)
        super().start()

    def _limits(self, transport: Transport) -> dict:
        limits = {"destination_concurrency_limit": 100, "initial_destination_concurrency": 100}
        if transport.persistent:
            limits["destination_concurrency_failed_cohort_limit"] = 0
        return limits

    def _service(self, transport: Transport) -> str:
        options = dict(OPTIONS)
        if transport.door:
            options["smtp_tls_policy_maps"] = f"socketmap:unix:{transport.door}:policy"
        options |= dict(word.split("=", 1) for word in transport.options.split())
        # Servers that hang have to be done with in the scenarios' time.
        options |= {"inet_protocols": "all", "smtp_starttls_timeout": "20s"}
        chroot = "n" if transport.door else "y"
        return (f"{transport.name} unix - - {chroot} - - smtp\n"
                + "".join(f"  -o {key}={value}\n" for key, value in options.items())
                + ("" if transport.door else SMTPD))

    def advised(self) -> list[str]:
        return [f"{key} = {value}".rstrip() for key, value in OPTIONS.items()]

    def printed(self, admin) -> str:
        return admin.run("config", "postfix", "--maps", "--queue-directory",
                         str(self.postfix.queue)).stdout

    def results(self, queue_id: str) -> dict[str, Outcome]:
        raise NotImplementedError("rows 22 and 23 are about Postern's own deliveries")
