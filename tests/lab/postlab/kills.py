"""Row 23: kill -9 of the client and of the service at each system call of one delivery.

strace(1) kills before the N-th system call: of postern-transport from its first
one on, of posternd's worker thread from the request on. Each time the message
must arrive, once; twice only where the service was killed after the receiver had
all of it and before the journal knew. Judged by the receiver, Postfix's queue and
the journal's file.

By LMTP there is no client of ours to kill, and the service's calls are those of the
thread that delivers; the rest is the same. Exim delivers itself: its calls are those of
the thread that answers its questions, and nothing ever arrives twice.

Trials run in lanes: each has a transport, a door and a posternd of its own, and
takes one trial after the other. Each has an Exim of its own, too.
"""

import os
import queue
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
import traceback
from dataclasses import dataclass
from pathlib import Path

from . import logs, messages
from .adapters.postfix_pipe import Transport
from .doors import lead

LANES = 6
SAMPLE = 30         # of the client, and as many of the service, unless all are wanted
SAMPLE_OF_ANSWERS = 12  # Exim delivers itself
PATIENCE = 60
STRACE = "/usr/bin/strace"
# Nothing changes for anybody else between two of these.
INWARD = {"brk", "mmap", "munmap", "mprotect", "madvise", "futex", "getpid", "gettid",
          "getrandom", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "fcntl", "fstat",
          "newfstatat", "lseek", "prlimit64", "readlink", "readlinkat", "set_tid_address",
          "set_robust_list", "rseq", "arch_prctl", "sysinfo", "uname", "restart_syscall",
          "clock_nanosleep", "sched_yield", "poll", "pread64", "setsockopt", "getsockopt"}


@dataclass
class Trial:
    """Kill `who` before its system call `number`, `call`."""
    who: str
    number: int
    call: str

    @property
    def name(self) -> str:
        return f"23-{self.who} killed before its system call {self.number} ({self.call})"


