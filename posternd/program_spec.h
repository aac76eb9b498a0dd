// posternd/program_spec.h
//
// posternd's command line, as data: for its parser, its --help and its manual
// page.
#pragma once

#include "core/config/command_line.h"

namespace postern {

CommandSpec PosterndSpec();

}  // namespace postern
