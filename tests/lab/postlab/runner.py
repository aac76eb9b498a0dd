"""Runs the scenarios with one adapter: all at once, each in a thread of its own."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import (accounts, adapters, clean_root, exim_source, exim_traps, faults, judge, kills,
               local_mail, logins, logs, map_traps, messages, pins, policy_hosts, report, reuse,
               second_opinion, sendmail_traps, several, space, stops)
from .traps import run_all as play_traps
from . import scenarios as scenario_file
from .product import Admin, Service, Syslog, install, install_packages, settings
from .world import World

PLAYS = reuse.PLAYS + logins.PLAYS
# Told by modules of their own.
APART = (20, 22, 23, 24, 29)
PATIENCE = 90  # seconds for one attempt
TOP = Path(__file__).resolve().parents[3]


class Lab:
    """The world with Postern in it, and the means to run a scenario."""

    def __init__(self, adapter: str, build: Path, packages: Path | None = None,
                 more: dict | None = None):
        self.adapter, self.home = adapter, space.HOME
        self.family = adapters.family(adapter)
        # First of all: the packages bring the users with them.
        self.programs = (install_packages(packages) if packages else
                         install(build, self.home / "bin"))
        self.world = World(adapter, self.programs["postern-transport"], self.home)
        self.world.sender.settle_in(self.programs)
        self.syslog = Syslog(self.home / "syslog")
        self.author = self.home / "private" / "author.db"
        self.author.parent.mkdir(mode=0o700, exist_ok=True)
        # A connection of its own for each attempt; row 23 is about the others.
        self.service = self.make_service("main", **{"kept-connections": "0",
                                                    "credentials": str(self._credentials())}
                                         | self.world.sender.service_settings() | (more or {}))
        self.world.sender.use(self.service)
        self.admin = Admin(self.programs, self.service.config)
        self.done = {s.id: threading.Event() for s in self.world.scenarios}

    def _credentials(self) -> Path:
        """What all scenarios' relays want, in one file."""
        lines = [scenario_file.fill(line, s).format(**accounts.SECRETS)
                 for s in self.world.scenarios for line in s.credentials]
        return self.write_credentials("main", lines)

    def write_credentials(self, name: str, lines: list[str]) -> Path:
        """A file of credentials as the service wants it, put in its place at once."""
        file = self.home / f"credentials-{name}"
        fresh = file.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        shutil.chown(fresh, "postern", "postern")
        fresh.rename(file)
        return file

    def make_service(self, name: str, **more) -> Service:
        """A posternd of its own over the common author store."""
        return Service(name, self.home / "postern" / name, self.programs, self.author,
                       settings(self.world) | more)

    def start(self, say=report.note) -> None:
        self.world.start(say)
        say("writing policies and pins, starting posternd")
        self.admin.must("init")
        self._write_policy()
        self.service.start()
        self.world.sender.start_late()

    def fill(self, text: str, scenario) -> str:
        return scenario_file.fill(text, scenario).replace(
            "{roots}", str(self.world.pki.roots_file)).replace(
            "{partner}", str(self.world.pki.partner_file))

    def _write_policy(self) -> None:
        played = [s for s in self.world.scenarios if self.in_play(s)]
        lines = [self.world.sender.policy_line(s, self.fill(line, s))
                 for s in played for line in s.policy]
        file = self.home / "policy.txt"
        file.write_text("\n".join(lines) + "\n* may\n", encoding="utf-8")
        self.admin.must("policy", "apply", str(file), "--yes")
        for scenario in played:
            for pin in scenario.pins:
                pins.add(self, scenario, pin)

    # One scenario.

    def run(self, scenario) -> tuple[list[str], str]:
        """What is wrong (nothing: the promise held), and the last thing the MTA said."""
        try:
            if scenario.after in self.done and self.selected(scenario.after):
                self.done[scenario.after].wait(PATIENCE * 2)
                time.sleep(self.world.sender.holds_host)
            return self._run(scenario)
        except Exception as error:  # pylint: disable=broad-except
            return [f"{type(error).__name__}: {error}", traceback.format_exc(limit=-3)], ""
        finally:
            self.done[scenario.id].set()

    selected = staticmethod(lambda _id: True)
    # Whose lines the store gets: doctor asks the MTA about each of them.
    in_play = staticmethod(lambda _scenario: True)

    def _run(self, scenario) -> tuple[list[str], str]:
        receivers = self.world.receivers_of(scenario)
        before = judge.baseline(self.world, receivers)
        mail = self.compose(scenario)
        queue_id, attempt = self.world.sender.submit(mail), 1
        got = self.world.sender.wait_attempt(queue_id, attempt, PATIENCE)
        want = self.world.sender.as_told(scenario.expect)
        found = judge.problems(self.world, receivers, before, mail, got, want)
        found += self._audited(queue_id, want)
        found += policy_hosts.problems(self, scenario, want)
        found += self._ask(scenario, self.world.sender.asks(scenario.ask), queue_id)
        for step in scenario.steps:
            for action in step.do:
                if not policy_hosts.do(self, scenario, action):
                    pins.do(self, scenario, action)
            before = judge.baseline(self.world, receivers)
            if step.again:
                attempt += 1
                self.world.sender.retry(queue_id)
            else:
                mail, attempt = self.compose(scenario), 1
                queue_id = self.world.sender.submit(mail)
            got = self.world.sender.wait_attempt(queue_id, attempt, PATIENCE)
            want = self.world.sender.as_told(step.expect)
            found += judge.problems(self.world, receivers, before, mail, got, want)
            found += self._audited(queue_id, want)
            found += policy_hosts.problems(self, scenario, want)
            found += self._ask(scenario, self.world.sender.asks(step.ask), queue_id)
        return found, f"{got.result} {got.status}"

    def compose(self, scenario) -> messages.Mail:
        domain = scenario_file.fill(scenario.to_domain or "{domain}", scenario)
        return messages.compose(scenario.sender, f"{scenario.recipient}@{domain}", scenario.body)

    def _audited(self, queue_id: str, want) -> list[str]:
        """Every verdict leaves its line in syslog."""
        if want.unaudited:
            return []

        def lines():
            return [x for x in self.syslog.log.lines() if f"queue-id={queue_id} " in x]
        try:
            logs.until(lambda: any(all(w in x for w in want.audit) for x in lines()), 30, "")
        except logs.Timeout:
            return [f"no audit line of {queue_id} has {want.audit}", *lines()]
        return []

    def _ask(self, scenario, questions, queue_id: str) -> list[str]:
        found = []
        for question in questions:
            command = self.fill(question.command, scenario).replace("{queue-id}", queue_id)
            done = self.admin.run(*command.split())
            answer = done.stdout + done.stderr
            for words in question.contains:
                if self.fill(words, scenario) not in answer:
                    found.append(f"'pin-admin {command}' does not say '{words}':\n{answer}")
            for words in question.absent:
                if self.fill(words, scenario) in answer:
                    found.append(f"'pin-admin {command}' says '{words}':\n{answer}")
            if question.exit and done.returncode not in question.exit:
                found.append(f"'pin-admin {command}' ended with status {done.returncode}:\n"
                             f"{answer}")
        return found


