// tests/testlib/memory_policy_store.h
//
// MemoryPolicyStore: a PolicyStore of lines that a test writes down. What is
// not there is absent; Break() makes every answer an error.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "core/policy/served_policy.h"

namespace postern {

class MemoryPolicyStore final : public PolicyStore {
 public:
  // A line in policy syntax; ends the test program if it does not parse.
  void Set(std::string_view text) {
    PolicyLine line = ParsePolicyLine(text).value();
    PolicyRow& row = rows_[line.key.str()];
    row.key = line.key;
    row.line = std::move(line);
    ++generation_;
  }
  void AddPin(Pin pin) {
    PolicyRow& row = rows_[pin.key];
    row.key = PolicyKey::Parse(pin.key).value();
    row.pins.push_back(std::move(pin));
  }
  void Break() { broken_ = true; }

  Result<std::optional<PolicyRow>> Find(const PolicyKey& key) override {
    if (broken_) return Error(Reason::kPolicyStoreUnavailable, "broken");
    const auto row = rows_.find(key.str());
    if (row == rows_.end()) return std::optional<PolicyRow>();
    return std::optional<PolicyRow>(row->second);
  }
  std::string Generation() override {
    return broken_ ? "" : std::to_string(generation_);
  }

 private:
  std::map<std::string, PolicyRow> rows_;
  int generation_ = 0;
  bool broken_ = false;
};

}  // namespace postern
