"""What the lab asks of any mail server under test, and what most of them answer."""

import json
import re
from pathlib import Path

from .. import logs
from ..judge import Outcome
from ..messages import Mail
from ..scenarios import fill
from ..smtp_submit import Submitter


class Adapter:
    """A mail server with Postern in its path: starts it, hands it mail, tells what came of it.

    Missing here: start(), attempts(), queued(), complaints(), and try_again() or retry().
    """

    door = ""                      # the service's door that it knocks at
    port = 0                       # where it takes mail
    taken = r""                    # its reply to a message, and the queue id in it
    copies_for_two = 1             # of a message for two addresses of one domain
    holds_host = 0                 # seconds, after a refusal for another destination
    keeps_connections = True       # a connection carries several messages
    patience = 0                   # seconds that its attempts may take beyond others'
    logs_in = True                 # row 28: whether its connections can

    def __init__(self, scenarios):
        self.hops = {s.domain: fill(s.hop, s) for s in scenarios if s.hop}
        self.service = self.programs = None

    def settle_in(self, programs) -> None:
        """Where the programs are; before start()."""
        self.programs = programs

    def service_settings(self) -> dict:
        """What the service's configuration needs for this mail server."""
        return {}

    def apart(self, _directory: Path, _impatient: bool = False) -> "Adapter":
        """The sender of a play that has that directory, and what it asks there: itself,
        where the play has a transport of its own. It waits for answers as long as it is
        told to, or only for seconds."""
        return self

    def leave(self) -> None:
        """Once the play is over."""

    def door_of(self, directory: Path) -> Path:
        """Where it looks for the service, in a play that has that directory."""
        return directory / "door"

    def add_transport(self, transport) -> None:
        """A way of its own for one recipient, where there is such a thing; before start()."""

    def use(self, service) -> None:
        """The service that the mail goes through; before start()."""
        self.service = service

    def start_late(self) -> None:
        """Once the store has its lines."""

    # What a scenario is for this mail server.

    def policy_line(self, _scenario, line: str) -> str:
        """The scenario's line as this way of handing over mail needs it."""
        return line

    def can(self, scenario) -> bool:
        """Whether what the scenario is about exists for this mail server."""
        return self.logs_in or scenario.row != 28

    def as_told(self, expect):
        """What of it shows in this mail server's log and in the service's."""
        return expect

    def asks(self, questions):
        """Those that can be asked about its mail."""
        return questions

    def ahead_of_verdict(self, _domain: str) -> tuple:
        """What a host may see that is then refused; nothing of the envelope."""
        return ()

    # Mail.

    def submitter(self) -> Submitter:
        return Submitter("127.0.0.1", self.port)

    def submit(self, mail: Mail) -> str:
        """The queue id under which the MTA now has the message."""
        connection = self.submitter()
        try:
            reply = connection.submit(mail)
        finally:
            connection.close()
        return re.search(self.taken, reply)[1]

    def wait_attempt(self, queue_id: str, number: int, seconds: float) -> Outcome:
        """The outcome of the message's attempt `number`, counted from 1."""
        return logs.until(lambda: self.attempts(queue_id)[number - 1:number],
                          seconds + self.patience, f"attempt {number} of {queue_id}")[0]

    def retry(self, queue_id: str) -> None:
        """Makes the MTA try that message again now; back once it has tried."""
        tried = len(self.attempts(queue_id))
        self.try_again(queue_id)
        logs.until(lambda: len(self.attempts(queue_id)) > tried, 60, f"{queue_id} is tried again")

    # What pin-admin says of it.

    def printed(self, _admin) -> str:
        """What pin-admin advises for this mail server."""
        return ""

    def advised(self) -> list[str]:
        """Lines that have to be there. None: what pin-admin prints is what runs."""
        return []

    def inspected(self) -> tuple:
        """Its own name and the options by which doctor finds it."""
        return ()

    def is_silent(self, _finding: dict) -> bool:
        """Said of a destination that never answers, and never will."""
        return False

    def doctor(self, admin) -> list[str]:
        """What doctor has to say of it; every watched destination is routed for it."""
        name, *options = self.inspected()
        done = admin.run("doctor", *options, "--no-dns", "--json")
        return [f"{f['code']} {f['subject']}: {f['what']}"
                for f in json.loads(done.stdout)["findings"]
                if f["code"].startswith(f"{name}-") and not self.is_silent(f)]