class Lane:
    """One sender's transport with its own service."""

    def __init__(self, lab, number: int):
        self.lab, self.number = lab, number
        self.directory = lab.home / "kills" / str(number)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.script = self.directory / "transport"
        self.trace = self.directory / "trace"
        self.recipient = f"lane{number}@row23.test"
        self.service = None
        self.sender = lab.world.sender  # apart, once it has started

    def transport(self) -> Transport:
        return Transport(f"kill{self.number}", door=self.directory / "door",
                         recipient=self.recipient, program=str(self.script), persistent=True)

    @property
    def door(self) -> str:
        return self.lab.world.sender.door

    def prepare(self) -> None:
        self.service = self.lab.make_service(f"kill-{self.number}", **{
            "worker-threads": "1", "lmtp-connections": "1", "exim-questions": "1"})
        shutil.copy(self.lab.service.snapshot, self.service.snapshot)
        shutil.chown(self.service.snapshot, "root", "postern")
        shutil.chown(self.directory, "postern-client")
        self.use_script()
        self.sender = self.lab.world.sender.apart(self.directory)
        lead(self.sender.door_of(self.directory), self.service.doors[self.door])

    def use_script(self, strace: str = "") -> None:
        """What pipe(8) runs from now on."""
        fresh = self.script.with_suffix(".new")
        fresh.write_text(f'#!/bin/sh\nexec {strace} {self.lab.programs["postern-transport"]} '
                         '"$@"\n', encoding="ascii")
        fresh.chmod(0o755)
        fresh.rename(self.script)

    # Tracing.

    def client_calls(self) -> list[str]:
        """The system calls of postern-transport in one delivery."""
        self.service.start()
        self.use_script(f"{STRACE} -qq -o {self.trace}")
        self._send("delivered")
        self.use_script()
        self.service.stop()
        return _calls(self.trace)

    def service_calls(self, worker: int) -> list[str]:
        """Those of posternd's worker, a thread of the service by its place."""
        self.service.start()
        tracer = self._attach(worker, "")
        self._send("delivered")
        self.service.stop()
        tracer.wait(30)
        return _calls(self.trace)

    def find_worker(self) -> int:
        """The place among the service's threads of the one that delivers."""
        self.service.start()
        threads = self._threads()
        # The one that connects to the server, or that answers the first question.
        sign = r"sendmsg\(.*\"plan plan=" if self.door == "exim" else \
            r"connect\(.*sin_port=htons\(25\)"
        tracer = subprocess.Popen([STRACE, "-qq", "-f", "-o", str(self.trace), "-e",
                                   "trace=connect,sendmsg", "-p",
                                   str(self.service.process.pid)])
        for thread in threads:
            self._wait_traced(thread)
        self._send("delivered")
        self.service.stop()
        tracer.wait(30)
        for line in self.trace.read_text(encoding="utf-8", errors="replace").splitlines():
            match = re.match(r"(\d+) +" + sign, line)
            if match:
                return threads.index(int(match[1])) - len(threads)
        raise AssertionError("no thread of the service had to do with the delivery")

    def _threads(self) -> list[int]:
        return sorted(int(t.name) for t in
                      Path(f"/proc/{self.service.process.pid}/task").iterdir())

    def _attach(self, worker: int, inject: str) -> subprocess.Popen:
        thread = self._threads()[worker]
        tracer = subprocess.Popen(
            [STRACE, "-qq", "-o", str(self.trace), *(["-e", inject] if inject else []),
             "-p", str(thread)], stderr=subprocess.DEVNULL)
        self._wait_traced(thread)
        return tracer

    def _wait_traced(self, thread: int) -> None:
        status = Path(f"/proc/{self.service.process.pid}/task/{thread}/status")
        logs.until(lambda: "TracerPid:\t0" not in status.read_text(), 20, "strace attaches")

    # Trials.

    def _send(self, expected: str = "") -> tuple[messages.Mail, str, str]:
        mail = messages.compose("sender@sender.test", self.recipient, "plain")
        queue_id = self.sender.submit(mail)
        got = self.sender.wait_attempt(queue_id, 1, PATIENCE)
        if expected and got.result != expected:
            raise AssertionError(f"{got.result} instead of {expected}: {got.text}")
        return mail, queue_id, got.result

    def _idle(self) -> bool:
        return re.search(rf'"name":"{self.door}"[^}}]*"busy":0,"queued":0',
                         self.service.ask("status")) is not None

    def kill_client(self, trial: Trial) -> list[str]:
        self.service.start()
        self.use_script(f"{STRACE} -qq -o /dev/null "
                        f"-e inject=all:signal=SIGKILL:when={trial.number}")
        mail, queue_id, result = self._send()
        self.use_script()
        logs.until(self._idle, 30, "the service is done with the message")
        found = self._finish(mail, queue_id, result)
        self.service.stop()
        # It was the service that spoke to the receiver, and it lives.
        return found + self._copies(mail, 1)

    def kill_service(self, trial: Trial, worker: int) -> list[str]:
        self.service.start()
        tracer = self._attach(worker, f"inject=all:signal=SIGKILL:when={trial.number}")
        mail, queue_id, result = self._send()
        if self.service.process.poll() is None and result == "delivered":
            self.service.stop()  # it needed fewer calls this time
        self.service.process.wait(30)
        tracer.wait(30)
        before = self.lab.world.receivers.transfers(mail.mark)
        known = self._journal(queue_id)
        self.service.start()
        found = self._finish(mail, queue_id, result)
        self.service.stop()
        may_be_twice = before == 1 and known in ("begun", "unanswered")
        return found + self._copies(mail, 2 if may_be_twice else 1)

    def _finish(self, mail, queue_id: str, result: str) -> list[str]:
        """The next attempt, where one is needed."""
        sender = self.sender
        if result == "bounced":
            return [f"bounced: {sender.attempts(queue_id)[-1].text}"]
        if result == "deferred":
            sender.retry(queue_id)
            last = sender.attempts(queue_id)[-1]
            if last.result != "delivered":
                return [f"the second attempt: {last.result} {last.text}"]
        logs.until(lambda: self.lab.world.receivers.transfers(mail.mark), 10, "it arrives")
        return [] if queue_id not in sender.queued() else ["it is still in the queue"]

    def _copies(self, mail, most: int) -> list[str]:
        copies = self.lab.world.receivers.transfers(mail.mark)
        return [] if 1 <= copies <= most else [f"it arrived {copies} times, at most {most} allowed"]

    def _journal(self, queue_id: str) -> str:
        file = self.service.directory / "state" / "journal.db"
        if not file.exists():
            return "none"
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as journal:
            row = journal.execute("SELECT state FROM deliveries WHERE queue_id=?",
                                  (queue_id,)).fetchone()
        return ("begun", "delivered", "unanswered", "not-sent")[row[0]] if row else "none"


