// pin-admin/doctor/postfix_tables.h
//
// Lookups as Postfix makes them, by Postfix's own postmap(1). A table that can
// be listed (hash, lmdb, texthash …) is listed once and known as a whole; any
// other is asked key by key, and what it would say to keys that nobody asked
// for stays open. A table that can't be opened is an Error.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/outcome/result.h"
#include "pin-admin/doctor/postfix_config.h"
#include "pin-admin/doctor/run_program.h"

namespace postern {

class PostfixTable {
 public:
  using Entries = std::map<std::string, std::string>;

  // `listed`: `entries` is all there is.
  PostfixTable(std::string name, bool listed, Entries entries)
      : name_(std::move(name)), listed_(listed), entries_(std::move(entries)) {}

  const std::string& name() const { return name_; }  // "hash:/etc/…"
  bool listed() const { return listed_; }
  // Patterns are asked with whole addresses only, never with a domain.
  bool IsPattern() const;
  const Entries& entries() const { return entries_; }
  Entries& answers() { return answers_; }
  const Entries& answers() const { return answers_; }

 private:
  std::string name_;
  bool listed_;
  Entries entries_;
  Entries answers_;  // of one that is not listed: by the keys asked
};

class PostfixTables {
 public:
  PostfixTables(ProgramRunner& programs, PostfixPlace place)
      : programs_(programs), place_(std::move(place)) {}

  // The tables of "hash:/a, regexp:/b"; each is opened once.
  Result<std::vector<PostfixTable*>> Open(std::string_view list);

  // The first table's answer, as maps_find(3) goes. `partial`: the key is less
  // than an address, so patterns are not asked.
  Result<std::optional<std::string>> Find(
      const std::vector<PostfixTable*>& tables, const std::string& key,
      bool partial);

  // Asks the tables that can't be listed for many keys at once.
  Status Prepare(const std::vector<PostfixTable*>& tables,
                 const std::vector<std::string>& keys);

  // What postmap warned of while tables were opened, each once.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  Result<PostfixTable*> OpenOne(const std::string& name);
  Result<ProgramOutput> Postmap(const std::vector<std::string>& words,
                                const std::string& input);

  ProgramRunner& programs_;
  PostfixPlace place_;
  std::map<std::string, PostfixTable> tables_;
  std::vector<std::string> warnings_;
};

}  // namespace postern
