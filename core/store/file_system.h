// core/store/file_system.h
//
// The few things this room does to files itself.
#pragma once

#include <string>
#include <string_view>

#include "core/outcome/result.h"

namespace postern {

// "path: doing: the system's words", of errno.
Error SystemError(const std::string& path, std::string_view doing);

// "." for a bare name.
std::string DirectoryOf(const std::string& path);

// fsync: names in it survive a power cut.
Status SyncDirectory(const std::string& directory);
// fsync of a file's contents.
Status SyncFile(const std::string& path);

}  // namespace postern