def parse(arguments: list[str]) -> argparse.Namespace:
    options = argparse.ArgumentParser(
        prog="tests/lab/run",
        description="Sends the scenarios' mail through a real mail server with Postern in its "
                    "path and judges by what the receivers saw.")
    options.add_argument("--adapter", default="postfix-pipe", choices=adapters.names())
    options.add_argument("--bin-dir", default=str(TOP / "build/release"), type=Path,
                         help="the build with Postern's programs (default: %(default)s)")
    options.add_argument("--packages", type=Path, metavar="DIR",
                         help="install the packages there in a clean Debian, and send by that "
                         "one's Postfix and their programs, under their own users")
    options.add_argument("--only", action="append", default=[], metavar="ID",
                         help="a scenario (3a) or a row (3); may be repeated")
    options.add_argument("--quiet", action="store_true", help="show failures only")
    options.add_argument("--keep-logs", type=Path, metavar="DIR",
                         help="copy all logs there at the end (default: to build/lab-logs, and "
                         "only if something failed)")
    options.add_argument("--shell", action="store_true",
                         help="bring everything up, then start a shell inside")
    options.add_argument("--all-kills", action="store_true",
                         help="row 23: a kill at every system call (minutes) instead of at a "
                         "sample of those that others notice")
    options.add_argument("--springs", action="store_true",
                         help="row 29: with what protects from each trap taken away, the attack "
                         "has to succeed")
    options.add_argument("--list", action="store_true", help="list the scenarios")
    return options.parse_args(arguments)


