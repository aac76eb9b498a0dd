// tests/core/store/store_fixture.h
//
// A directory of its own for each test, and short ways to say lines and pins.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/store/author_store.h"

namespace postern {

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    std::string name = testing::TempDir() + "postern-store-XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~StoreTest() override { std::filesystem::remove_all(directory_); }

  std::string PathOf(const std::string& name) const {
    return directory_ + "/" + name;
  }
  std::string author_path() const { return PathOf("private/author.db"); }
  std::string snapshot_path() const { return PathOf("policy.db"); }

  static PolicyLine Line(const std::string& text) {
    const Result<PolicyLine> line = ParsePolicyLine(text);
    if (!line) ADD_FAILURE() << text << ": " << line.error().detail();
    return line ? *line : PolicyLine{};
  }
  static PolicyKey Key(const std::string& text) {
    const Result<PolicyKey> key = PolicyKey::Parse(text);
    if (!key) ADD_FAILURE() << text << ": " << key.error().detail();
    return key ? *key : PolicyKey::Default();
  }
  static SetLine Set(const std::string& text) { return {Line(text)}; }
  static Pin PinOf(const std::string& key, char filling,
                   PinRole role = PinRole::kActive) {
    Pin pin;
    pin.key = key;
    pin.digest = std::string(32, filling);
    pin.role = role;
    return pin;
  }
  Author Now() const { return {"alice", now_}; }

  std::unique_ptr<AuthorStore> Make(const std::string& standard = "* may") {
    auto store = AuthorStore::Create(author_path(), Line(standard), Now());
    if (!store) ADD_FAILURE() << store.error().detail();
    return store ? *std::move(store) : nullptr;
  }

  // "ok", or why not.
  std::string Try(AuthorStore& store, const std::vector<Change>& changes) {
    const Result<Commit> commit = store.Apply(changes, Now());
    return commit ? "ok" : commit.error().ToString();
  }

  static bool Has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  std::string directory_;
  TimePoint now_{std::chrono::hours(500'000)};  // 2027-01-15
};

}  // namespace postern
