"""Rows 28s to 28u and 19m: settings of a service's own, and several messages.

Each is a play (postlab/reuse.py) whose posternd has the file of credentials, or
the option, that it is about.
"""

from .accounts import SECRETS
from .reuse import Play, Stage
from .scenarios import Expect


def _line(stage: Stage, user: str, secret: str = "") -> str:
    return f"[mx.{stage.fault.domain}]:587 {user} {secret or SECRETS[user]}"


def _logins(stage: Stage) -> list[str]:
    receivers = stage.lab.world.receivers
    receivers.postfix.flush_log()
    return receivers.seen(receivers.by_host[f"mx.{stage.fault.domain}"].name).logins


def _write(stage: Stage, *lines: str):
    return stage.lab.write_credentials(stage.fault.id, list(lines))


def login_kept(stage: Stage) -> None:
    """One login for all, until the credentials change."""
    _write(stage, _line(stage, "alice"))
    for _ in range(3):
        stage.send()
    stage.require(len(stage.connections()) == 1, f"{len(stage.connections())} connections for 3")
    _write(stage, _line(stage, "bob"))
    stage.send()
    stage.require(len(stage.connections()) == 2, "the connection outlived its credentials")
    stage.require(stage.count("auth") == 2, f"{stage.count('auth')} AUTH commands, not 2")
    want = ["SCRAM-SHA-256 alice"] * 3 + ["SCRAM-SHA-256 bob"]
    stage.require(_logins(stage) == want, f"the messages came by {_logins(stage)}")


def read_by_others(stage: Stage) -> None:
    """Refused while others can read it or it is half written; mended, mail goes on."""
    unusable = Expect("deferred", "4.3.5", "credentials-unavailable")
    file = _write(stage, _line(stage, "alice"))
    file.chmod(0o640)
    stage.send(expect=unusable)
    file.chmod(0o600)
    stage.send()
    file.write_text(_line(stage, "alice"), encoding="utf-8")  # no line end
    stage.send(expect=unusable)
    file.unlink()
    stage.send(expect=unusable)
    _write(stage, _line(stage, "alice"))
    stage.send()
    stage.require(stage.count("auth") == 2, f"{stage.count('auth')} AUTH commands, not 2")
    stage.require(len(stage.connections()) == 2, "a connection without usable credentials")


def account_spared(stage: Stage) -> None:
    """What was refused is not tried again at once; what has changed is."""
    refused = Expect("deferred", "4.7.8", "auth-refused")
    _write(stage, _line(stage, "alice", "outdated"))
    for _ in range(4):
        stage.send(expect=refused)
    stage.require(len(stage.connections()) == 1, f"{len(stage.connections())} tries for 4")
    _write(stage, _line(stage, "alice"))
    stage.send()
    stage.require(stage.count("auth") == 2, f"{stage.count('auth')} AUTH commands, not 2")


def octets_refused(stage: Stage) -> None:
    stage.send(body="8bit", expect=Expect("bounced", "5.6.3", "8bitmime-not-supported"))
    stage.send(expect=Expect(seen="message"))
    host = stage.lab.world.receivers.by_host[f"mx.{stage.fault.domain}"]
    seen = stage.lab.world.receivers.seen(host.name)
    stage.require(seen.count("mail") == 1, f"MAIL was said {seen.count('mail')} times, not once")


PLAYS = [
    Play("28s", "one login for several messages, until it changes", login_kept,
         settings={"credentials": ""}),
    Play("28t", "credentials that others can read, or half written", read_by_others,
         settings={"credentials": ""}),
    Play("28u", "a refused login is not repeated", account_spared,
         settings={"credentials": ""}),
    Play("19m", "8-bit octets refused as configured", octets_refused,
         settings={"without-8bitmime": "refuse"}),
]
