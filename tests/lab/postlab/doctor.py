"""tests/lab/doctor: one good setup, broken in one way at a time."""

import argparse
import json
import os
import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import doctor_faults, doctor_sendmail, report, space
from .dns import Tree
from .doctor_cases import POLICY, PROGRAM, ROUTING, SETUP, STRICT, Case
from .pki import Pki
from .postfix import COMMON, SERVICES, Postfix
from .product import Admin, Service, Syslog, install, settings

TOP = Path(__file__).resolve().parents[3]
HOME = space.HOME / "doctor"
# The lab can't make the host's kernel believe in its clock.
IGNORED = "clock-unsynchronised"

TRANSPORT = ("postern unix - n n - - pipe\n"
             "  flags=q. eol=\\r\\n null_sender= user=postern-client\n"
             f"  argv={PROGRAM} --socket {{socket}} -- "
             "${{nexthop}} ${{queue_id}} ${{sender}} ${{recipient}}\n")
GOOD = {"default_transport": "postern", "relay_transport": "postern", "mydestination": "",
        "postern_destination_recipient_limit": "1", "postern_time_limit": "3600s",
        "mail_owner": "postfix"}


class Bench:
    """The good setup: DNS, authorities, a store, a posternd, a Postfix."""

    def __init__(self, build: Path):
        HOME.mkdir(parents=True, exist_ok=True)
        self.home = space.HOME
        self.programs = install(build, self.home / "bin")
        self.tree, self.pki = Tree(self.home / "dns"), Pki(self.home / "pki")
        self.tree.address("mta.sender.test", space.SENDER_IP)
        self.syslog = Syslog(self.home / "syslog")
        self.postfix = Postfix(HOME / "rewriter", "rewriter")
        self.service = self._service("main")
        self.strict = self._service("strict")
        self.admin = Admin(self.programs, self.service.config)

    def _service(self, name: str) -> Service:
        private = self.home / f"private-{name}"
        private.mkdir(mode=0o700, exist_ok=True)
        door = self.postfix.queue / "postern" / name
        door.mkdir(parents=True)
        shutil.chown(door, "postern", "postfix")
        door.chmod(0o750)
        return Service(name, self.home / "postern" / name, self.programs,
                       private / "author.db",
                       settings(self) | {"door-lmtp": str(door / "lmtp"),
                                         "door-postfix-map": str(door / "map")})

    def start(self) -> None:
        self.tree.start()
        for service, policy in ((self.service, POLICY), (self.strict, STRICT)):
            admin = Admin(self.programs, service.config)
            admin.must("init")
            file = service.directory / "policy.txt"
            file.write_text(policy, encoding="ascii")
            admin.must("policy", "apply", str(file), "--yes")
            service.start()
        for name, mode in (("mode", 0o644), ("rights", 0o777)):
            (HOME / name).mkdir()
            copy = HOME / name / "postern-transport"
            shutil.copy(PROGRAM, copy)
            copy.chmod(mode)
        (HOME / "garbage").mkdir()
        garbage = HOME / "garbage/postconf"
        garbage.write_text("#!/bin/sh\necho 'mail is a wonderful thing'\n", encoding="ascii")
        garbage.chmod(0o755)

    def directory(self, case: Case) -> Path:
        return HOME / "cases" / case.id

    def write(self, case: Case) -> tuple[dict, str]:
        """The case's tables; its main.cf's own lines, and its master.cf."""
        place = self.directory(case)
        place.mkdir(parents=True, exist_ok=True)
        for name, text in case.files.items():
            (place / name).write_text(text, encoding="utf-8")
        for table in case.postmap:
            if table == "touch":
                later = time.time() + 10
                os.utime(place / "transport", (later, later))
                continue
            subprocess.run(["postmap", "-c", str(self.postfix.config), table.format(dir=place)],
                           check=True)
        main = {key: value.format(dir=place) for key, value in case.main.items()}
        pipe = (self.strict if case.strict else self.service).pipe
        master = SERVICES + TRANSPORT.format(socket=pipe) + case.services
        for old, new in case.edit:
            old = old.replace("{socket}", str(pipe))
            assert old in master, f"{case.id}: master.cf lacks {old!r}"
            master = master.replace(old, new.replace("{dir}", str(place)))
        return GOOD | main, master

    def configure(self, case: Case) -> None:
        main, master = self.write(case)
        place = self.directory(case)
        values = COMMON | {
            "queue_directory": str(self.postfix.queue), "meta_directory": str(place),
            "data_directory": str(self.postfix.directory / "data"),
            "message_size_limit": "60000000",
        } | main
        (place / "main.cf").write_text(
            "".join(f"{key} = {value}\n" for key, value in values.items()), encoding="utf-8")
        (place / "master.cf").write_text(master, encoding="utf-8")

    def doctor(self, *words: str, strict: bool = False, program=None) -> tuple[int, list]:
        """Its exit status and findings."""
        config = (self.strict if strict else self.service).config
        done = subprocess.run(
            [str(program or self.programs["pin-admin"]), "doctor", "--json", "--known", IGNORED,
             "--config", str(config), *words],
            capture_output=True, text=True, check=False, timeout=120)
        try:
            findings = json.loads(done.stdout)["findings"]
        except (ValueError, KeyError):
            findings = [{"code": "no-answer", "weight": "unknown",
                         "what": done.stdout + done.stderr}]
        return done.returncode, [f for f in findings if f["code"] != IGNORED]