def prepare(chosen: argparse.Namespace):
    """What has to be done where the archive can be reached; None: nothing."""
    if chosen.adapter == "exim-openssl":
        return lambda: exim_source.build(report.note)
    if chosen.packages is None:
        return None
    return lambda: clean_root.prepare(chosen.packages, report.note)


def show_list(adapter: str) -> int:
    for scenario in scenario_file.load():
        print(f"{scenario.id:8} {scenario.title:55} {scenario.domain}")
    if adapters.family(adapter) in ("exim", "sendmail"):
        other = faults.of(adapter) if adapters.family(adapter) == "exim" else []
        for thing in traps_of(adapter) + other:
            print(f"{thing.id:8} {thing.title}")
        return 0
    if adapter == "postfix-map":
        for fault in faults.of(adapter) + traps_of(adapter):
            print(f"{fault.id:8} {fault.title}")
        return 0
    for thing in faults.of(adapter) + PLAYS:
        print(f"{thing.id:8} {thing.title}")
    print(several.TITLE)
    print("23       kill -9 of client and service at system calls; 'postfix stop'")
    print(local_mail.TITLE)
    return 0


def traps_of(adapter: str) -> list:
    """Told by a module of the mail server's own."""
    if adapters.family(adapter) == "sendmail":
        return sendmail_traps.ALL
    if adapter == "postfix-map":
        return map_traps.ALL
    return exim_traps.of(adapter) if adapters.family(adapter) == "exim" else []


def main(chosen: argparse.Namespace) -> int:
    begun = time.monotonic()
    lab = Lab(chosen.adapter, chosen.bin_dir, chosen.packages)
    played = {play.id for play in PLAYS}
    wanted = scenario_file.select(
        [s for s in lab.world.scenarios
         if s.row not in APART and s.id not in played and lab.world.sender.can(s)], chosen.only)
    broken = ([] if lab.family == "sendmail" else
              scenario_file.select(faults.of(chosen.adapter), chosen.only))
    # Not smtp(8), whose connections are its own.
    hands_over = chosen.adapter in ("postfix-pipe", "postfix-lmtp")
    plays = scenario_file.select(plays_of(lab), chosen.only)
    traps = [trap for trap in scenario_file.select(traps_of(chosen.adapter), chosen.only)
             if trap.opened or not chosen.springs]
    ids = {s.id for s in wanted}
    lab.selected = ids.__contains__
    mixed = ((not chosen.only or "22" in chosen.only)
             and (hands_over or lab.family == "exim"))
    # Row 23 needs strace beside the programs.
    endings = ((hands_over or lab.family == "exim") and not chosen.packages
               and (not chosen.only or "23" in chosen.only))
    unknown = [i for i in chosen.only if i not in ("22", "23")
               and not any(i in (x.id, str(x.row)) for x in wanted + broken + plays + traps)]
    if unknown:
        sys.exit(f"no such scenario: {', '.join(unknown)}")
    if not (broken or plays or traps or mixed or endings):
        lab.in_play = lambda scenario: scenario.id in ids
    faults.prepare(lab, broken)
    reuse.prepare(lab, plays)
    for trap in traps:
        trap.prepare(lab)
    if endings and kills.available():
        sys.exit(kills.available())
    lanes = kills.lanes(lab) if endings else []
    try:
        lab.start()
        if chosen.shell:
            return shell(lab)
        tally = report.Tally(chosen.quiet)
        slow = [] if chosen.springs else [trap for trap in traps if trap.slow]
        with ThreadPoolExecutor() as pool:
            pending = [pool.submit(run_scenario, lab, s, tally) for s in wanted if s.slow]
            pending += [pool.submit(play_traps, lab, slow, tally)] if slow else []
            run_all(lab, [s for s in wanted if not s.slow], broken + plays, mixed, tally)
            if chosen.adapter == "postfix-pipe":
                pending.append(pool.submit(second_opinion.run, lab, wanted, tally))
            play_traps(lab, [t for t in traps if t not in slow], tally, chosen.springs)
            if endings:
                report.note("row 23: kills at system calls, and 'postfix stop'")
                kills.run(lab, lanes, tally, chosen.all_kills)
            for job in pending:
                job.result()
        if endings and hands_over:
            stops.run(lab, tally)
        check_sender(lab, tally, whole=not chosen.only)
        status = tally.close(f"lab {lab.adapter}", time.monotonic() - begun)
        if status != 0 and not chosen.keep_logs:
            chosen.keep_logs = TOP / "build" / "lab-logs"
        return status
    finally:
        if chosen.keep_logs:
            lab.world.keep_logs(chosen.keep_logs)
            report.note(f"the logs are in {chosen.keep_logs}")