def _calls(trace: Path) -> list[str]:
    """Names, in order; a call that was interrupted by the attaching counts."""
    calls = []
    for line in trace.read_text(encoding="utf-8", errors="replace").splitlines():
        match = re.match(r"(?:\d+ +)?(\w+)\(", line)
        if match:
            calls.append(match[1])
    return calls


def _chosen(who: str, calls: list[str], everything: bool, sample: int) -> list[Trial]:
    """The calls that others notice, the first of each run; or all there are."""
    trials = [Trial(who, i + 1, call) for i, call in enumerate(calls)]
    if everything:
        return trials
    trials = [t for i, t in enumerate(trials)
              if t.call not in INWARD and (i == 0 or calls[i - 1] != t.call)]
    step = max(1.0, len(trials) / sample)
    # The end is where a message is sent twice or lost: always.
    wanted = {int(i * step) for i in range(sample)} | set(range(len(trials) - 8, len(trials)))
    return [t for i, t in enumerate(trials) if i in wanted]


def lanes(lab) -> list[Lane]:
    """Their transports in the MTA's configuration; before it starts."""
    made = [Lane(lab, number) for number in range(LANES)]
    for lane in made:
        lab.world.sender.add_transport(lane.transport())
    return made


def run(lab, all_lanes: list[Lane], tally, everything: bool) -> None:
    for lane in all_lanes:
        lane.prepare()
    first, second = all_lanes[0], all_lanes[-1]
    answers_only = lab.world.sender.door == "exim"
    sample = SAMPLE_OF_ANSWERS if answers_only else SAMPLE
    sign = "sendmsg" if answers_only else "connect"
    has_client = lab.adapter == "postfix-pipe"
    client = first.client_calls() if has_client else []
    worker = second.find_worker()
    service = second.service_calls(worker)
    tally.check("23 strace sees a whole delivery in both programs",
                (len(client) > 20 or not has_client)
                and len(service) > (20 if answers_only else 40)
                and sign in service, f"client {client}\nservice {service}")
    trials: queue.SimpleQueue = queue.SimpleQueue()
    for trial in (_chosen("client", client, everything, sample)
                  + _chosen("service", service, everything, sample)):
        trials.put(trial)

    def work(lane: Lane) -> None:
        while True:
            try:
                trial = trials.get_nowait()
            except queue.Empty:
                return
            try:
                found = (lane.kill_client(trial) if trial.who == "client"
                         else lane.kill_service(trial, worker))
            except Exception as error:  # pylint: disable=broad-except
                found = [f"{type(error).__name__}: {error}", traceback.format_exc(limit=-3)]
                if lane.service.process and lane.service.process.poll() is None:
                    lane.service.stop(signal.SIGKILL)
            tally.add(trial.name, "\n".join(found))

    threads = [threading.Thread(target=work, args=(lane,)) for lane in all_lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def available() -> str:
    """Why not, or nothing."""
    return "" if os.access(STRACE, os.X_OK) else f"{STRACE} is missing: scripts/install-deps lab"
