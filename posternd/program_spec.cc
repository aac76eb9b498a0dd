#include "posternd/program_spec.h"

namespace postern {

CommandSpec PosterndSpec() {
  CommandSpec spec;
  spec.name = "";
  spec.summary = "The service that holds outbound mail to its policies.";
  spec.text =
      "Runs until SIGTERM; SIGHUP reads the configuration again. Needs no "
      "privileges and refuses to run as root.";
  spec.options = {
      {.name = "config",
       .letter = 'c',
       .value = "FILE",
       .help = "the configuration",
       .standard = "/etc/postern/postern.conf"},
      {.name = "set",
       .value = "NAME=VALUE",
       .help = "override an option of the configuration",
       .repeatable = true},
      {.name = "foreground",
       .value = "",
       .help = "copy the log to standard error"},
      {.name = "allow-root",
       .value = "",
       .help = "run even as root: for laboratories"},
      {.name = "version", .value = "", .help = "print the version"},
  };
  spec.example = "posternd --foreground --config /etc/postern/postern.conf";
  return spec;
}

}  // namespace postern