def judge(case: Case, status: int, findings: list) -> str:
    """What is wrong with the answer; empty: nothing."""
    told = {finding["code"] for finding in findings}
    wrong = []
    if told != set(case.finds):
        wrong.append(f"found {sorted(told)}, expected {sorted(case.finds)}")
    for code, words in case.finds.items():
        texts = " ".join(json.dumps(f) for f in findings if f["code"] == code)
        wrong += [f"{code}: nothing says {word!r}" for word in words
                  if word.replace("{dir}", str(HOME / "cases" / case.id)) not in texts]
    weights = {finding["weight"] for finding in findings}
    want = case.status if case.status >= 0 else (
        4 if "unknown" in weights else 1 if "no" in weights else 0)
    if status != want:
        wrong.append(f"exit status {status}, expected {want}")
    for finding in findings:
        if finding["weight"] != "note" and not (finding.get("why") and finding.get("mend")):
            wrong.append(f"{finding['code']} lacks its reason or its remedy")
    if wrong:
        wrong += [f"  {f['weight']} {f['code']} {f.get('subject')}: {f.get('what')}"
                  for f in findings]
    return "\n".join(wrong)


def one_case(bench: Bench, case: Case) -> str:
    bench.configure(case)
    options = list(case.options)
    if "--postfix-config" not in options:
        options += ["--postfix-config", str(bench.directory(case))]
    status, findings = bench.doctor("--no-dns", *options, strict=case.strict)
    wrong = judge(case, status, findings)
    if case.mail:
        wrong += oracle(bench, case, findings)
    return wrong


# The oracle: what a real trivial-rewrite answers.

def start_oracle(bench: Bench, cases: list) -> None:
    """One Postfix with a trivial-rewrite for every case's configuration."""
    services = TRANSPORT.format(socket=bench.service.pipe)
    bench.postfix.configure({}, "")  # for postmap
    for case in cases:
        if not case.mail:
            continue
        main, _ = bench.write(case)
        if case.id == "rewrite-option":
            main = main | {"transport_maps": f"texthash:{bench.directory(case)}/transport"}
        services += f"rw-{case.id} unix - - n - - trivial-rewrite\n" + "".join(
            f"  -o {{ {key} = {value} }}\n" for key, value in main.items()
            if key not in ("mail_owner", "postern_time_limit"))
    # proxymap would have to know the tables; none of these cases needs it.
    bench.postfix.configure({"mydestination": ""}, services)
    bench.postfix.start()


