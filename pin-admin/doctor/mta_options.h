// pin-admin/doctor/mta_options.h
//
// The options by which doctor and check are told about the mail servers of this
// host, with one wording, and the inspections that come of them.
#pragma once

#include <memory>
#include <vector>

#include "core/config/command_line.h"
#include "core/config/settings.h"
#include "pin-admin/doctor/mta_inspection.h"
#include "pin-admin/doctor/run_program.h"

namespace postern {

// --postfix-config, --postfix-programs, --sendmail-config, --no-mta, --known
std::vector<OptionSpec> MtaOptions();

// One for each instance that was named, else for Postfix's own place
// ($MAIL_CONFIG, /etc/postfix); none with --no-mta. Runs Postfix's programs: as
// root, before privileges are dropped. Borrows its arguments.
std::vector<std::unique_ptr<MtaInspection>> InspectMtas(
    const ParsedCommand& args, const Settings& settings,
    ProgramRunner& programs);

}  // namespace postern
