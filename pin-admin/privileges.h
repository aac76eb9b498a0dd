// pin-admin/privileges.h
//
// Where root ends. pin-admin writes its store as root; before it talks to the
// network, or parses what came from there, it becomes the service's user (or
// `nobody` where that one does not exist) for good.
#pragma once

#include <functional>
#include <string>

#include "core/outcome/result.h"

namespace postern {

// Gives up root in this process: groups, group, user, and the way back to them.
// Does nothing where we aren't root. An Error means that root is still there:
// the caller must stop.
Status DropPrivileges(const std::string& user);

// Runs `work` in a child process without privileges and returns what it
// returned (at most 1 MiB). For commands that write as root afterwards. Call it
// before any thread is started. An Error (kInternal) if the child could not
// drop them, died, or said too much.
Result<std::string> RunUnprivileged(const std::string& user,
                                    const std::function<std::string()>& work);

}  // namespace postern
