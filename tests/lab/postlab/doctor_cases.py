"""Postfix configurations, each broken in one way, and what doctor must find in them.

`finds` maps a code to words that must stand in a finding of that code; a case passes
only if there is no other code. `mail` lists (recipient, sender): where a real
trivial-rewrite sends those past Postern, "bypass" has to be among the findings.
"""

from dataclasses import dataclass, field

POLICY = """\
bank.example secure
.partner.example secure
clinic.example hosted route=[relay.clinic.example]:465 wrapper=yes
enc.example encrypt
* may
"""

STRICT = "* secure\n"

PROGRAM = "/run/lab/bin/postern-transport"

# What a good table has.
TABLE = ("bank.example postern:\n.partner.example postern:\nclinic.example postern:\n"
         "enc.example postern:\n")
SMTP = {"default_transport": "smtp", "relay_transport": "relay"}
MAPS = {"transport_maps": "texthash:{dir}/transport"}


LMTP = ("postern-lmtp unix - - y - 100 lmtp\n  -o lmtp_send_xforward_command=yes\n"
        "  -o lmtp_data_done_timeout=3600s\n  -o lmtp_connection_cache_on_demand=no\n")
BY_LMTP = {"default_transport": "postern-lmtp:unix:postern/main/lmtp"}

MAP = "socketmap:unix:postern/main/map:policy"
BY_MAP = SMTP | {"smtp_tls_policy_maps": MAP, "smtp_tls_fingerprint_digest": "sha256",
                 "smtp_tls_security_level": "encrypt", "smtp_connection_cache_on_demand": "no"}


@dataclass
class Case:
    id: str
    main: dict = field(default_factory=dict)
    finds: dict = field(default_factory=dict)
    files: dict = field(default_factory=dict)
    postmap: tuple = ()
    services: str = ""                            # more lines for master.cf
    edit: tuple = ()                              # (old, new) in master.cf
    mail: tuple = ()
    status: int = -1                              # of the exit; -1: by the codes
    strict: bool = False                          # with "* secure" alone
    options: tuple = ()


def transport(text: str) -> dict:
    return {"transport": text}


BANK = (("a@bank.example", "s@sender.test"),)
BELOW = (("a@x.partner.example", "s@sender.test"), ("a@y.z.partner.example", "s@sender.test"))

