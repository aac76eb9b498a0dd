"""The policy hosts of MTA-STS: HTTPS at port 443, good and bad, in one process.

Every host lives at one address of each kind and is told apart by the SNI. What each does
stands in a file that is read at every request, so a test changes a policy by
writing it. Each request is a line of the log: the proof of what was asked.

    python3 policy_hosts.py SPEC        (run by `PolicyHosts`, inside the lab)

SPEC names the log and holds, by host name: chain, key, and
  body     what is sent; lines with CRLF
  status   200
  type     text/plain
  location of a redirect
  how      "length", "chunked", "slow" (an octet now and then), "silent"
"""

import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import logs
from .wire import free_to_bind

IP, IP6 = "198.18.250.1", "fd00:18::fffe"


@dataclass
class PolicyHost:
    """`sts` of a scenario: what the destination publishes."""
    id: str = "1"
    mode: str = "enforce"
    mx: list = field(default_factory=list)       # default: the receivers' names
    max_age: str = "86400"
    txt: str = ""                                # instead of the record made of `id`
    record: bool = True                          # publish the TXT record
    body: str = ""                               # instead of the policy made of the above
    cert: str = "good"                           # a recipe of pki.py
    names: list = field(default_factory=list)    # of the certificate
    alias: str = ""                              # mta-sts.DOMAIN is a CNAME to this name
    addresses: list = field(default_factory=lambda: [IP])
    status: int = 200
    type: str = "text/plain"
    location: str = ""
    how: str = "length"

    def policy(self, hosts: list[str]) -> str:
        lines = ["version: STSv1", f"mode: {self.mode}"]
        lines += [f"mx: {name}" for name in self.mx or hosts] + [f"max_age: {self.max_age}"]
        if self.body == "LONG":
            return "\r\n".join(lines + ["x: " + "y" * 65536]) + "\r\n"
        return self.body or "\r\n".join(lines) + "\r\n"


class PolicyHosts:
    """Publishes the records and runs the server."""

    def __init__(self, directory: Path, scenarios, pki):
        self.directory, self.pki = directory, pki
        directory.mkdir(parents=True, exist_ok=True)
        self.scenarios = {s.domain: s for s in scenarios if s.sts}
        self.spec = directory / "spec.json"
        self.log = logs.LineLog(directory / "requests.log")
        self.process = None
        self._lock = threading.Lock()

    def publish(self, tree) -> None:
        for domain, scenario in self.scenarios.items():
            sts = scenario.sts
            if sts.record:
                tree.text(f"_mta-sts.{domain}", sts.txt or f"v=STSv1; id={sts.id};")
            if sts.alias:
                tree.add(f"mta-sts.{domain}", "CNAME", f"{sts.alias}.")
            else:
                for address in sts.addresses:
                    tree.address(f"mta-sts.{domain}", address)
        for alias in {s.sts.alias for s in self.scenarios.values() if s.sts.alias}:
            tree.address(alias, IP)

    def start(self) -> None:
        self._write()
        errors = open(self.directory / "server.err", "ab")  # pylint: disable=R1732
        self.process = subprocess.Popen(  # pylint: disable=R1732
            [sys.executable, "-m", "postlab.policy_hosts", str(self.spec)],
            cwd=Path(__file__).resolve().parents[1], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=errors)
        if self.process.stdout.readline().strip() != b"ready":
            raise RuntimeError("the policy hosts did not start:\n"
                               + (self.directory / "server.err").read_text())

    def _write(self) -> None:
        hosts = {}
        for domain, scenario in self.scenarios.items():
            sts, name = scenario.sts, f"mta-sts.{domain}"
            chain = self.pki.chain(sts.cert, sts.names or [name], f"sts-{scenario.id}")
            hosts[name] = {"body": sts.policy([r.host for r in scenario.receivers]),
                           "status": sts.status, "type": sts.type, "location": sts.location,
                           "how": sts.how, "chain": str(chain.file), "key": str(chain.key_file)}
        new = self.spec.with_suffix(".new")
        new.write_text(json.dumps({"log": str(self.log.path), "hosts": hosts}), encoding="utf-8")
        new.rename(self.spec)

    def change(self, domain: str, **what) -> None:
        """From the next request on it does something else."""
        with self._lock:
            for key, value in what.items():
                setattr(self.scenarios[domain].sts, key, value)
            self._write()

    def requests(self, domain: str) -> int:
        return sum(line.split()[:1] == [f"mta-sts.{domain}"] for line in self.log.lines())


