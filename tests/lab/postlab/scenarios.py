"""Reads scenarios.toml: which receivers there are, what is sent, what must come of it.

The file names no mail server and no adapter: every adapter's test reads it. See
its head for the meaning of the keys. Unknown keys are errors, so that a typing
mistake can't weaken a test.
"""

import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from .policy_hosts import PolicyHost

FILE = Path(__file__).resolve().parent.parent / "scenarios.toml"


class ScenarioError(ValueError):
    """The scenario file says something that can't be meant."""


@dataclass
class Receiver:
    """One server: a real Postfix smtpd, or the scripted one where `script` is given."""
    host: str
    cert: str = "good"             # a recipe of pki.py
    names: list = field(default_factory=list)  # of the certificate; default: the host
    tls: str = "offer"             # offer | none | wrapper
    port: int = 25
    preference: int = 10
    ptr: str = ""
    sni_cert: str = ""             # presented where the client asks for `host`
    script: dict | None = None
    ipv6: bool = False             # an IPv6 address and none other; scripted only
    auth: str = ""                 # SASL mechanisms; mail only after a login. Real ones only
    extra_ips: list = field(default_factory=list)  # published too; nobody is there
    name: str = ""                 # in logs; filled in when read
    ip: str = ""

    @property
    def scripted(self) -> bool:
        return self.script is not None


@dataclass
class Expect:
    """What must come of one step."""
    result: str = "delivered"      # delivered | deferred | bounced
    status: str = ""               # enhanced status code in the MTA's log
    reason: str = ""               # reason token in the MTA's log
    text: list = field(default_factory=list)     # further words in the MTA's log
    audit: list = field(default_factory=list)    # words of one audit line in syslog
    unaudited: bool = False        # the service hears of the end with the next attempt only
    # What the receivers saw: message (over TLS), message-clear, no-mail (they
    # were spoken to, without MAIL), nothing (no connection), envelope (MAIL and
    # perhaps RCPT, no DATA), data (a message was sent and refused).
    seen: str = ""
    by: str = ""                   # the only host that got the message
    sni: str = ""                  # what the client asked for (scripted servers)
    fetched: int = -1              # requests to the policy host so far; -1: any number
    login: str = ""                # "MECHANISM user", by the real receiver's log
    auth: int = -1                 # how many AUTH commands the receivers saw; -1: whatever


@dataclass
class Ask:
    """A question to pin-admin after a step, and what its answer must hold."""
    command: str = ""
    contains: list = field(default_factory=list)
    absent: list = field(default_factory=list)
    exit: list = field(default_factory=list)     # allowed statuses; empty: any


@dataclass
class Step:
    """What happens before another attempt of the same message, or of a new one."""
    do: list = field(default_factory=list)       # "pin-server", "switch-to-backup", …
    again: bool = False                          # retry the deferred message
    expect: Expect = field(default_factory=Expect)
    ask: list = field(default_factory=list)


@dataclass
class Scenario:
    id: str
    title: str
    domain: str = ""
    policy: list = field(default_factory=list)
    pins: list = field(default_factory=list)     # tables: of, kind, role
    credentials: list = field(default_factory=list)  # lines of the service's file
    receivers: list = field(default_factory=list)
    at: str = ""                                 # use this host, defined elsewhere
    zone: str = ""                               # "dead": nothing is published
    sts: PolicyHost | None = None                # what it publishes for MTA-STS
    hop: str = ""                                # the MTA's routing overridden
    records: list | None = None                  # instead of the MX records
    tlsa: list = field(default_factory=list)     # "NAME 3 1 1", see tlsa.py
    smtp: str = ""                               # row 26: what smtp(8) makes of it, if not the same
    sender: str = "sender@sender.test"
    recipient: str = ""                          # local part; default: the id
    to_domain: str = ""                          # the domain as written in the address
    body: str = "plain"
    after: str = ""                              # not before that scenario is over
    slow: bool = False                           # others' rows need not wait for its end
    demo: str = ""                               # the demo's words for it
    expect: Expect = field(default_factory=Expect)
    ask: list = field(default_factory=list)
    steps: list = field(default_factory=list)
    # What another mail server than Postfix does instead, by its name: why, and
    # expect, step or ask in place of these; or `absent = true`: it has no such thing.
    instead: dict = field(default_factory=dict)

    @property
    def row(self) -> int:
        return row_of(self.id)


def row_of(identifier: str) -> int:
    """"8-12-3" and "8c" are of row 8."""
    return int("".join(c for c in identifier.split("-")[0] if c.isdigit()))


def _build(kind, table: dict, where: str):
    known = {f.name for f in fields(kind)}
    unknown = set(table) - known
    if unknown:
        raise ScenarioError(f"{where}: unknown key {', '.join(sorted(unknown))}")
    return kind(**table)