ROUTING = [
    Case("good-default", mail=BANK + BELOW),
    Case("good-table", SMTP | MAPS, files=transport(TABLE), mail=BANK + BELOW),
    Case("stock", SMTP, {"bypass": ["bank.example", ".partner.example", "clinic.example",
                                    "enc.example"]}, mail=BANK + BELOW),
    Case("exact", MAPS, {"bypass": ["'bank.example smtp:'"]},
         transport("bank.example smtp:\n"), mail=BANK + BELOW),
    Case("upper-case", MAPS, {"bypass": ["'bank.example smtp:'"]},
         transport("BANK.Example smtp:\n"), mail=BANK),
    Case("no-parent", SMTP | MAPS, {"bypass": [".partner.example"]},
         transport(TABLE.replace(".partner.example postern:\n", "")), mail=BELOW),
    Case("below-parent", MAPS, {"bypass": ["x.partner.example"]},
         transport("x.partner.example smtp:\n"), mail=BELOW),
    Case("deep-parent", MAPS, {"bypass": [".z.partner.example"]},
         transport(".z.partner.example smtp:\n"), mail=BELOW),
    Case("parent-style", SMTP | MAPS | {"parent_domain_matches_subdomains": "transport_maps"},
         {}, transport(TABLE.replace(".partner", "partner")), mail=BELOW),
    Case("parent-style-dot", SMTP | MAPS
         | {"parent_domain_matches_subdomains": "transport_maps"},
         {"bypass": [".partner.example"]}, transport(TABLE), mail=BELOW),
    Case("recipient", MAPS, {"bypass": ["recipient ceo@bank.example"]},
         transport("ceo@bank.example smtp:\n"), mail=(("ceo@bank.example", "s@sender.test"),)),
    Case("star", MAPS, {"bypass": ["'* smtp:'"]}, transport("* smtp:\n"), mail=BANK + BELOW),
    Case("star-noop", MAPS, {}, transport("* :\n"), mail=BANK + BELOW),
    Case("star-after-table", MAPS, {}, transport(TABLE + "* smtp:\n"), mail=BANK + BELOW),
    Case("hop-only", MAPS, {"route-not-allowed": ["[other.example]:25"]},
         transport("bank.example :[other.example]:25\n"), mail=BANK),
    Case("route-named", MAPS, {},
         transport("clinic.example postern:[relay.clinic.example]:465\n"),
         mail=(("a@clinic.example", "s@sender.test"),)),
    Case("route-other", MAPS, {"route-not-allowed": ["[other.example]:465"]},
         transport("clinic.example postern:[other.example]:465\n")),
    Case("hash", {"transport_maps": "hash:{dir}/transport"}, {"bypass": ["bank.example smtp:"]},
         transport("bank.example smtp:\n"), ("hash:{dir}/transport",), mail=BANK),
    Case("proxy", {"transport_maps": "proxy:hash:{dir}/transport"},
         {"bypass": ["bank.example smtp:"]}, transport("bank.example smtp:\n"),
         ("hash:{dir}/transport",)),
    Case("inline", {"transport_maps": "inline:{{{{bank.example = smtp:}}}}"},
         {"bypass": ["bank.example smtp:"]}, mail=BANK),
    Case("second-table", {"transport_maps": "texthash:{dir}/one, texthash:{dir}/transport"},
         {"bypass": ["texthash:{dir}/transport has"]},
         {"one": "x.example postern:\n", "transport": "bank.example smtp:\n"}, mail=BANK),
    Case("regexp", {"transport_maps": "regexp:{dir}/transport"}, {"bypass": ["bank.example"]},
         transport("/@bank\\.example$/ smtp:\n"), mail=BANK),
    Case("regexp-all", SMTP | {"transport_maps": "regexp:{dir}/transport"}, {},
         transport("/.*/ postern:\n/^boss@/ smtp:\n"), mail=BANK + BELOW),
    Case("regexp-other", {"transport_maps": "regexp:{dir}/transport"}, {},
         transport("/@other\\.example$/ smtp:\n"), mail=BANK),
    Case("regexp-some", {"transport_maps": "regexp:{dir}/transport"},
         {"routing-undecidable": ["line 1 of"]}, transport("/^boss@/ smtp:\n")),
    Case("regexp-if", {"transport_maps": "regexp:{dir}/transport"},
         {"routing-undecidable": ["line 4 of"]},
         transport("if /^boss@/\n/.*/ postern:\nendif\n/^bo/ smtp:\n")),
    Case("table-missing", {"transport_maps": "hash:{dir}/absent"},
         {"routing-unknown": ["absent"]}),
    Case("table-type", {"transport_maps": "nosuch:{dir}/absent"},
         {"routing-unknown": ["unsupported dictionary type"]}),
    Case("smarthost", {"relayhost": "[smart.example]:587"},
         {"route-not-allowed": ["[smart.example]:587"]}, mail=BANK),
    Case("smarthost-smtp", SMTP | {"relayhost": "[smart.example]:587"},
         {"bypass": ["smtp:[smart.example]:587"]}, mail=BANK + BELOW),
    Case("smarthost-table", SMTP | MAPS | {"relayhost": "[smart.example]:587"}, {},
         transport(TABLE), mail=BANK),
    Case("relay-domain", {"relay_domains": "bank.example", "relay_transport": "relay"},
         {"bypass": ["relay_transport = relay"]}, mail=BANK + BELOW),
    Case("relay-parent", {"relay_domains": "partner.example", "relay_transport": "relay"},
         {"bypass": [".partner.example"]}, mail=BELOW),
    Case("relay-table", {"relay_domains": "texthash:{dir}/relay", "relay_transport": "relay"},
         {"bypass": ["bank.example"]}, {"relay": "bank.example x\n"}, mail=BANK),
    Case("by-sender",
         {"sender_dependent_default_transport_maps": "texthash:{dir}/senders"},
         {"bypass": ["sender ceo@own.example"]}, {"senders": "ceo@own.example smtp:\n"},
         mail=(("a@bank.example", "ceo@own.example"),)),
    Case("by-sender-table",
         MAPS | {"sender_dependent_default_transport_maps": "texthash:{dir}/senders"}, {},
         {"senders": "ceo@own.example smtp:\n"} | transport(TABLE),
         mail=(("a@bank.example", "ceo@own.example"),)),
    Case("by-sender-open",
         {"sender_dependent_default_transport_maps": "regexp:{dir}/senders"},
         {"routing-undecidable": ["some sender"]}, {"senders": "/ceo/ smtp:\n"}),
    Case("relay-by-sender", {"sender_dependent_relayhost_maps": "texthash:{dir}/senders"},
         {"route-not-allowed": ["[smart.example]"]}, {"senders": "@own.example [smart.example]\n"},
         mail=(("a@bank.example", "x@own.example"),)),
    Case("local", {"mydestination": "bank.example"}, {"destination-stays-here": ["bank.example"]},
         status=3, mail=BANK, services="local unix - n n - - local\n"),
    Case("local-away", {"mydestination": "bank.example", "local_transport": "smtp:[store.example]"},
         {"bypass": ["smtp:[store.example]"]}, mail=BANK),
    Case("virtual", {"virtual_mailbox_domains": "bank.example"},
         {"destination-stays-here": ["bank.example"]}, status=3),
    Case("virtual-away", {"virtual_mailbox_domains": "bank.example",
                          "virtual_transport": "smtp:[store.example]"},
         {"bypass": ["smtp:[store.example]"]}, mail=BANK),
    Case("virtual-alias", {"virtual_alias_domains": "bank.example"},
         {"destination-stays-here": ["virtual_alias_domains"]}, status=3, mail=BANK),
    Case("lmtp-good", BY_LMTP, services=LMTP),
    Case("map-good", BY_MAP),
    Case("map-relayhost", BY_MAP | {"relayhost": "[smart.example]"},
         {"bypass": ["bank.example", ".partner.example", "clinic.example", "enc.example"]},
         mail=BANK),
    Case("map-transport", BY_MAP | MAPS, {"bypass": ["bank.example"]},
         transport("bank.example smtp:[relay.example]\n"), mail=BANK),
    Case("map-order", BY_MAP | {"smtp_tls_policy_maps": "texthash:{dir}/transport, " + MAP},
         {"map-order": ["texthash:"], "bypass": ["bank.example", ".partner.example",
                                                  "clinic.example", "enc.example"]},
         transport("bank.example may\n"), mail=BANK),
    Case("map-digest", BY_MAP | {"smtp_tls_fingerprint_digest": "md5"},
         {"map-digest": ["md5", "sha256"]}),
    Case("map-reply-filter", BY_MAP | {"smtp_reply_filter": "pcre:{dir}/harder"},
         {"answers-filtered": ["-o smtp_reply_filter="]}, {"harder": "/^4(.7.*)/ 5$1\n"}, status=3),
    Case("map-level", BY_MAP | {"smtp_tls_security_level": "may"}, {"map-level": ["may"]},
         status=3),
    Case("map-chroot", BY_MAP | {"smtp_tls_policy_maps":
                                 "socketmap:unix:/run/postern/map:policy"},
         {"map-unreachable": ["/run/postern/map"],
          "bypass": ["bank.example", ".partner.example", "clinic.example", "enc.example"]},
         mail=BANK),
    Case("lmtp-alone", BY_LMTP, services=LMTP, edit=((PROGRAM, "/run/lab/bin/other"),)),
    Case("lmtp-alone-stock", SMTP, {"bypass": ["postern-lmtp:unix:postern/main/lmtp"]},
         services=LMTP, edit=((PROGRAM, "/run/lab/bin/other"),)),
    Case("lmtp-other-socket", {"default_transport": "postern-lmtp:unix:private/dovecot"},
         {"routing-through-this-host": ["private/dovecot"]}, services=LMTP),
    Case("lmtp-away", {"default_transport": "postern-lmtp:inet:relay.example:24"},
         {"bypass": ["inet:relay.example:24"]}, services=LMTP),
    Case("unknown-transport", MAPS, {"transport-missing": ["'nosuch'"]},
         transport("bank.example nosuch:\n")),
    Case("closed", MAPS, {}, transport("bank.example error:closed\n"), mail=BANK),
    Case("through-here", MAPS, {"routing-through-this-host": ["[127.0.0.1]:10025"]},
         transport("bank.example smtp:[127.0.0.1]:10025\n")),
    Case("rewrite-option", {}, {"bypass": ["bank.example smtp:"]},
         transport("bank.example smtp:\n"),
         edit=(("rewrite unix - - n - - trivial-rewrite",
                "rewrite unix - - n - - trivial-rewrite -o "
                "transport_maps=texthash:{dir}/transport"),)),
    Case("strict-good", strict=True, mail=BANK),
    Case("strict-stock", SMTP, {"bypass": ["'* secure'"]}, strict=True, mail=BANK),
    Case("strict-one", MAPS, {"bypass": ["free.example"]}, transport("free.example smtp:\n"),
         strict=True, mail=(("a@free.example", "s@sender.test"),)),
    Case("filter-away", {"content_filter": "smtp:[filter.example]"},
         {"filter-bypass": ["content_filter = smtp:[filter.example]"]}),
    Case("filter-here", {"content_filter": "smtp:[127.0.0.1]:10024"},
         {"content-filter": ["can't be told"]}, status=4),
    Case("filter-back", {"content_filter": "smtp:[127.0.0.1]:10024"},
         {"content-filter": ["comes back"]}, status=0,
         services="127.0.0.1:10026 inet n - n - - smtpd -o content_filter=\n"),
    Case("filter-known", {"content_filter": "smtp:[127.0.0.1]:10024"},
         {"content-filter": ["can't be told"]}, status=0,
         options=("--known", "content-filter")),
    Case("filter-service", {}, {"filter-bypass": ["content_filter"]},
         services="127.0.0.1:2526 inet n - n - - smtpd -o content_filter=smtp:[filter.example]\n"),
    Case("filter-header", {"header_checks": "regexp:{dir}/headers"},
         {"filter-bypass": ["header_checks"]},
         {"headers": "/^Subject: x/ FILTER smtp:[filter.example]:25\n"}),
    Case("filter-header-none", {"header_checks": "regexp:{dir}/headers"}, {},
         {"headers": "/^Subject: x/ REJECT\n"}),
    Case("filter-access",
         {"smtpd_recipient_restrictions": "check_recipient_access texthash:{dir}/access, permit"},
         {"filter-bypass": ["smtpd_recipient_restrictions"]},
         {"access": "bank.example FILTER smtp:[filter.example]\n"},
         services="127.0.0.1:2526 inet n - n - - smtpd\n"),
    Case("filter-bare-table",
         {"smtpd_sender_restrictions": "warn_if_reject, texthash:{dir}/access"},
         {"filter-bypass": ["smtpd_sender_restrictions"]},
         {"access": "x.example FILTER smtp:[filter.example]\n"},
         services="127.0.0.1:2526 inet n - n - - smtpd\n"),
    Case("filter-class",
         {"smtpd_restriction_classes": "ours",
          "ours": "check_sender_access texthash:{dir}/access"},
         {"filter-bypass": ["ours"]}, {"access": "x.example FILTER smtp:[filter.example]\n"},
         services="127.0.0.1:2526 inet n - n - - smtpd\n"),
    Case("filter-policy-service",
         {"smtpd_recipient_restrictions": "check_policy_service inet:127.0.0.1:10023"},
         {"filter-policy-service": ["may answer FILTER"]}, status=4,
         services="127.0.0.1:2526 inet n - n - - smtpd\n"),
    Case("stale-table", {"transport_maps": "hash:{dir}/transport"}, {"table-stale": ["postmap"]},
         transport(TABLE), ("hash:{dir}/transport", "touch"), status=3),
]

