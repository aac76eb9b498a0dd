"""A soak: many messages over a random mix of good and bad peers, while Postfix, posternd
and the receivers are stopped, killed and started again.

At the end every message that the MTA accepted is delivered, bounced or still in its queue;
nothing reached a peer that its policy refuses; nothing arrived twice but where the journal
has an attempt whose end nobody knows; and posternd's memory and descriptors are flat.
"""

import argparse
import random
import re
import signal
import sqlite3
import statistics
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from . import logs, messages, report
from .postfix import PostfixError
from .runner import TOP, Lab
from .smtp_submit import SubmitError

# Scenarios without steps or special bodies. What must come of their mail, they say.
PEERS = ("1", "1b", "2", "3a", "3c", "3f", "3g", "4", "4b", "5", "7a", "18a",
         "26a", "26b", "26c", "26d", "26e", "26f", "26h", "26k")
SHARES = {"delivered": 88, "deferred": 10, "bounced": 2}  # of a hundred messages
SUBMITTERS = 6
ROUNDS = 20          # of flushing the queue at the end
RESTART = 30         # seconds for a Postfix to come back
SETTLED = 30         # seconds, at most; kept connections end after five
# A third is for caches, arenas and stacks to fill; then nothing may grow. Of fewer
# messages, or seen less often, it may still be filling them at the end.
ENOUGH_MESSAGES, ENOUGH_SAMPLES = 5000, 60
GROWTH = 1.10
SLACK_KB = 8192
SLACK_DESCRIPTORS = 8


@dataclass
class Sent:
    """A message that the MTA has accepted."""
    mark: str
    queue_id: str
    kind: str         # as in SHARES


