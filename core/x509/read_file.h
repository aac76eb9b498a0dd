// core/x509/read_file.h
//
// A whole file of certificates or lists, bounded. Only for core/x509.
#pragma once

#include <string>

#include "core/outcome/result.h"

namespace postern {

// Error: `reason`, with the path and what the system says.
Result<std::string> ReadWholeFile(const std::string& path, Reason reason);

}  // namespace postern