SETUP = [
    Case("flags-q", finds={"transport-flags": ["flags=."]}, edit=(("flags=q.", "flags=."),)),
    Case("flags-dot", finds={"transport-flags": ["flags=q"]}, edit=(("flags=q.", "flags=q"),)),
    Case("flags-more", finds={"transport-flags": ["'DR'"]}, edit=(("flags=q.", "flags=DRq."),)),
    Case("eol", finds={"transport-eol": ["missing"]}, edit=((" eol=\\r\\n", ""),)),
    Case("null-sender", finds={"transport-null-sender": ["missing"]},
         edit=((" null_sender=", ""),)),
    Case("no-dashes", finds={"transport-argv": ["-- ${nexthop}"]}, edit=((" -- $", " $"),)),
    Case("order", finds={"transport-argv": ["four"]},
         edit=(("${sender} ${recipient}", "${recipient} ${sender}"),)),
    Case("socket", finds={"transport-socket": ["/elsewhere"]},
         edit=(("--socket {socket}", "--socket /elsewhere"),)),
    Case("user-root", finds={"transport-user": ["refuses"]},
         edit=(("user=postern-client", "user=root"),)),
    Case("user-owner", finds={"transport-user": ["refuses"]},
         edit=(("user=postern-client", "user=postfix"),)),
    Case("user-absent", finds={"transport-user": ["adduser"]},
         edit=(("user=postern-client", "user=nobody-there"),)),
    Case("user-other", finds={"pipe-users": ["vmail"]},
         edit=(("user=postern-client", "user=vmail"),)),
    Case("unprivileged", finds={"transport-unprivileged": ["unpriv"]},
         edit=(("postern unix - n n", "postern unix - y n"),)),
    Case("chroot", finds={"transport-chrooted": ["BOUNCES"]},
         edit=(("postern unix - n n", "postern unix - n y"),)),
    Case("maxproc", finds={"transport-process-limit": ["worker-threads = 500"]}, status=3,
         edit=(("postern unix - n n - -", "postern unix - n n - 500"),)),
    Case("program-missing", finds={"program-missing": ["BOUNCES"]},
         edit=((PROGRAM, "/run/lab/nowhere/postern-transport"),)),
    Case("program-mode", finds={"program-not-executable": ["chmod 755"]},
         edit=((PROGRAM, "/run/lab/doctor/mode/postern-transport"),)),
    Case("program-rights", finds={"program-rights": ["others than root"]},
         edit=((PROGRAM, "/run/lab/doctor/rights/postern-transport"),)),
    Case("transport-absent", {"default_transport": "error"}, {"transport-missing": ["no service"]},
         edit=((PROGRAM, "/run/lab/bin/something-else"),)),
    Case("lmtp-fallback", BY_LMTP, {"lmtp-fallback-relay": ["smart.example"]},
         services=LMTP + "  -o lmtp_fallback_relay=[smart.example]\n"),
    Case("lmtp-xforward", BY_LMTP, {"lmtp-xforward": ["queue id"]},
         services=LMTP.replace("_command=yes", "_command=no")),
    Case("lmtp-timeout", BY_LMTP, {"lmtp-data-done-timeout": ["3600s"]},
         services=LMTP.replace("3600s", "600s")),
    Case("lmtp-cache", BY_LMTP, {"lmtp-connection-cache": ["=no"]}, status=3,
         services=LMTP.replace("demand=no", "demand=yes")),
    Case("lmtp-status-filter",
         BY_LMTP | {"default_delivery_status_filter": "pcre:{dir}/harder"},
         {"answers-filtered": ["-o lmtp_delivery_status_filter="]},
         {"harder": "/^4(.7.*)/ 5$1\n"}, services=LMTP, status=3),
    Case("pipe-status-filter", {"pipe_delivery_status_filter": "pcre:{dir}/harder"},
         {"answers-filtered": ["-o pipe_delivery_status_filter="]},
         {"harder": "/^4(.7.*)/ 5$1\n"}, status=3),
    Case("lmtp-processes", BY_LMTP, {"lmtp-process-limit": ["'maxproc'"]}, status=3,
         services=LMTP.replace("y - 100", "y - 500")),
    Case("lmtp-owner", BY_LMTP | {"mail_owner": "vmail"}, {"lmtp-users": ["vmail"]},
         services=LMTP),
    Case("recipient-limit", {"postern_destination_recipient_limit": "50"},
         {"transport-recipient-limit": ["postern_destination_recipient_limit = 1"]}),
    Case("time-limit", {"postern_time_limit": "1000s"},
         {"transport-time-limit": ["postern_time_limit = 3600s"]}),
    Case("time-limit-units", {"postern_time_limit": "1h"}),
    Case("concurrency", {"postern_destination_concurrency_limit": "0"},
         {"transport-concurrency": ["= 20"]}, status=3),
    Case("held", {"defer_transports": "postern"}, {"transport-held": ["flushes"]}),
    Case("lifetime", {"maximal_queue_lifetime": "6h"}, {"queue-lifetime": ["5d"]}, status=3),
    Case("lifetime-zero", {"maximal_queue_lifetime": "0"}, {"queue-lifetime": ["instead of"]}),
    Case("soft-bounce", {"soft_bounce": "yes"}, {"soft-bounce": ["no such user"]}, status=3),
    Case("notify", {"notify_classes": "resource"}, {"notify-classes": ["software"]}, status=3),
    Case("retry-time", {"transport_retry_time": "1h"}, {"transport-retry-time": ["60s"]},
         status=3),
    Case("size", {"message_size_limit": "0", "mailbox_size_limit": "0"},
         {"message-size": ["message_size_limit"]}, status=3),
    Case("instances", {"multi_instance_enable": "yes",
                       "multi_instance_directories": "/etc/postfix-other"},
         {"instance-not-asked": ["/etc/postfix-other"]}, status=4),
    Case("no-programs", finds={"postfix-unreadable": ["postconf"]}, status=4,
         options=("--postfix-programs", "/run/lab/nowhere")),
    Case("garbage", finds={"postfix-unreadable": ["never says"]}, status=4,
         options=("--postfix-programs", "/run/lab/doctor/garbage")),
    Case("no-config", finds={"postfix-unreadable": ["main.cf"]}, status=4,
         options=("--postfix-config", "/run/lab/nowhere")),
]