def _expect(table: dict, where: str) -> Expect:
    made = _build(Expect, table, where)
    if made.result not in ("delivered", "deferred", "bounced"):
        raise ScenarioError(f"{where}: result = {made.result!r}")
    if made.seen not in ("", "message", "message-clear", "no-mail", "nothing", "envelope",
                         "data"):
        raise ScenarioError(f"{where}: seen = {made.seen!r}")
    return made


INSTEAD = {"why", "expect", "step", "ask", "absent"}


def as_sent_by(scenario: Scenario, adapter: str, family: str) -> Scenario:
    """The scenario with what `instead` says of that adapter, else of its mail server."""
    other = scenario.instead.get(adapter) or scenario.instead.get(family)
    if not other:
        return scenario
    where = f"scenario {scenario.id} instead of {adapter}"
    if set(other) - INSTEAD or not other.get("why"):
        raise ScenarioError(f"{where}: only {', '.join(sorted(INSTEAD))}, and why not?")
    changed = replace(scenario)
    if "expect" in other:
        changed.expect = _expect(other["expect"], where)
    if "ask" in other:
        changed.ask = [_build(Ask, a, where) for a in other["ask"]]
    if "step" in other:
        changed.steps = _steps(other["step"], where)
    return changed


def is_absent(scenario: Scenario, name: str) -> bool:
    """True where that adapter, or mail server, has nothing of what the scenario is about."""
    return bool(scenario.instead.get(name, {}).get("absent"))


def load(file: Path = FILE) -> list[Scenario]:
    """All scenarios in the file's order, each receiver named and with an address."""
    with open(file, "rb") as stream:
        tables = tomllib.load(stream)
    scenarios = [_scenario(dict(t)) for t in tables["scenario"]]
    ids = [s.id for s in scenarios]
    twice = {i for i in ids if ids.count(i) > 1}
    if twice:
        raise ScenarioError(f"used twice: {', '.join(sorted(twice))}")
    _name_and_number(scenarios)
    return scenarios


def _steps(tables: list, where: str) -> list[Step]:
    return [_build(Step, s | {"expect": _expect(s.get("expect", {}), where),
                              "ask": [_build(Ask, a, where) for a in s.get("ask", [])]}, where)
            for s in tables]


def _scenario(table: dict) -> Scenario:
    where = f"scenario {table.get('id')}"
    raw_receivers = table.pop("receivers", None)
    table["expect"] = _expect(table.get("expect", {}), where)
    table["ask"] = [_build(Ask, a, where) for a in table.get("ask", [])]
    table["steps"] = _steps(table.pop("step", []), where)
    made = _build(Scenario, table, where)
    made.domain = made.domain or f"row{made.id}.test"
    if made.sts is not None:
        made.sts = _build(PolicyHost, _filled(made.sts, made.domain), where)
    made.recipient = made.recipient or f"to-{made.id}"
    if raw_receivers is None:
        raw_receivers = [] if made.at or made.zone else [{}]
    for index, raw in enumerate(raw_receivers):
        raw = {"host": f"mx{index + 1 if index else ''}.{made.domain}",
               "preference": 10 * (index + 1)} | raw
        made.receivers.append(_build(Receiver, raw, where))
    if any(r.auth and r.scripted for r in made.receivers):
        raise ScenarioError(f"{where}: a scripted server's AUTH stands in its script")
    if any(r.ipv6 and not r.scripted for r in made.receivers):
        raise ScenarioError(f"{where}: only the scripted server has IPv6")
    return made


def _filled(value, domain: str):
    """{domain} in every text of a table."""
    if isinstance(value, dict):
        return {key: _filled(item, domain) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, domain) for item in value]
    return value.replace("{domain}", domain) if isinstance(value, str) else value


def fill(text: str, scenario: "Scenario") -> str:
    """{domain}, and {ip} of the first receiver, in a scenario's words."""
    ip = scenario.receivers[0].ip if scenario.receivers else ""
    return text.replace("{domain}", scenario.domain).replace("{ip}", ip)


def _name_and_number(scenarios: list[Scenario]) -> None:
    number = 0
    for scenario in scenarios:
        for index, receiver in enumerate(scenario.receivers):
            receiver.name = f"r{scenario.id}" + (f"-{index + 1}" if index else "")
            receiver.ip = (f"fd00:18::{number + 10:x}" if receiver.ipv6 else
                           f"198.18.{1 + number // 200}.{10 + number % 200}")
            receiver.names = receiver.names or [receiver.host]
            number += 1


def select(items: list, only: list[str]) -> list:
    """Those of the given ids ("3a") or rows ("3"); all, if none are given."""
    return [i for i in items if not only or i.id in only or str(i.row) in only]
