"""sendmail.cf files as m4 makes them, each broken in one way, and what doctor must find."""

import shutil
from dataclasses import dataclass, field

from . import space
from .adapters.sendmail import advice
from .doctor_cases import Case
from .sendmail import Sendmail

PORT, FILTERED = 2540, 2541
DIRECTORY = space.HOME / "doctor/sendmail"


@dataclass
class Setup:
    """Changes to what `pin-admin config sendmail` prints, and to what stands around it."""
    id: str
    finds: dict = field(default_factory=dict)
    edit: tuple = ()              # (part, old, new): part is "before" or "after"
    more: str = ""                # mc lines before it
    table: str = ""               # lines of the mailertable besides
    strict: bool = False          # the strict form
    advised: bool = True          # False: nothing of ours is there
    options: tuple = ()           # of doctor
    status: int = -1              # of the exit; -1: by the findings


class Machine:
    """Where the files are made; the service is the bench's."""

    def __init__(self, bench):
        self.bench = bench
        self.forms = {strict: advice(bench.programs, bench.service.config,
                                     *(("--strict",) if strict else ()))
                      for strict in (False, True)}

    def configure(self, setup: Setup):
        """The sendmail.cf, made by the distribution's m4 files and read by Sendmail itself."""
        directory = DIRECTORY / setup.id
        shutil.rmtree(directory, ignore_errors=True)
        made = Sendmail(directory, PORT, FILTERED, self.bench.pki.roots_file,
                        self.bench.home / "syslog")
        parts = dict(self.forms[setup.strict]) if setup.advised else {"before": "", "after": ""}
        for part, old, new in setup.edit:
            assert old in parts[part], f"{setup.id}: {part} lacks {old!r}"
            parts[part] = parts[part].replace(old, new)
        table = parts.get("mailertable", "") + setup.table
        made.configure(parts, table, options=setup.more.format(dir=directory))
        (directory / "aliases").write_text("postmaster: root\n", encoding="ascii")
        made.command("-bi")
        return made.config


def run(machine: Machine, setup: Setup, judge) -> str:
    config = machine.configure(setup)
    words = list(setup.options)
    if "--sendmail-config" not in words:
        words += ["--sendmail-config", str(config)]
    status, findings = machine.bench.doctor("--no-dns", *words)
    return judge(Case(setup.id, finds=setup.finds, status=setup.status), status, findings)