class Samples(threading.Thread):
    """What posternd holds, a few times a second."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.lab, self.rows, self.ended = lab, [], threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.3):
            row = self.look()
            if row:
                self.rows.append(row)

    def look(self):
        """(pid, resident kB, descriptors), if it runs."""
        pid = self.lab.service.process.pid
        try:
            status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
            return (pid, int(re.search(r"VmRSS:\s+(\d+)", status)[1]),
                    sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()))
        except (OSError, TypeError):
            return None

    def last_life(self) -> list:
        return [row for row in self.rows if row[0] == self.lab.service.process.pid]


class Soak:
    """One run."""

    def __init__(self, lab: Lab, count: int, seed: int):
        self.lab, self.count = lab, count
        self.dice = random.Random(seed)
        self.accepted: list[Sent] = []
        self._lock = threading.Lock()
        self._next = 0
        by_id = {s.id: s for s in lab.world.scenarios}
        self.domains = {kind: [by_id[i].domain for i in PEERS if by_id[i].expect.result == kind]
                        for kind in SHARES}
        self.plan = self.dice.choices(list(SHARES), list(SHARES.values()), k=count)
        self.restarts: Counter = Counter()
        self.at_rest = Samples(lab).look()[2]  # descriptors
        self.before_last_life = 0              # messages

    # Submitting.

    def submit_all(self) -> None:
        # Daemons: where a restart fails, the run ends.
        threads = [threading.Thread(target=self._submit, daemon=True)
                   for _ in range(SUBMITTERS)]
        for thread in threads:
            thread.start()
        self._disturb()
        for thread in threads:
            thread.join()

    def _submit(self) -> None:
        while True:
            with self._lock:
                if self._next == self.count:
                    return
                kind = self.plan[self._next]
                self._next += 1
                domain = self.dice.choice(self.domains[kind])
            while True:
                # Another mark for each try: of one that ends without a word nobody knows
                # whether the MTA has it.
                mail = messages.compose("sender@sender.test", f"soak@{domain}", "plain")
                try:
                    queue_id = self.lab.world.sender.submit(mail)
                except (OSError, SubmitError):
                    time.sleep(0.2)
                    continue
                with self._lock:
                    self.accepted.append(Sent(mail.mark, queue_id, kind))
                break

    # What goes wrong meanwhile.

    def _disturb(self) -> None:
        """All in the first half of the time; the second shows what grows."""
        things = [self._stop_service, self._kill_service, self._restart_sender,
                  self._restart_receivers, self._reload_service] * 2
        self.dice.shuffle(things)
        moments = sorted(self.dice.uniform(0.05, 0.5) for _ in things)
        for moment, thing in zip(moments, things):
            logs.until(lambda at=moment: len(self.accepted) >= at * self.count, 3600,
                       "messages are accepted")
            thing()
            self.restarts[thing.__name__.strip("_")] += 1

    def _stop_service(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.lab.service.stop(number)
        self.lab.service.start()
        self.before_last_life = len(self.accepted)

    def _kill_service(self) -> None:
        self._stop_service(signal.SIGKILL)

    def _reload_service(self) -> None:
        self.lab.service.send(signal.SIGHUP)

    def _restart_sender(self) -> None:
        _restart(self.lab.world.sender.postfix)

    def _restart_receivers(self) -> None:
        _restart(self.lab.world.receivers.postfix)

    # The end.

    def drain(self) -> None:
        """Until only what must wait is in the queue, or nothing changes any more."""
        sender = self.lab.world.sender
        good = {s.queue_id for s in self.accepted if s.kind != "deferred"}
        for _ in range(ROUNDS):
            logs.until(lambda: not _holds(sender.postfix), 600, "the queue manager has rest")
            if not good & sender.queued():
                return
            sender.postfix.command("postqueue", "-f")
            time.sleep(2)

    def said(self) -> dict[str, Counter]:
        """Of each queue id, how often which status was logged."""
        line = re.compile(r": (\w+): to=<.*, status=(\w+) ")
        found: dict[str, Counter] = {}
        self.lab.world.sender.postfix.flush_log()
        for text in self.lab.world.sender.postfix.log.lines():
            if (match := line.search(text)) is not None:
                found.setdefault(match[1], Counter())[match[2]] += 1
        return found

    def _arrived(self) -> Counter:
        """Of each mark, the copies. What a receiver was stopped in the middle of, and has
        deferred, it would leave for minutes."""
        receivers = self.lab.world.receivers
        for _ in range(ROUNDS):
            if not _holds(receivers.postfix, "deferred"):
                break
            receivers.postfix.command("postqueue", "-f")
            time.sleep(2)
        return receivers.copies()

    def unknown_ends(self) -> Counter:
        """Of each queue id, the attempts after which a receiver may have had the message."""
        file = self.lab.service.directory / "state" / "journal.db"
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as journal:
            rows = journal.execute("SELECT queue_id,unknown,state FROM deliveries").fetchall()
        return Counter({queue_id: unknown + (state in (0, 2)) for queue_id, unknown, state in rows})

    def judge(self, tally: report.Tally) -> None:
        said, copies, excused = self.said(), self._arrived(), self.unknown_ends()
        queued = self.lab.world.sender.queued()
        sums, wrong = Counter(), []
        for sent in self.accepted:
            status = said.get(sent.queue_id, Counter())
            # A restart of the sender may cost the line that says so.
            ends = {"delivered": status["sent"] > 0 or copies[sent.mark] > 0,
                    "bounced": status["bounced"] > 0, "deferred": sent.queue_id in queued}
            is_one = sum(ends.values()) == 1
            fate = next((name for name, true in ends.items() if true), "lost")
            sums[fate if is_one else "lost"] += 1
            if not is_one or fate != sent.kind:
                wrong.append(f"{sent.queue_id}: {sent.kind}, and {ends} {dict(status)}")
        total = len(self.accepted)
        tally.check(f"{total} accepted = {sums['delivered']} delivered + {sums['bounced']} bounced "
                    f"+ {sums['deferred']} queued", total == self.count and not wrong,
                    "\n".join(wrong[:10]))
        lost = [s.queue_id for s in self.accepted if s.kind == "delivered" and not copies[s.mark]]
        tally.check("every delivered message arrived", not lost, f"{len(lost)}: {lost[:5]}")
        leaked = [s.queue_id for s in self.accepted if s.kind != "delivered" and copies[s.mark]]
        tally.check("nothing reached a peer that its policy or its own word refuses",
                    not leaked, f"{len(leaked)}: {leaked[:5]}")
        twice = [s for s in self.accepted if copies[s.mark] > 1]
        doubled = [s.queue_id for s in twice if copies[s.mark] - 1 > excused[s.queue_id]]
        tally.check(f"{len(twice)} arrived twice, each after an attempt whose end nobody knows",
                    not doubled, f"{len(doubled)} without such an attempt: {doubled[:5]}")

    def judge_growth(self, samples: Samples, tally: report.Tally) -> None:
        rows = samples.last_life()
        messages_of_it = len(self.accepted) - self.before_last_life
        if len(rows) < ENOUGH_SAMPLES or messages_of_it < ENOUGH_MESSAGES:
            report.note(f"whether posternd's memory grows was not judged: {messages_of_it} "
                        f"messages since its last start, {len(rows)} samples; it takes "
                        f"{ENOUGH_MESSAGES} and {ENOUGH_SAMPLES}")
        else:
            third = len(rows) // 3
            early = statistics.median(kb for _, kb, _ in rows[third:2 * third])
            late = statistics.median(kb for _, kb, _ in rows[-max(3, len(rows) // 10):])
            tally.check(f"posternd's memory is flat: {early:.0f} kB in the second third, "
                        f"{late:.0f} kB at the end", late <= early * GROWTH + SLACK_KB, "it grew")
        allowed = self.at_rest + SLACK_DESCRIPTORS
        try:
            logs.until(lambda: samples.look()[2] <= allowed, SETTLED, "descriptors are given back")
        except logs.Timeout:
            pass
        rest = samples.look()[2]
        most = max((descriptors for _, _, descriptors in rows), default=rest)
        tally.check(f"its descriptors are given back: {self.at_rest} before the first message, "
                    f"{most} at most, {rest} at the end", rest <= allowed, "some were kept")


def _holds(postfix, *more: str) -> bool:
    """Whether anything is in its queues, the deferred one left out unless named."""
    return any(True for name in ("active", "incoming", "maildrop", *more)
               for file in (postfix.queue / name).rglob("*") if file.is_file())


def _restart(postfix) -> None:
    """Until it stays: children of the old master(8) may hold its ports a moment longer."""
    postfix.stop()
    end = time.monotonic() + RESTART
    while True:
        try:
            postfix.start()
            return
        except PostfixError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def parse(arguments: list[str]) -> argparse.Namespace:
    options = argparse.ArgumentParser(
        prog="tests/lab/soak",
        description="Sends messages to good and bad peers while Postfix, posternd and the "
                    "receivers are restarted, and counts what became of each.")
    options.add_argument("--messages", type=int, default=20_000, metavar="N",
                         help="how many (default: %(default)s)")
    options.add_argument("--seed", type=int, default=0, metavar="N",
                         help="of the random choices; 0: another each time")
    options.add_argument("--adapter", default="postfix-lmtp",
                         choices=("postfix-lmtp", "postfix-pipe"))
    options.add_argument("--bin-dir", default=str(TOP / "build/release"), type=Path,
                         help="the build with Postern's programs (default: %(default)s)")
    options.add_argument("--quiet", action="store_true", help="show failures only")
    options.add_argument("--keep-logs", type=Path, metavar="DIR",
                         help="copy all logs there at the end (default: to build/lab-logs, and "
                         "only if something failed)")
    return options.parse_args(arguments)


def main(chosen: argparse.Namespace) -> int:
    begun = time.monotonic()
    seed = chosen.seed or random.SystemRandom().randrange(1, 1_000_000)
    lab = Lab(chosen.adapter, chosen.bin_dir, more={"kept-connections": "100"})
    status = 1
    try:
        lab.start()
        report.note(f"{chosen.messages} messages, seed {seed}")
        tally = report.Tally(chosen.quiet)
        soak = Soak(lab, chosen.messages, seed)
        samples = Samples(lab)
        samples.start()
        soak.submit_all()
        report.note(f"all accepted after {time.monotonic() - begun:.0f} s; "
                    + ", ".join(f"{n} × {what}" for what, n in soak.restarts.items()))
        soak.drain()
        soak.judge(tally)
        soak.judge_growth(samples, tally)
        samples.ended.set()
        tally.check("posternd ends cleanly when told to", lab.service.stop() == 0)
        status = tally.close(f"soak {chosen.adapter}", time.monotonic() - begun)
        return status
    finally:
        if status != 0 and not chosen.keep_logs:
            chosen.keep_logs = TOP / "build" / "lab-logs"
        if chosen.keep_logs:
            lab.world.keep_logs(chosen.keep_logs)
            report.note(f"the logs are in {chosen.keep_logs}")
