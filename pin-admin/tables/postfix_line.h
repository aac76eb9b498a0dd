// pin-admin/tables/postfix_line.h
//
// One line of smtp_tls_policy_maps. Private to this room.
#pragma once

#include <string>
#include <vector>

#include "pin-admin/tables/imported_table.h"
#include "pin-admin/tables/postfix_table.h"
#include "pin-admin/tables/postfix_words.h"
#include "pin-admin/tables/source_lines.h"

namespace postern {

// Borrows what it is made of.
class PostfixLine {
 public:
  PostfixLine(const PostfixTableOptions& options, const SourceLine& source)
      : options_(options), source_(source) {}

  // Notes are there for an entry only.
  Result<ImportedEntry> Read();
  const std::vector<std::string>& notes() const { return attributes_.notes; }

 private:
  Result<PolicyKey> Key() const;
  Status TakeWords();
  Status TakeNames(std::string& text) const;
  Status TakeProtection(std::string& text);
  Status TakeServername(const PolicyKey& key, std::string& text) const;
  Status TakeTrust(std::string& text);
  Status TakeSystemTrust(std::string& text);
  Status TakePins(const PolicyKey& key, std::vector<Pin>& pins) const;
  Result<Pin> PinFrom(const std::string& digits) const;
  // A setting of main.cf; empty where it is not known.
  Result<std::string> Setting(std::string_view name) const;

  const PostfixTableOptions& options_;
  const SourceLine& source_;
  Level level_ = Level::kNone;
  PostfixAttributes attributes_;
};

}  // namespace postern
