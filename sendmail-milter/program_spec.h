// sendmail-milter/program_spec.h
//
// postern-milter's command line, as data: for its parser, its --help and its
// manual page.
#pragma once

#include "core/config/command_line.h"

namespace postern {

CommandSpec PosternMilterSpec();

}  // namespace postern
