#include "sendmail-milter/program_spec.h"

namespace postern {

CommandSpec PosternMilterSpec() {
  CommandSpec spec;
  spec.name = "";
  spec.summary = "Asks posternd about each recipient that an MTA is offered.";
  spec.text =
      "A milter for Sendmail (and Postfix's smtpd). Runs until SIGTERM. Needs "
      "no privileges and refuses to run as root.";
  spec.options = {
      {.name = "socket",
       .value = "SPEC",
       .help = "where the MTA connects: local:PATH, inet:PORT@HOST or "
               "inet6:PORT@HOST",
       .standard = "local:/run/postern-milter/socket"},
      {.name = "service-socket",
       .value = "PATH",
       .help = "posternd's door",
       .standard = POSTERN_RUN_DIRECTORY "/sendmail"},
      {.name = "leave-alone",
       .value = "MAILER",
       .help = "a mailer of the MTA that does not send to other hosts by SMTP; "
               "local, error and the like are known",
       .repeatable = true},
      {.name = "allow-root",
       .value = "",
       .help = "run even as root: for laboratories"},
      {.name = "version", .value = "", .help = "print the version"},
  };
  spec.example =
      "postern-milter --socket inet:8893@127.0.0.1 --leave-alone cyrusv2";
  return spec;
}

}  // namespace postern
