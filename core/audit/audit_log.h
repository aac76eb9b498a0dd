// core/audit/audit_log.h
//
// The audit line: one line of key=value per connection, for syslog's mail
// facility. Whatever a peer sends, a record stays one line, and no value can
// pass for another key: values are quoted where needed, escaped and bounded.
// docs/store.md lists the keys.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/audit/session_record.h"

namespace postern {

// At most about 4 kB; ASCII.
std::string AuditLine(const SessionRecord& record);

// `text` as a value: as it is where it consists of harmless characters,
// otherwise in quotes with \" \\ and \xNN; cut at about `limit` octets of
// output, which an ellipsis marks.
std::string AuditValue(std::string_view text, std::size_t limit = 256);

// The process's connection to syslog(3), facility mail. Made once, in main().
class Syslog {
 public:
  // `ident` as the log shows it, "postern"; also copies to stderr for
  // --foreground.
  explicit Syslog(std::string ident, bool copy_to_stderr = false);
  ~Syslog();
  Syslog(const Syslog&) = delete;
  Syslog& operator=(const Syslog&) = delete;

  // Thread-safe. Control characters are replaced.
  void Info(std::string_view text) const noexcept;
  void Warning(std::string_view text) const noexcept;
  void Error(std::string_view text) const noexcept;

 private:
  void Write(int priority, std::string_view text) const noexcept;
  std::string ident_;  // syslog(3) keeps the pointer
};

// Writes the audit line of each connection: info for a pass, warning otherwise.
// `syslog` must outlive it.
class SyslogSink final : public SessionSink {
 public:
  explicit SyslogSink(const Syslog& syslog) : syslog_(syslog) {}
  void OnSession(const SessionRecord& record) noexcept override;

 private:
  const Syslog& syslog_;
};

// Tells each of `sinks`, in order; they must outlive it.
class FanOutSink final : public SessionSink {
 public:
  explicit FanOutSink(std::vector<SessionSink*> sinks)
      : sinks_(std::move(sinks)) {}
  void OnSession(const SessionRecord& record) noexcept override;

 private:
  std::vector<SessionSink*> sinks_;
};

}  // namespace postern