LATER = "LOCAL_RULESETS\nS"
FLAGS = "socket -f -q -d30 -T<TMPF>"
REFUSAL = 'R$*\t\t$#error $@ 4.7.5 $: "403 TLS policy service gave no verdict"'
ALL = [
    Setup("sendmail-good"),
    Setup("sendmail-good-strict", strict=True),
    Setup("sendmail-stock", advised=False,
          finds={"sendmail-no-map": ["postern"],
                 "sendmail-no-hook": ["Local_tls_server", "Local_tls_rcpt"],
                 "sendmail-connection-cache": ["confMCI_CACHE_SIZE"],
                 "sendmail-cnames": ["confDONT_EXPAND_CNAMES"],
                 "sendmail-fingerprint": ["sha256"],
                 "sendmail-clear-fallback": ["cleartext"],
                 "sendmail-names": ["SetCertAltnames"]}),
    Setup("sendmail-hook-server", {"sendmail-no-hook": ["Local_tls_server is never called"]},
          (("after", "LOCAL_TLS_SERVER\n", LATER + "Local_tls_server\n"),)),
    Setup("sendmail-hook-rcpt", {"sendmail-no-hook": ["Local_tls_rcpt is never called"]},
          (("after", "LOCAL_TLS_RCPT\n", LATER + "Local_tls_rcpt\n"),)),
    Setup("sendmail-hook-idle", {"sendmail-no-hook": ["Local_tls_rcpt does not ask"]},
          (("after", "$(postern R<", "$(tlsmac R<"),)),
    Setup("sendmail-cache", {"sendmail-connection-cache": ["not 0 or 1"]},
          (("before", "confMCI_CACHE_SIZE', `1'", "confMCI_CACHE_SIZE', `10'"),)),
    Setup("sendmail-cache-none", {},
          (("before", "confMCI_CACHE_SIZE', `1'", "confMCI_CACHE_SIZE', `0'"),)),
    Setup("sendmail-cnames", {"sendmail-cnames": ["forges DNS"]},
          (("before", "define(`confDONT_EXPAND_CNAMES', `true')", ""),)),
    Setup("sendmail-digest", {"sendmail-fingerprint": ["sha256"]},
          (("before", "define(`confCERT_FINGERPRINT_ALGORITHM', `sha256')", ""),)),
    Setup("sendmail-milter-optional", {"sendmail-milter-optional": ["F=T"]},
          (("before", " F=T,", ""),)),
    Setup("sendmail-milter-rejects", {"sendmail-milter-optional": ["F=T"]},
          (("before", " F=T,", " F=R,"),)),
    Setup("sendmail-clear", {"sendmail-clear-fallback": ["cleartext"]},
          (("before", "define(`confTLS_FALLBACK_TO_CLEAR', `false')", ""),)),
    Setup("sendmail-altnames", {"sendmail-names": ["SetCertAltnames"]},
          (("after", "O SetCertAltnames=true\n", ""),), status=3),
    Setup("sendmail-map-optional", {"sendmail-map-optional": ["-o"]},
          (("after", FLAGS, "socket -o -f -q -d30 -T<TMPF>"),)),
    Setup("sendmail-map-no-t", {"sendmail-map-flags": ["-T<TMPF>"]},
          (("after", FLAGS, "socket -f -q -d30"),)),
    Setup("sendmail-map-folds", {"sendmail-map-flags": ["-f"]},
          (("after", FLAGS, "socket -q -d30 -T<TMPF>"),)),
    Setup("sendmail-map-unquotes", {"sendmail-map-flags": ["-q"]},
          (("after", FLAGS, "socket -f -d30 -T<TMPF>"),)),
    Setup("sendmail-map-elsewhere", {"sendmail-map-elsewhere": ["sendmail-map"]},
          (("after", "/sendmail-map\n", "/another\n"),)),
    Setup("sendmail-map-hash", {"sendmail-no-map": ["postern"]},
          (("after", FLAGS + " unix:", "hash -o "),)),
    Setup("sendmail-verdict", {"sendmail-verdict-open": ["TlsVerdict"]},
          (("after", REFUSAL, "R$*\t\t$@ OK"),)),
    Setup("sendmail-fallback-mx", {"sendmail-fallback-mx": ["fall.example"]}, status=3,
          more="define(`confFALLBACK_MX', `fall.example')dnl\n"),
    Setup("sendmail-smarthost", {"sendmail-smarthost": ["smart.example"]}, status=3,
          more="define(`SMART_HOST', `smart.example')dnl\n"),
    Setup("sendmail-host-status", {"sendmail-host-status": ["HostStatusDirectory"]}, status=3,
          more="define(`confHOST_STATUS_DIRECTORY', `{dir}/hoststat')dnl\n"),
    Setup("sendmail-authinfo", {"sendmail-client-auth": ["credentials"]},
          more="FEATURE(`authinfo', `hash -o {dir}/authinfo')dnl\n"),
    Setup("sendmail-auth-default", {"sendmail-client-auth": ["credentials"]},
          more="define(`confDEF_AUTH_INFO', `{dir}/default-auth-info')dnl\n"),
    Setup("sendmail-bypass", {"sendmail-bypass": ["bank.example", "lab-nowhere"]},
          table="bank.example\tlab-nowhere:x\n"),
    Setup("sendmail-bypass-below", {"sendmail-bypass": [".partner.example", "lab-nowhere"]},
          table=".partner.example\tlab-nowhere:x\n"),
    Setup("sendmail-bypass-weak", {"sendmail-bypass": ["enc.example"]}, status=3,
          table="enc.example\tlab-nowhere:x\n"),
    Setup("sendmail-local", {"sendmail-bypass": ["bank.example", "local"]},
          more="LOCAL_DOMAIN(`bank.example')dnl\n"),
    Setup("sendmail-other-route", {}, table="free.example\tlab-nowhere:x\n"),
    Setup("sendmail-no-file", {"sendmail-unreadable": ["/run/lab/nowhere"]}, status=4,
          options=("--sendmail-config", "/run/lab/nowhere")),
    Setup("sendmail-no-program", {"sendmail-route-unknown": ["bank.example"]}, status=4,
          options=("--sendmail-program", "/run/lab/nowhere")),
    Setup("sendmail-mute", {"sendmail-route-unknown": ["names no mailer"]}, status=4,
          options=("--sendmail-program", "/bin/true")),
]
