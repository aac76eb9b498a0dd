// tests/pin-admin/line_prospects_test.cc
//
// A line that nothing can satisfy here and today is written, and whoever wrote
// it hears that mail will wait.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/pin-admin/run_pin_admin.h"

namespace postern {
namespace {

using testing::HasSubstr;
using testing::Not;

// No published source is switched on.
constexpr const char* kLocalOnly = "verifiers=pin webpki";

class LineProspectsTest : public testing::Test {
 protected:
  void SetUp() override { store_.Good({"init"}); }
  const TestStore store_;
};

TEST_F(LineProspectsTest, ALineThatNothingCanSatisfyYetIsKeptAndSaidSo) {
  const std::string file = store_.Write("ca.pem", "x");
  const struct {
    std::vector<std::string> words;  // behind "policy set"
    const char* said;                // nothing: no warning
  } cases[] = {
      {{"a.example", "dane"}, nullptr},
      {{"a.example", "dane-only"}, nullptr},
      {{"a.example", "dane", "--set", kLocalOnly}, "verifier dane"},
      {{"a.example", "dane-only", "--set", kLocalOnly}, "verifier dane"},
      {{"a.example", "sts", "--set", kLocalOnly}, "verifier mta-sts"},
      {{"a.example", "auto", "--set", kLocalOnly}, "verifier dane"},
      {{"a.example", "may", "also=auto", "--set", kLocalOnly}, "verifier dane"},
      {{"a.example", "auto", "--set", kLocalOnly, "--set", "leave-out=dane"},
       "verifier mta-sts"},
      {{"a.example", "auto", "--set", kLocalOnly, "--set",
        "leave-out=dane mta-sts"},
       nullptr},
      {{"a.example", "auto", "floor=secure", "--set", "verifiers=pin", "--set",
        "leave-out=dane mta-sts"},
       "verifier webpki"},
      {{"a.example", "secure"}, nullptr},
      {{"a.example", "secure", "mx=mx.a.example"}, nullptr},
      {{"a.example", "secure", "--set", "verifiers=pin"}, "verifier webpki"},
      {{"a.example", "fingerprint"}, nullptr},
      {{"a.example", "fingerprint", "--set", "verifiers=webpki"},
       "verifier pin"},
      {{"[192.0.2.1]", "secure"}, "match="},
      {{"[192.0.2.1]", "verify"}, "match="},
      {{"[192.0.2.1]", "secure", "match=mx.a.example"}, nullptr},
      {{"[192.0.2.1]", "encrypt"}, nullptr},
      {{"[mx.a.example]", "secure"}, nullptr},
      {{"a.example", "secure", "route=[192.0.2.1]"}, "[192.0.2.1]:25"},
      {{"a.example", "secure", "route=[192.0.2.1]", "match=domain"}, nullptr},
      {{".a.example", "verify"}, nullptr},
      {{"*", "secure"}, nullptr},
      {{"a.example", "secure", "ca=" + file}, nullptr},
      {{"a.example", "secure", "ca=/nonexistent"}, "ca=/nonexistent"},
      {{"a.example", "secure", "crl=/nonexistent"}, "crl=/nonexistent"},
      {{"a.example", "encrypt", "client-cert=" + file,
        "client-key=/nonexistent"},
       "client-key=/nonexistent"},
  };
  for (const auto& c : cases) {
    std::vector<std::string> words{"policy", "set"};
    words.insert(words.end(), c.words.begin(), c.words.end());
    SCOPED_TRACE(testing::PrintToString(words));
    const Ran ran = store_.Run(words);
    EXPECT_EQ(ran.status, c.said == nullptr ? 0 : 3) << ran.err;
    if (c.said == nullptr) {
      EXPECT_EQ(ran.err.find("will wait"), std::string::npos) << ran.err;
    } else {
      EXPECT_THAT(ran.err, HasSubstr("will wait"));
      EXPECT_THAT(ran.err, HasSubstr(c.said));
    }
    EXPECT_EQ(store_.Run({"policy", "show", c.words[0]}).status, 0);
  }
  const Json json = store_
                        .Run({"policy", "set", "b.example", "sts", "--set",
                              kLocalOnly, "--json"})
                        .json();
  EXPECT_EQ(*json["status"].integer(), 3);
  EXPECT_TRUE(*json["in_force"].boolean());
  EXPECT_EQ(json["warnings"].size(), 1u);
}

TEST_F(LineProspectsTest, ApplyWarnsOfWhatItMakesWait) {
  store_.Run({"policy", "set", "old.example", "dane", "--set", kLocalOnly});
  const std::string file =
      store_.Write("policy.txt", "* may\nold.example dane\nnew.example sts\n");
  const Ran dry =
      store_.Run({"policy", "apply", file, "--dry-run", "--set", kLocalOnly});
  EXPECT_EQ(dry.status, 3) << dry.err;
  const Ran ran =
      store_.Run({"policy", "apply", file, "--yes", "--set", kLocalOnly});
  EXPECT_EQ(ran.status, 3) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("'new.example sts' will wait"));
  EXPECT_THAT(ran.err, Not(HasSubstr("old.example")));
  store_.Good({"policy", "apply", file, "--yes", "--set", kLocalOnly});
}

TEST_F(LineProspectsTest, CheckRemindsOfALineThatNoProbeWouldShowToWait) {
  store_.Good({"check", "--no-mta"});
  EXPECT_EQ(
      store_.Run({"policy", "set", ".a.example", "dane", "--set", kLocalOnly})
          .status,
      3);
  const Ran ran =
      store_.Run({"check", "--no-mta", "--json", "--set", kLocalOnly});
  EXPECT_EQ(ran.status, 3) << ran.err;
  const Json remarks = ran.json()["store"];
  ASSERT_EQ(remarks.size(), 1u);
  EXPECT_EQ((*remarks.array())[0]["code"].text(), "mail-waits");
}

TEST_F(LineProspectsTest, AFileOnlyRootCanReadIsAFileTheServiceCannot) {
  if (geteuid() != 0) GTEST_SKIP() << "only where we are root";
  const std::string key = store_.Write("key.pem", "x");
  ASSERT_EQ(chmod(key.c_str(), 0600), 0);
  const Ran ran = store_.Run({"policy", "set", "a.example", "encrypt",
                              "client-cert=" + key, "client-key=" + key});
  EXPECT_EQ(ran.status, 3);
  EXPECT_THAT(ran.err, HasSubstr("Permission denied"));
}

}  // namespace
}  // namespace postern
