// core/store/state_file.h
//
// The tables of state.db, and how a SessionRecord is written down. For this
// room only. Later tables (MTA-STS cache, report counters) come as further
// migration scripts; the delivery journal has a file of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/audit/session_record.h"
#include "core/clock/clock.h"
#include "core/store/database.h"
#include "core/store/state_store.h"

namespace postern {

// Makes or migrates; WAL.
Result<Database> OpenStateForWriting(const std::string& path);
// Migrates nothing.
Result<Database> OpenStateForReading(const std::string& path);

// Microseconds since the epoch, as all times in state.db are.
std::int64_t ToMicroseconds(TimePoint time);
TimePoint FromMicroseconds(std::int64_t microseconds);

// The record without its certificates and its plan, as JSON, and back (with the
// plan, where version 1 wrote it).
std::string WriteRecord(const SessionRecord& record);
Result<SessionRecord> ReadRecord(std::string_view text,
                                 std::vector<DerCertificate> chain);

// What the record's connection showed; nothing where no certificate was
// presented or the leaf does not parse.
std::optional<Observation> ObservationOf(const SessionRecord& record);

std::string WriteNames(const std::vector<std::string>& names);
std::vector<std::string> ReadNames(std::string_view text);

}  // namespace postern
