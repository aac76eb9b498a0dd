// A key has one form, however it was typed, and no key can mean two things.
#include <gtest/gtest.h>

#include "tests/core/policy/policy_fixtures.h"

namespace postern {
namespace {

using Kind = PolicyKey::Kind;

TEST(PolicyKeyTest, OneKeyHasOneForm) {
  const struct {
    const char* text;
    Kind kind;
    const char* canonical;
  } cases[] = {
      {"Example.ORG.", Kind::kDomain, "example.org"},
      {"bücher.example", Kind::kDomain, "xn--bcher-kva.example"},
      {"example.org:25", Kind::kDomain, "example.org"},
      {".Partner.Example", Kind::kParent, ".partner.example"},
      {".bücher.example", Kind::kParent, ".xn--bcher-kva.example"},
      {"*", Kind::kDefault, "*"},
      {"[relay.example]", Kind::kNextHop, "[relay.example]:25"},
      {"[relay.example]:25", Kind::kNextHop, "[relay.example]:25"},
      {"[bücher.example]:587", Kind::kNextHop, "[xn--bcher-kva.example]:587"},
      {"example.org:2525", Kind::kNextHop, "example.org:2525"},
      {"[192.0.2.1]", Kind::kNextHop, "[192.0.2.1]:25"},
      {"[2001:DB8::1]:465", Kind::kNextHop, "[IPv6:2001:db8::1]:465"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    const Result<PolicyKey> key = PolicyKey::Parse(c.text);
    ASSERT_TRUE(key) << key.error().detail();
    EXPECT_EQ(key->kind(), c.kind);
    EXPECT_EQ(key->str(), c.canonical);
    EXPECT_EQ(*PolicyKey::Parse(key->str()), *key);
  }
}

TEST(PolicyKeyTest, RefusesWhatIsNoKeyAndSaysWhatWouldBe) {
  const struct {
    const char* text;
    const char* hint;
  } cases[] = {
      {"", "'*'"},
      {".", "is wrong"},
      {"**", "is wrong"},
      {"*.example.org", "'.example.org'"},
      {"..a", "is wrong"},
      {"user@example.org", "not for single recipients"},
      {"192.0.2.1", "[192.0.2.1]"},
      {"2001:db8::1", "[IPv6:2001:db8::1]"},
      {"[relay.example", "bracket"},
      {"[relay.example]:0", "port"},
      {".[relay.example]", "is wrong"},
      {".192.0.2.1", "is wrong"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    const Result<PolicyKey> key = PolicyKey::Parse(c.text);
    ASSERT_FALSE(key) << key->str();
    EXPECT_EQ(key.error().reason(), Reason::kPolicyInvalid);
    EXPECT_NE(key.error().detail().find(c.hint), std::string::npos)
        << key.error().detail();
  }
}

TEST(PolicyKeyTest, KindsNeverShareATextForm) {
  EXPECT_NE(PolicyKey::ForDomain(Name("d.example")).str(),
            PolicyKey::ForParent(Name("d.example")).str());
  EXPECT_NE(PolicyKey::ForNextHop(Hop("[d.example]")).str(),
            PolicyKey::ForNextHop(Hop("d.example")).str());
  EXPECT_EQ(PolicyKey::ForNextHop(Hop("d.example")),
            PolicyKey::ForDomain(Name("d.example")));
}

}  // namespace
}  // namespace postern
