// tests/pin-admin/postfix_map_setup_test.cc
//
// What of main.cf lets mail past the policy map, or past its last commit, is
// found; what `pin-admin config postfix --maps` prints is not.
#include "pin-admin/doctor/postfix_map_setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pin-admin/postfix_map_lines.h"

namespace postern {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kQueue = "/var/spool/postfix";

class PostfixMapSetupTest : public testing::Test {
 protected:
  PostfixMapSetupTest() {
    main_["queue_directory"] = kQueue;
    main_["mail_owner"] = "root";
    // Postfix's defaults, then what is advised.
    main_["smtp_connection_cache_on_demand"] = "yes";
    Take(PostfixMap(settings_, kQueue).main_cf);
  }

  void Take(const std::string& main_cf) {
    std::string line;
    for (std::istringstream lines(main_cf); std::getline(lines, line);) {
      const std::size_t sign = line.find(" =");
      if (line.starts_with('#') || sign == std::string::npos) continue;
      const std::size_t value = line.find_first_not_of(" =", sign);
      main_[line.substr(0, sign)] =
          value == std::string::npos ? "" : line.substr(value);
    }
  }

  std::vector<std::string> Found() const {
    MasterService smtp;
    smtp.name = "smtp";
    smtp.type = "unix";
    smtp.chroot = "y";
    smtp.command = "smtp";
    const PostfixConfig config({}, main_, {smtp}, overrides_);
    std::vector<std::string> codes;
    for (const Diagnosis& one : PostfixMapSetup(config, {settings_, "/x"})) {
      codes.push_back(one.code);
    }
    return codes;
  }

  const Settings settings_ =
      ParseSettings("postfix-map-users = root\n").value();
  PostfixConfig::Values main_;
  std::map<std::string, PostfixConfig::Values> overrides_;
};

TEST_F(PostfixMapSetupTest, WhatIsAdvisedIsGood) {
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(PostfixMapSetupTest, AFallbackRelayTakesWhatALineKeepsBack) {
  main_["smtp_fallback_relay"] = "relay.example";
  EXPECT_THAT(Found(), ElementsAre("map-fallback-relay"));
  overrides_["smtp/unix"]["smtp_fallback_relay"] = "";
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(PostfixMapSetupTest, AConnectionThatIsKeptOutlivesItsPolicy) {
  main_["smtp_connection_cache_on_demand"] = "yes";
  EXPECT_THAT(Found(), ElementsAre("map-connection-cache"));
  main_["smtp_connection_cache_on_demand"] = "no";
  main_["smtp_connection_cache_destinations"] = "static:all";
  EXPECT_THAT(Found(), ElementsAre("map-connection-cache"));
}

}  // namespace
}  // namespace postern
