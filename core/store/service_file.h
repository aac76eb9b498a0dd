// core/store/service_file.h
//
// How the service's own databases (state.db, journal.db) are opened. For this
// room only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/store/database.h"

namespace postern {

struct ServiceSchema {
  std::string_view what;     // "a state store (state.db)"
  std::int32_t application;  // SQLite's application id
  // Script n makes version n + 1 of version n.
  std::span<const char* const> scripts;
};

// Makes it, readable by its owner alone, in a directory of its own, or migrates
// it; WAL, not synced at each commit.
Result<Database> OpenForService(const std::string& path,
                                const ServiceSchema& schema);
// Migrates nothing.
Result<Database> OpenForReading(const std::string& path,
                                const ServiceSchema& schema);

}  // namespace postern
