"""Who may log in to the receivers: real smtpd(8) with Cyrus SASL and a sasldb."""

import base64
import shutil
import subprocess
from pathlib import Path

REALM = "lab"
# Words that stand nowhere else: no log and no store may have them.
SECRETS = {"alice": "Wr0ught-iron-portcullis", "bob": "second gate # with spaces"}


def spoken() -> list[bytes]:
    """Every form in which a secret could be found where it must not be."""
    found = []
    for user, secret in SECRETS.items():
        raw = secret.encode()
        found += [raw, base64.b64encode(raw),
                  base64.b64encode(b"\0" + user.encode() + b"\0" + raw)]
    return found


class Accounts:
    """The sasldb and a configuration for each receiver that asks for a login.

    `directory` is "sasl" beside main.cf: there Debian's smtpd(8) looks, and nowhere else.
    """

    def __init__(self, directory: Path):
        self.directory = directory
        self.database = directory / "sasldb2"
        directory.mkdir(parents=True, exist_ok=True)

    def options(self, name: str, mechanisms: str) -> dict:
        """smtpd(8)'s: no mail but after a login over TLS, 530 before it."""
        (self.directory / f"{name}.conf").write_text(
            "pwcheck_method: auxprop\nauxprop_plugin: sasldb\n"
            f"sasldb_path: {self.database}\nmech_list: {mechanisms}\n", encoding="ascii")
        return {"smtpd_sasl_auth_enable": "yes", "smtpd_sasl_path": name,
                "smtpd_tls_auth_only": "yes", "smtpd_delay_reject": "no",
                "smtpd_sender_restrictions": "permit_sasl_authenticated,reject",
                "reject_code": "530"}

    def make(self) -> None:
        for user, secret in SECRETS.items():
            subprocess.run(["/usr/sbin/saslpasswd2", "-p", "-c", "-f", str(self.database),
                            "-u", REALM, user], input=secret.encode(), check=True,
                           capture_output=True)
        shutil.chown(self.database, "postfix", "postfix")
