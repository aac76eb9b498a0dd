// posternd/needs_restart.h
//
// What a reload can't change.
#pragma once

#include <string>
#include <vector>

#include "core/config/settings.h"

namespace postern {

// "journal: needs a restart" for each such setting that differs. Pure.
std::vector<std::string> NeedingRestart(const Settings& old,
                                        const Settings& now);

}  // namespace postern