def plays_of(lab: Lab) -> list:
    """Several messages in a row: what of it exists for that mail server."""
    if lab.adapter in ("postfix-pipe", "postfix-lmtp"):
        return PLAYS
    told = {s.id: s for s in lab.world.scenarios}
    return [] if lab.family != "exim" else [
        play for play in reuse.PLAYS if not scenario_file.is_absent(told[play.id], "exim")]


def run_broken(lab: Lab, thing, tally: report.Tally) -> None:
    """A fault, or a play."""
    runs = reuse if isinstance(thing, reuse.Play) else faults
    found, last = runs.run(lab, thing)
    tally.add(f"{thing.id:7} {thing.title}", "\n".join(found), last)


def run_scenario(lab: Lab, scenario, tally: report.Tally) -> None:
    found, last = lab.run(scenario)
    tally.add(f"{scenario.id:7} {scenario.title}", "\n".join(found), last)


def run_all(lab: Lab, wanted: list, broken: list, mixed: bool, tally: report.Tally) -> None:
    report.note(f"{len(wanted)} scenarios and {len(broken)} faults and plays at once")

    def more(room):
        found, last = room.run(lab)
        tally.add(room.TITLE, "\n".join(found), last)

    with ThreadPoolExecutor(len(wanted) + len(broken) + 2) as pool:
        jobs = [pool.submit(run_scenario, lab, s, tally) for s in wanted]
        jobs += [pool.submit(run_broken, lab, f, tally) for f in broken]
        jobs += [pool.submit(more, room) for room in (several, local_mail)] if mixed else []
        for job in jobs:
            job.result()


def check_sender(lab: Lab, tally: report.Tally, whole: bool) -> None:
    """Nothing that the MTA or the service had to complain of on the way."""
    trouble = lab.world.sender.complaints()
    tally.check("the MTA met nothing fatal", not trouble, "\n".join(trouble[:5]))
    printed = lab.world.sender.printed(lab.admin)
    missing = [line for line in lab.world.sender.advised() if line not in printed]
    tally.check("'pin-admin config' prints the lines that the lab uses",
                not missing, f"missing: {missing}\n{printed}")
    if lab.world.sender.inspected():
        said = lab.world.sender.doctor(lab.admin)
        tally.check("'pin-admin doctor' finds nothing wrong with the MTA", not said,
                    "\n".join(said))
    if lab.family == "exim" and whole:
        counts = exim_counts(lab)
        tally.check("status counts what Exim asked", all(counts.values()), str(counts))
    alive = lab.service.process.poll() is None
    tally.check("posternd still runs, and ends cleanly when told to",
                alive and lab.service.stop() == 0,
                f"status {lab.service.process.returncode}\n{lab.service.log.tail()}")
    # Last: what the service has in hand is written down when it ends.
    told = [f"{file}: {words!r}" for file in lab.world.files()
            if file.is_file() and _is_record(file)
            for words in accounts.spoken() if words in file.read_bytes()]
    tally.check("no log and no store has a relay's secret", not told, "\n".join(told[:5]))


def exim_counts(lab: Lab) -> dict:
    doors = json.loads(lab.service.ask("status").removeprefix("ok "))["doors"]
    door = next(d for d in doors if d["name"] == "exim")
    return {name: door[name] for name in ("questions", "passed", "deferred")}


def _is_record(file: Path) -> bool:
    """What the sender's side writes down: logs, stores, the MTA's own."""
    return (file.name in ("log", "syslog") or file.suffix in (".log", ".err", ".db")
            or file.name.endswith("-wal")) and "receivers" not in file.parts


def shell(lab: Lab) -> int:
    """For a person: everything is up; what is where."""
    os.environ |= {"PS1": "lab# ",
                   "PATH": f"{lab.home}/bin:" + os.environ["PATH"]}
    print(f"everything lies in {lab.home}; pin-admin --config {lab.service.config}; "
          "leave with exit")
    return subprocess.call(["bash", "--norc"])