def do(lab, scenario, action: str) -> bool:
    """"record id=2", "record gone", "policy mode=none status=404"; False: none of these."""
    verb, *words = action.replace("{domain}", scenario.domain).split()
    tree, name = lab.world.tree, f"_mta-sts.{scenario.domain}"
    values = dict(word.split("=", 1) for word in words if "=" in word)
    if verb == "record":
        tree.change_text(name, f"v=STSv1; id={values['id']};" if values else "")
        time.sleep(3)  # until nobody has the old one any more
    elif verb == "policy":
        numbers = {k: int(v) for k, v in values.items() if k == "status"}
        lists = {k: v.split(",") for k, v in values.items() if k == "mx"}
        lab.world.policy_hosts.change(scenario.domain, **(values | numbers | lists))
    elif verb == "refresh":
        lab.service.ask(f"sts-refresh domain={scenario.domain}")
    else:
        return False
    return True


def problems(lab, scenario, want) -> list[str]:
    """What the policy host saw, against what it should have seen."""
    if want.fetched < 0:
        return []
    saw = lab.world.policy_hosts.requests(scenario.domain)
    return [] if saw == want.fetched else [f"{saw} requests to the policy host, not "
                                           f"{want.fetched}"]


# The server.

def _serve(connection: socket.socket, spec: Path) -> None:
    known = json.loads(spec.read_text(encoding="utf-8"))
    chosen = {}

    def choose(tls, name, _context):
        chosen["name"] = name or ""
        host = known["hosts"].get(name)
        if host is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(host["chain"], host["key"])
        tls.context = context
        return None

    first = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    some = next(iter(known["hosts"].values()))
    first.load_cert_chain(some["chain"], some["key"])
    first.sni_callback = choose
    connection.settimeout(90)
    try:
        with first.wrap_socket(connection, server_side=True) as stream:
            request = b""
            while b"\r\n\r\n" not in request:
                octets = stream.recv(4096)
                if not octets:
                    return
                request += octets
            with open(known["log"], "a", encoding="utf-8") as log:
                line = request.split(b"\r\n")[0].decode(errors="replace")
                log.write(f"{chosen['name']} {line}\n")
            _answer(stream, known["hosts"][chosen["name"]])
    except OSError:
        pass


def _answer(stream, host: dict) -> None:
    body = host["body"].encode()
    head = f"HTTP/1.1 {host['status']} Whatever\r\n"
    if host["type"]:
        head += f"Content-Type: {host['type']}\r\n"
    if host["location"]:
        head += f"Location: {host['location']}\r\n"
    head += "Cache-Control: max-age=31536000\r\nConnection: close\r\n"
    if host["how"] == "silent":
        time.sleep(120)
    elif host["how"] == "slow":
        stream.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())
        for octet in body:
            stream.sendall(bytes([octet]))
            time.sleep(2)
    elif host["how"] == "chunked":
        stream.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        for at in range(0, len(body), 1024):
            piece = body[at:at + 1024]
            stream.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        stream.sendall(b"0\r\n\r\n")
    else:
        stream.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


def _take(listener: socket.socket, spec: Path) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_serve, args=(connection, spec), daemon=True).start()


def main() -> None:
    spec = Path(sys.argv[1])
    listeners = [socket.socket(socket.AF_INET), socket.socket(socket.AF_INET6)]
    for listener, address in zip(listeners, (IP, IP6)):
        free_to_bind(listener)
        listener.bind((address, 443))
        listener.listen(64)
    print("ready", flush=True)
    for listener in listeners:
        threading.Thread(target=_take, args=(listener, spec)).start()


if __name__ == "__main__":
    main()
