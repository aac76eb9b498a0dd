"""CPU seconds by party, from /proc.

Only the lab's processes are in this /proc. A process that ended is counted with
its parent, once that has waited for it: so the short-lived programs of pipe(8)
are found in what pipe's processes waited for.
"""

import os
from dataclasses import dataclass
from pathlib import Path

AGENTS = ("pipe", "lmtp", "smtp", "tlsproxy")
TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Process:
    name: str
    parent: int
    own: float        # CPU seconds of its own threads
    waited: float     # of its children that ended


def processes() -> dict[int, Process]:
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            text = (entry / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # it ended just now
        name = text[text.index("(") + 1:text.rindex(")")]
        rest = text[text.rindex(")") + 2:].split()
        user, system, child_user, child_system = (int(f) / TICK for f in rest[11:15])
        found[int(entry.name)] = Process(name, int(rest[1]), user + system,
                                         child_user + child_system)
    return found


def parties(sender: int, receiver: int, posternd: int) -> dict[str, float]:
    """CPU seconds so far; the arguments are process ids, of the masters for Postfix."""
    all_of_them = processes()
    spent = dict.fromkeys(("agent", "program", "posternd", "other Postfix", "receiver",
                           "DNS", "bench"), 0.0)

    def under(pid: int, master: int) -> bool:
        while pid in all_of_them and pid != master:
            pid = all_of_them[pid].parent
        return pid == master

    for pid, process in all_of_them.items():
        if pid == posternd:
            spent["posternd"] += process.own + process.waited
        elif pid == os.getpid():
            spent["bench"] += process.own
        elif process.name in ("nsd", "unbound"):
            spent["DNS"] += process.own
        elif under(pid, receiver):
            spent["receiver"] += process.own + process.waited
        elif under(pid, sender) and process.name in AGENTS:
            spent["agent"] += process.own
            spent["program"] += process.waited
        elif under(pid, sender):
            spent["other Postfix"] += process.own + process.waited
    return spent


def machine() -> tuple[float, float]:
    """CPU seconds of the whole machine, its other users included: busy, and in all."""
    fields = [int(f) / TICK for f in
              Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]]
    return sum(fields) - fields[3] - fields[4], sum(fields)
