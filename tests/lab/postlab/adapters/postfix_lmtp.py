"""Postfix's lmtp(8), chrooted, at posternd's LMTP door: the sender under test."""

from ..scenarios import fill
from .postfix_pipe import PostfixPipe, Transport, find_process

# What `pin-admin config postfix` prints, but for the lab's process limit.
OPTIONS = {"lmtp_send_xforward_command": "yes", "lmtp_data_done_timeout": "3600s",
           "lmtp_connection_cache_on_demand": "no", "lmtp_line_length_limit": "0"}
PROCESSES = 100


class PostfixLmtp(PostfixPipe):
    """All destinations have one next hop: the door."""

    door = "lmtp"
    copies_for_two = 1

    def service_settings(self) -> dict:
        return {"door-lmtp": self.below_queue("lmtp")}

    def use(self, service) -> None:
        super().use(service)
        self.hops = {}  # its next hop is the door
        self.transports[0].recipient_limit = 50

    def policy_line(self, scenario, line: str) -> str:
        """Where the MTA would name another hop, the line has to."""
        if not scenario.hop or "route=" in line:
            return line
        return f"{line} route={fill(scenario.hop, scenario)}"

    def can(self, scenario) -> bool:
        return scenario.expect.reason != "route-not-allowed"

    def _hop(self, transport: Transport) -> str:
        return f"unix:{transport.door}" if transport.door else "unix:postern/lmtp"

    def _limits(self, transport: Transport) -> dict:
        limits = {"destination_recipient_limit": transport.recipient_limit}
        if transport.persistent:
            limits["destination_concurrency_failed_cohort_limit"] = 0
        if not transport.door:
            limits |= {"destination_concurrency_limit": PROCESSES,
                       "initial_destination_concurrency": PROCESSES}
        return limits

    def _service(self, transport: Transport) -> str:
        chroot = "n" if transport.door else "y"
        options = "".join(f"  -o {key}={value}\n" for key, value in OPTIONS.items())
        more = "".join(f"  -o {word}\n" for word in transport.options.split())
        return f"{transport.name} unix - - {chroot} - {PROCESSES} lmtp\n{options}{more}"

    def advised(self) -> list[str]:
        limits = self._limits(self.transports[0]) | {
            "destination_concurrency_limit": "", "initial_destination_concurrency": ""}
        return (["postern-lmtp unix - - y - ", "postern-lmtp:unix:postern/lmtp"]
                + [f"  -o {key}={value}\n" for key, value in OPTIONS.items()]
                + [f"postern-lmtp_{key} = {value}" for key, value in limits.items()])

    def process_of(self, transport: str, _queue_id: str) -> int:
        return find_process(lambda words: words[0] == b"lmtp" and transport.encode() in words)
