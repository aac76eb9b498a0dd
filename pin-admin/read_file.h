// pin-admin/read_file.h
//
// Files named on the command line.
#pragma once

#include <string>

#include "core/outcome/result.h"

namespace postern {

// The whole of `path`, at most 16 MiB; "-" is standard input. Errors
// (kRequestInvalid) name the file and what is wrong with it.
Result<std::string> ReadInputFile(const std::string& path);

}  // namespace postern
