// tests/core/x509/limbo_test.cc
//
// The sample of the public x509-limbo suite, every case of it. It is not part
// of the tree: it lies beside it, or where POSTERN_X509_SAMPLE says. Without it
// the test says so, and fails where CI has to have it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "core/x509/path_validator.h"

namespace postern {
namespace {

using Json = nlohmann::json;

std::string SamplePath() {
  const char* given = std::getenv("POSTERN_X509_SAMPLE");
  return given != nullptr ? given : POSTERN_X509_SAMPLE_PATH;
}

// Everything the suite says of one chain, asked as `pin-admin verify` asks it.
Finding Judge(const Json& test) {
  const auto chain = ReadPemCertificates(test.at("chain").get<std::string>());
  if (!chain) return ToFinding(chain.error());
  const auto trust = TrustStore::FromPem(test.at("trust").get<std::string>());
  if (!trust) return Finding::Undecided(trust.error());
  PathRequest request{.chain = *chain, .trust = trust->get()};

  std::shared_ptr<const CrlSet> crls;
  if (test.at("crls").is_string()) {
    auto read = CrlSet::FromPem(test.at("crls").get<std::string>());
    if (!read) return Finding::Undecided(read.error());
    crls = *read;
    request.crls = crls.get();
  }
  AcceptedNames names;
  if (test.at("name").is_string()) {
    const auto name = test.at("name").get<std::string>();
    if (test.at("name_kind") == "IP") {
      const auto address = IpAddress::Parse(name);
      if (address) names.addresses.push_back(*address);
    } else {
      const auto domain = Domain::Parse(name);
      if (domain) names.references.push_back(ReferenceIdentity::Exact(*domain));
    }
    request.names = &names;
  }
  request.at = ParseTime(test.at("at").get<std::string>()).value();
  if (test.at("max_depth").is_number()) request.max_depth = test["max_depth"];
  return ToFinding(ValidatePath(request));
}

TEST(LimboTest, EveryCaseOfTheSampleIsJudgedAsItShouldBe) {
  std::ifstream file(SamplePath());
  if (!file) {
    const char* ci = std::getenv("CI");
    ASSERT_FALSE(ci != nullptr && std::string(ci) == "true")
        << "CI has to have the sample, and it is absent";
    GTEST_SKIP() << "the x509-limbo sample is absent; set POSTERN_X509_SAMPLE";
  }
  int cases = 0;
  std::map<std::string, int> reasons;
  for (std::string line; std::getline(file, line); ++cases) {
    const Json test = Json::parse(line);
    const std::string id = test.at("id");
    const Finding finding = Judge(test);
    ++reasons[std::string(Describe(finding.reason()).token)];
    EXPECT_EQ(finding.satisfied(), test.at("expected") == "accept")
        << id << ": " << Describe(finding.reason()).token << ": "
        << finding.detail();
    // The same question has the same answer, the reason included.
    const Finding again = Judge(test);
    EXPECT_EQ(again.reason(), finding.reason()) << id;
    EXPECT_EQ(again.detail(), finding.detail()) << id;
  }
  EXPECT_EQ(cases, 398);
  for (const auto& [reason, count] : reasons) {
    RecordProperty(reason, count);
    std::cout << "  " << count << " " << reason << "\n";
  }
}

}  // namespace
}  // namespace postern
