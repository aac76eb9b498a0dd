"""Brings the whole lab up, in order, and knows where everything is."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import scenarios as scenario_file
from . import space, tlsa
from .adapters import family, make
from .dns import Tree
from .pki import Pki
from .policy_hosts import PolicyHosts
from .receivers import Receivers


class World:
    """DNS, authorities, receivers and the sender. The product is `product.py`'s."""

    def __init__(self, adapter: str, transport: Path, home: Path = space.HOME):
        self.home = home
        self.scenarios = [scenario_file.as_sent_by(s, adapter, family(adapter))
                          for s in scenario_file.load()]
        self.pki = Pki(home / "pki")
        self.tree = Tree(home / "dns")
        receivers = [r for s in self.scenarios for r in s.receivers]
        self.receivers = Receivers(home / "receivers", receivers, self.pki)
        self.policy_hosts = PolicyHosts(home / "policy-hosts", self.scenarios, self.pki)
        self.sender = make(adapter)(home, transport, self.scenarios, self.pki.roots_file)

    def start(self, say=lambda text: None) -> None:
        self._publish()
        say("signing zones, making certificates, starting mail servers")
        with ThreadPoolExecutor(4) as pool:
            parts = [pool.submit(self.tree.start), pool.submit(self.receivers.start),
                     pool.submit(self.sender.start), pool.submit(self.policy_hosts.start)]
            for part in parts:
                part.result()

    def _publish(self) -> None:
        """Every scenario's MX, address and PTR records, and this host's own."""
        self.tree.address("mta.sender.test", space.SENDER_IP)
        self.policy_hosts.publish(self.tree)
        for scenario in self.scenarios:
            for record in scenario.records or []:
                name, kind, value = scenario_file.fill(record, scenario).split(" ", 2)
                self.tree.add(name, kind, value)
            if scenario.records is not None or scenario.zone == "dead":
                continue
            for receiver in scenario.receivers:
                self.tree.mx(scenario.domain, receiver.preference, receiver.host)
            if scenario.at:
                self.tree.mx(scenario.domain, 10, scenario.at)
        tlsa.publish(self)
        self.tree.silent("silent.test")
        for receiver in (r for s in self.scenarios for r in s.receivers):
            for ip in [receiver.ip] + receiver.extra_ips:
                self.tree.address(receiver.host, ip)
            pointer = receiver.ptr or receiver.host
            self.tree.pointer(receiver.ip, pointer)
            if pointer != receiver.host:
                self.tree.address(pointer, receiver.ip)

    def receivers_of(self, scenario) -> list:
        """The receivers that a scenario's mail may reach."""
        if scenario.at:
            return [self.receivers.by_host[scenario.at]]
        return scenario.receivers

    def files(self) -> list[Path]:
        """All that was written; of a clean root (clean_root.py) not what its packages brought."""
        brought = {self.home / "root" / name
                   for name in ("usr", "proc", "dev", "sys", "run/lab")}
        found = []
        for place, directories, names in os.walk(self.home):
            directories[:] = [name for name in directories if Path(place, name) not in brought]
            found += [Path(place, name) for name in names]
        return sorted(found)

    def keep_logs(self, into: Path) -> None:
        """Copies the logs out of the namespace, for a person to read."""
        into.mkdir(parents=True, exist_ok=True)
        for file in self.files():
            if file.is_file() and (file.name in ("log", "syslog", "events.jsonl", "mainlog",
                                                 "paniclog")
                                   or file.suffix in (".log", ".err", ".cf", ".conf")):
                shutil.copy(file, into / str(file.relative_to(self.home)).replace("/", "_"))
