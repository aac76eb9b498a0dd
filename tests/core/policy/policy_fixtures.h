// tests/core/policy/policy_fixtures.h
//
// Short ways to say a line, a name, a host and a verifier in this room's tests.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/policy/policy_source.h"
#include "core/policy/served_policy.h"

namespace postern {

// Of a line that is known to be good.
inline PolicyLine Line(std::string_view text) {
  const Result<PolicyLine> line = ParsePolicyLine(text);
  if (!line) {
    ADD_FAILURE() << text << ": " << line.error().detail();
    return {};
  }
  return *line;
}

inline Domain Name(std::string_view text) { return *Domain::Parse(text); }
inline NextHop Hop(std::string_view text) { return *NextHop::Parse(text); }
inline PolicyKey Key(std::string_view text) { return *PolicyKey::Parse(text); }
inline TimePoint Time(std::string_view text) { return *ParseTime(text); }

inline HostFacts HostAt(HostName host, Security mx = Security::kInsecure) {
  return {.host = std::move(host),
          .port = {},
          .mx = mx,
          .address = Security::kInsecure,
          .ips = {},
          .expanded = std::nullopt,
          .preference = 10,
          .failure = std::nullopt};
}

// Satisfied by evidence whose protocol is TLS and whose cipher contains its
// name: enough to ask which verifiers a plan holds.
class NamedVerifier final : public Verifier {
 public:
  explicit NamedVerifier(std::string_view name) : name_(name) {}
  std::string_view name() const override { return name_; }
  std::string Describe() const override { return std::string(name_); }
  Finding Check(const TlsEvidence& evidence, TimePoint) const override {
    if (evidence.cipher.find(name_) != std::string::npos) {
      return Finding::Satisfied("named");
    }
    return Finding::Violated(Reason::kCertificateInvalid, "not named");
  }

 private:
  std::string_view name_;
};

// A store in memory. Counts what it is asked; can fail, and can be "replaced"
// after each question.
class MemoryStore final : public PolicyStore {
 public:
  void Put(std::string_view line) {
    const PolicyLine parsed = Line(line);
    Row(parsed.key).line = parsed;
  }
  void PutException(std::string_view line) {
    const PolicyLine parsed = Line(line);
    Row(parsed.key).exception = parsed;
  }
  void PutPin(std::string_view key, std::string_view label) {
    Pin pin;
    pin.key = Key(key).str();
    pin.label = label;
    Row(Key(key)).pins.push_back(pin);
  }
  PolicyRow& Row(const PolicyKey& key) {
    PolicyRow& row = rows_[key.str()];
    row.key = key;
    return row;
  }

  Result<std::optional<PolicyRow>> Find(const PolicyKey& key) override {
    if (replacements > 0) {
      --replacements;
      ++generation_;
      if (on_replace) on_replace();
    }
    if (key.str() == failing_key) {
      return Error(Reason::kPolicyStoreUnavailable, "damaged");
    }
    const auto found = rows_.find(key.str());
    if (found == rows_.end()) return std::optional<PolicyRow>();
    return std::optional(found->second);
  }
  std::string Generation() override { return std::to_string(generation_); }

  std::string failing_key;
  int replacements = 0;
  std::function<void()> on_replace;

 private:
  std::map<std::string, PolicyRow> rows_;
  int generation_ = 0;
};

}  // namespace postern