def resolve(bench: Bench, case: Case, recipient: str, sender: str) -> tuple[str, str]:
    """(transport, next hop) by resolve_clnt(3)'s protocol."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(bench.postfix.queue / "private" / f"rw-{case.id}"))
        _answer(client)  # the protocol's name
        client.sendall(b"".join(
            name.encode() + b"\0" + value.encode() + b"\0"
            for name, value in (("request", "resolve"), ("sender", sender),
                                ("address", recipient))) + b"\0")
        answer = _answer(client)
    return answer["transport"], answer["nexthop"]


def _answer(client: socket.socket) -> dict:
    data = b""
    while not data.endswith(b"\0\0"):
        part = client.recv(4096)
        if not part:
            raise OSError(f"trivial-rewrite hung up after {data!r}")
        data += part
    words = data.decode().split("\0")[:-2]
    return dict(zip(words[::2], words[1::2]))


def oracle(bench: Bench, case: Case, findings: list) -> str:
    """Whatever leaves past Postern is a finding that names where it goes."""
    said = " ".join(f["what"] for f in findings if f["code"] == "bypass")
    wrong = ""
    for recipient, sender in case.mail:
        transport, hop = resolve(bench, case, recipient, sender)
        domain = recipient.split("@")[1]
        leaks = transport in ("smtp", "relay")
        named = f"{transport}:{hop}" in said or f"{transport}:postern-doctor." in said
        if leaks and not named:
            wrong += f"\n{recipient} goes by {transport}:{hop}, and doctor does not say so"
        if not leaks and transport == "postern" and f"mail for {domain} goes" in said:
            wrong += f"\n{recipient} goes by {transport}:{hop}, and doctor says otherwise"
    if not any(resolve(bench, case, r, s)[0] in ("smtp", "relay") for r, s in case.mail) \
            and "bypass" in case.finds:
        wrong += "\nno mail of this case leaves past Postern: the case proves nothing"
    return wrong


def main(arguments: list[str]) -> int:
    options = argparse.ArgumentParser(prog="tests/lab/doctor")
    options.add_argument("--bin-dir", default=TOP / "build/release", type=Path)
    options.add_argument("--only", action="append", default=[], metavar="ID")
    options.add_argument("--quiet", action="store_true", help="show failures only")
    chosen = options.parse_args(arguments)
    begun = time.monotonic()
    bench, tally = Bench(chosen.bin_dir), report.Tally(chosen.quiet)

    def wanted(name: str) -> bool:
        return not chosen.only or name in chosen.only

    cases = [case for case in ROUTING + SETUP if wanted(case.id)]
    # Before anything is started that the oracle's configuration must know.
    bench.start()
    start_oracle(bench, cases)

    def run(case: Case) -> None:
        try:
            tally.add(case.id, one_case(bench, case))
        except Exception as error:  # pylint: disable=broad-except
            tally.add(case.id, f"{type(error).__name__}: {error}")

    with ThreadPoolExecutor(16) as pool:  # each waits most of its time
        list(pool.map(run, cases))
    setups = [setup for setup in doctor_sendmail.ALL if wanted(setup.id)]
    machine = doctor_sendmail.Machine(bench) if setups else None

    def run_sendmail(setup) -> None:
        try:
            tally.add(setup.id, doctor_sendmail.run(machine, setup, judge))
        except Exception as error:  # pylint: disable=broad-except
            tally.add(setup.id, f"{type(error).__name__}: {error}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run_sendmail, setups))
    bench.configure(Case("good"))
    for fault in doctor_faults.FAULTS:
        if wanted(fault.id):
            tally.add(fault.id, doctor_faults.run(bench, fault, judge))
    return tally.close("doctor", time.monotonic() - begun)
