// A Domain is a host name and nothing else: no address, no garbage, one form
// for one name.
#include "core/names/domain.h"

#include <gtest/gtest.h>

#include <string>

namespace postern {
namespace {

using std::string_literals::operator""s;

std::string Parsed(std::string_view text) {
  const Result<Domain> domain = Domain::Parse(text);
  return domain ? domain->str() : "error";
}

TEST(DomainTest, OneNameHasOneForm) {
  EXPECT_EQ(Parsed("mx.example"), "mx.example");
  EXPECT_EQ(Parsed("MX.Example."), "mx.example");
  EXPECT_EQ(Parsed("localhost"), "localhost");
  EXPECT_EQ(Parsed("_mta-sts.example.org"), "_mta-sts.example.org");
  EXPECT_EQ(Parsed("r3---sn-4g5e.example"), "r3---sn-4g5e.example");
}

// ID-02
TEST(DomainTest, UnicodeBecomesALabels) {
  EXPECT_EQ(Parsed("bücher.example"), "xn--bcher-kva.example");
  EXPECT_EQ(Parsed("BÜCHER.EXAMPLE"), "xn--bcher-kva.example");
  EXPECT_EQ(Parsed("XN--BCHER-KVA.example"), "xn--bcher-kva.example");
  EXPECT_EQ(Parsed("bücher。example"), "xn--bcher-kva.example");
  EXPECT_EQ(Parsed("straße.example"), "xn--strae-oqa.example")
      << "non-transitional: not strasse";
}

TEST(DomainTest, GoesBackToUnicodeForPeople) {
  EXPECT_EQ(Domain::Parse("xn--bcher-kva.example")->ToUnicode(),
            "bücher.example");
  EXPECT_EQ(Domain::Parse("plain.example")->ToUnicode(), "plain.example");
}

TEST(DomainTest, RefusesWhatIsNoName) {
  const std::string bad[] = {
      "",
      ".",
      "..",
      "a..b",
      ".a",
      "a..",
      "-a.example",
      "a-.example",
      "a b",
      "a,b",
      "*.example",
      "a@b",
      "a/b",
      "a:25",
      "[a]",
      "[192.0.2.1]",
      "2001:db8::1",
      "a\0b"s,
      "mx.example\0"s,
      "a\nb",
      "xn--.example",
      "xn--99999999.example",
      "xn--abc-.example",
      "b\xfc"
      "cher.example",
      "a\xcc\x88\xff.example",
      "xn--ü.example",
      std::string(64, 'a') + ".example",
      std::string(5000, 'a'),
      std::string(1024, '.'),
  };
  for (const std::string& text : bad) EXPECT_EQ(Parsed(text), "error") << text;
}

TEST(DomainTest, RefusesEverythingThatLooksLikeAnAddress) {
  for (const char* text : {"192.0.2.1", "192.0.2.1.", "127.1", "1",
                           "0x7f000001", "0x7f.1", "mx.0x10", "example.7", "0x",
                           "１９２.0.2.1", "192。0。2。1", "192.0.2.①"}) {
    EXPECT_EQ(Parsed(text), "error") << text;
  }
  EXPECT_EQ(Parsed("192.0.2.1.example"), "192.0.2.1.example");
  EXPECT_EQ(Parsed("0xzz"), "0xzz");
}

TEST(DomainTest, KeepsTheLengthsOfDns) {
  const std::string label(63, 'a');
  const std::string longest =
      label + "." + label + "." + label + "." + std::string(61, 'b');
  ASSERT_EQ(longest.size(), 253U);
  EXPECT_EQ(Parsed(longest), longest);
  EXPECT_EQ(Parsed(longest + "."), longest);
  EXPECT_EQ(Parsed(longest + "b"), "error");
}

TEST(DomainTest, ErrorsQuoteWithoutControlCharacters) {
  const Result<Domain> domain = Domain::Parse("evil\r\nname");
  ASSERT_FALSE(domain);
  EXPECT_NE(domain.error().detail().find("'evil??name'"), std::string::npos);
}

TEST(DomainTest, KnowsItsAncestors) {
  const Domain d = *Domain::Parse("d.example");
  EXPECT_TRUE(Domain::Parse("x.d.example")->IsBelow(d));
  EXPECT_TRUE(Domain::Parse("a.b.d.example")->IsBelow(d));
  EXPECT_FALSE(d.IsBelow(d));
  EXPECT_FALSE(Domain::Parse("xd.example")->IsBelow(d));
  EXPECT_FALSE(Domain::Parse("example")->IsBelow(d));

  EXPECT_EQ(d.label_count(), 2);
  EXPECT_EQ(d.Parent()->str(), "example");
  EXPECT_FALSE(d.Parent()->Parent());
}

TEST(DomainTest, ParsingTheCanonicalFormChangesNothing) {
  for (const char* text : {"MX.Example.", "bücher.example", "_x.y-z.example"}) {
    const Domain once = *Domain::Parse(text);
    EXPECT_EQ(*Domain::Parse(once.str()), once);
    EXPECT_EQ(*Domain::Parse(once.ToUnicode()), once);
  }
}

}  // namespace
}  // namespace postern
