"""scripts/demo: a dozen destinations, one table."""

import argparse
import shutil
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cryptography.x509 import DNSName, SubjectAlternativeName
from cryptography.x509.oid import NameOID

from . import judge, messages, pins, pki, report
from .runner import Lab, PATIENCE

HEADS = ("destination", "policy", "the server presented", "verdict", "reason",
         "the receiver saw")
SHARES = (21, 17, 31, 10, 26, 28)  # of the width


def main(arguments: list[str]) -> int:
    options = argparse.ArgumentParser(description="Shows Postern at work on a real Postfix.")
    options.add_argument("--bin-dir", type=Path, required=True)
    options.add_argument("--keep-logs", type=Path)
    chosen = options.parse_args(arguments)
    begun = time.monotonic()
    lab = Lab("postfix-pipe", chosen.bin_dir)
    lab.start()
    shown = [s for s in lab.world.scenarios if s.demo]
    report.note(f"sending mail to {len(shown)} destinations by Postfix")
    with ThreadPoolExecutor(len(shown)) as pool:
        groups = list(pool.map(lambda s: rows_of(lab, s), shown))
    if chosen.keep_logs:
        lab.world.keep_logs(chosen.keep_logs)
    lab.service.stop()
    rows = [row for group, _ in groups for row in group]
    print_table(rows)
    wrong = [problem for _, problems in groups for problem in problems]
    for problem in wrong:
        print(report.paint(f"not as it should be: {problem}", "red"))
    waiting = sum(row[3] == "deferred" for row in rows)
    print(f"\n{len(rows)} messages by a real Postfix in {time.monotonic() - begun:.0f} s: "
          f"{len(rows) - waiting} delivered, {waiting} held back and still in its queue. "
          "Nothing is left running.")
    return 1 if wrong else 0


def rows_of(lab: Lab, scenario) -> tuple[list, list]:
    """A row for each attempt of the scenario, and what went wrong."""
    rows, found = [], []
    mail = lab.compose(scenario)
    before = judge.baseline(lab.world, scenario.receivers)
    queue_id, attempt = lab.world.sender.submit(mail), 1
    row, problems = _attempt(lab, scenario, mail, queue_id, attempt, before, scenario.expect)
    rows.append([f"{scenario.domain}\n{scenario.demo}"] + row)
    found += problems
    for step in scenario.steps:
        for action in step.do:
            pins.do(lab, scenario, action)
        before = judge.baseline(lab.world, scenario.receivers)
        if step.again:
            attempt += 1
            lab.world.sender.retry(queue_id)
        else:
            mail, attempt = lab.compose(scenario), 1
            queue_id = lab.world.sender.submit(mail)
        row, problems = _attempt(lab, scenario, mail, queue_id, attempt, before, step.expect)
        done = {"pin server": "its key compared and pinned, the queue flushed",
                "switch to backup": "the same, now with its next key"}
        rows.append(["… " + ", ".join(done[a] for a in step.do)] + row)
        found += problems
    return rows, found


def _attempt(lab, scenario, mail: messages.Mail, queue_id, attempt, before, expect):
    got = lab.world.sender.wait_attempt(queue_id, attempt, PATIENCE)
    problems = judge.problems(lab.world, scenario.receivers, before, mail, got, expect)
    policy = lab.fill(scenario.policy[0], scenario).split(" ", 1)[1]
    presented = "\n".join(_presented(lab, r) for r in scenario.receivers)
    reason = _reason(got.text) if got.result != "delivered" else ""
    return ([policy, presented, got.result, reason, _saw(lab, scenario, before, mail)],
            problems)


def _presented(lab, receiver) -> str:
    if receiver.tls == "none":
        return "no STARTTLS"
    if (receiver.script or {}).get("capability") == "stripped":
        return "XXXXXXXX where STARTTLS was"
    chain = lab.world.receivers.chain(receiver)
    leaf = chain.leaf
    try:
        names = leaf.extensions.get_extension_for_class(SubjectAlternativeName)
        name = names.value.get_values_for_type(DNSName)[0]
    except LookupError:
        name = receiver.host
    own = leaf.issuer == leaf.subject
    issuer = leaf.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
    text = f"{name}, " + ("self-signed" if own else f"by {issuer[0].value}")
    if leaf.not_valid_after < pki.NOW:
        text += ", expired"
    if receiver.cert == "attacker-with-pinned":
        text += ", and the pinned certificate behind it"
    return text


def _reason(text: str) -> str:
    """The token at the head of the log text, or of its last host."""
    known = [word.strip(":;,()") for word in text.split() if word.count("-") and
             word.rstrip(":;,()").replace("-", "").isalpha() and word.endswith(":")]
    return known[0] if known else text[:40]


def _saw(lab, scenario, before, mail) -> str:
    for copy in lab.world.receivers.messages(mail.mark):
        host = lab.world.receivers.by_name[copy.receiver].host
        return f"the message, {'over TLS' if copy.encrypted else 'in clear'}" + (
            f", at {host}" if len(scenario.receivers) > 1 else "")
    words = []
    for receiver in scenario.receivers:
        seen = lab.world.receivers.seen(receiver.name)
        words += [verb.upper() for verb, count in seen.commands.items()
                  if count > before[receiver.name].commands.get(verb, 0)]
    return f"{' '.join(words)}; no MAIL" if words else "nothing: never asked"


def print_table(rows: list) -> None:
    columns = max(100, min(shutil.get_terminal_size((140, 24)).columns, 170)) - 12
    widths = [columns * share // sum(SHARES) for share in SHARES]
    colours = {"delivered": "green", "deferred": "yellow", "bounced": "red"}

    def line(cells, paints):
        wrapped = [[part for piece in cell.split("\n")
                    for part in textwrap.wrap(piece, width) or [""]]
                   for cell, width in zip(cells, widths)]
        for index in range(max(map(len, wrapped))):
            print("  ".join(
                report.paint((cell[index] if index < len(cell) else "").ljust(width), paint)
                if paint else (cell[index] if index < len(cell) else "").ljust(width)
                for cell, width, paint in zip(wrapped, widths, paints)).rstrip())

    print()
    line(HEADS, ["bold"] * 6)
    rule = report.paint("─" * (sum(widths) + 10), "grey")
    for row in rows:
        print(rule)
        line(row, ["cyan", "", "", colours.get(row[3], "red"), colours.get(row[3], "red"), ""])
    print(rule)
