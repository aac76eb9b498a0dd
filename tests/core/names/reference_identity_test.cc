// A name matches what RFC 9525 says it matches, Postfix's ".d" what Postfix
// says, and a certificate's garbage matches nothing.
#include "core/names/reference_identity.h"

#include <gtest/gtest.h>

#include <string>

namespace postern {
namespace {

using std::string_literals::operator""s;

bool Matches(std::string_view reference, std::string_view presented) {
  return ReferenceIdentity::Parse(reference)->Matches(presented);
}

// ID-02
TEST(ReferenceIdentityTest, ComparesLabelsWithoutCase) {
  EXPECT_TRUE(Matches("mx.example.org", "mx.example.org"));
  EXPECT_TRUE(Matches("MX.example.org", "mx.EXAMPLE.org"));
  EXPECT_TRUE(Matches("mx.example.org.", "mx.example.org"));
  EXPECT_TRUE(Matches("mx.example.org", "mx.example.org."));
  EXPECT_TRUE(Matches("BÜCHER.example", "xn--bcher-kva.example"));
  EXPECT_TRUE(Matches("bücher.example", "XN--BCHER-KVA.example"));
  EXPECT_FALSE(Matches("bücher.example", "bücher.example"))
      << "a certificate carries A-labels";
  EXPECT_FALSE(Matches("mx.example.org", "mx.example.net"));
  EXPECT_FALSE(Matches("mx.example.org", "example.org"));
  EXPECT_FALSE(Matches("mx.example.org", "xmx.example.org"));
}

// ID-03 ID-04 DANE-27
TEST(ReferenceIdentityTest, AWildcardIsOneWholeLeftMostLabel) {
  const struct {
    const char* reference;
    const char* presented;
    bool match;
  } cases[] = {
      {"mx.example.org", "*.example.org", true},
      {"MX.example.org", "*.EXAMPLE.org.", true},
      {"example.org", "*.example.org", false},
      {"a.b.example.org", "*.example.org", false},
      {"xn--bcher-kva.example.org", "*.example.org", true},
      {"mx.example.org", "*.*.org", false},
      {"a.b.example.org", "*.*.example.org", false},
      {"mx1.example.org", "mx*.example.org", false},
      {"mx1.example.org", "*1.example.org", false},
      {"mx1.example.org", "m*1.example.org", false},
      {"smtp1.example.org", "smtp*.example.org", false},
      {"mx.example.org", "mx.*.org", false},
      {"mx.example.org", "mx.example.*", false},
      {"mx.example.org", "*", false},
      {"mx.example.org", "*.", false},
      {"mx.example.org", "**.example.org", false},
      {"example.org", "*.org", false},  // bare top-level domain
      {"localhost", "*", false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Matches(c.reference, c.presented), c.match)
        << c.reference << " " << c.presented;
  }
}

TEST(ReferenceIdentityTest, ALeadingDotMeansEverythingBelow) {
  EXPECT_TRUE(Matches(".d.test", "x.d.test"));
  EXPECT_TRUE(Matches(".d.test", "a.b.D.test"));
  EXPECT_TRUE(Matches(".d.test", "*.d.test"));
  EXPECT_TRUE(Matches(".d.test", "*.sub.d.test"));
  EXPECT_FALSE(Matches(".d.test", "d.test"));
  EXPECT_FALSE(Matches(".d.test", "xd.test"));
  EXPECT_FALSE(Matches(".d.test", "*.xd.test"));
  EXPECT_FALSE(Matches(".d.test", ".d.test"));
  EXPECT_FALSE(Matches(".d.test", "*.test"));
  EXPECT_FALSE(Matches(".test", "*.test")) << "bare top-level domain";
  EXPECT_TRUE(Matches(".test", "*.d.test"));
}

// ID-06
TEST(ReferenceIdentityTest, NoAddressIsEverAReference) {
  EXPECT_FALSE(ReferenceIdentity::Parse("192.0.2.1"));
  EXPECT_FALSE(ReferenceIdentity::Parse(".2.1"));
  EXPECT_FALSE(ReferenceIdentity::Parse("2001:db8::1"));
  EXPECT_FALSE(ReferenceIdentity::Parse("*.example"));
  EXPECT_FALSE(ReferenceIdentity::Parse("."));
  EXPECT_FALSE(ReferenceIdentity::Parse("..example"));
  EXPECT_FALSE(ReferenceIdentity::Parse(""));
}

// ID-07
TEST(ReferenceIdentityTest, AnUnparsablePresentedNameMatchesNothing) {
  const std::string presented[] = {
      ""s,
      "."s,
      "mx.example.org\0"s,
      "mx.example.org\0.evil.test"s,
      "mx.example.org.."s,
      "mx..example.org"s,
      ".mx.example.org"s,
      " mx.example.org"s,
      "mx.example.org "s,
      "mx.example.org\n"s,
      "mx\xc3\xbc.example.org"s,
      "-.example.org"s,
      "mx-.example.org"s,
      "-mx.example.org"s,
      "m_x.example.org"s,
      "mx.example.org:25"s,
      "mx.example.org/"s,
      "smtp:mx.example.org"s,
      "a@mx.example.org"s,
      std::string(64, 'a') + ".example.org",
      std::string(100, 'a') + std::string(200, '.') + "example.org",
  };
  for (const std::string& name : presented) {
    EXPECT_FALSE(Matches("mx.example.org", name)) << name;
    EXPECT_FALSE(Matches(".example.org", name)) << name;
    EXPECT_FALSE(Matches(".org", name)) << name;
  }
  std::string long_name;
  while (long_name.size() < 252) long_name += "a.";
  EXPECT_FALSE(Matches(".org", long_name + "org"));
}

// ID-01
TEST(ReferenceIdentityTest, AWeakNameSaysSo) {
  const ReferenceIdentity strong =
      ReferenceIdentity::Exact(*Domain::Parse("mx.example"));
  EXPECT_FALSE(strong.weak());
  EXPECT_TRUE(strong.AsWeak().weak());
  EXPECT_NE(strong, strong.AsWeak());
  EXPECT_TRUE(strong.AsWeak().Matches("mx.example"));
  EXPECT_EQ(strong.str(), "mx.example");
  EXPECT_EQ(ReferenceIdentity::Below(*Domain::Parse("example")).str(),
            ".example");
}

}  // namespace
}  // namespace postern
