// tests/pin-admin/export_test.cc
//
// What is exported makes the same store again: for stores made by chance, and
// through the real binary.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "core/store/author_store.h"
#include "pin-admin/policy_file.h"
#include "tests/core/policy/line_maker.h"
#include "tests/pin-admin/run_pin_admin.h"
#include "tests/testlib/certificates.h"

namespace postern {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr TimePoint kToday{std::chrono::hours(500'000)};  // 2027-01-15

// Everything that a store holds, as text.
std::string Content(AuthorStore& store) {
  std::string text;
  const auto rows = store.Rows();
  const auto anchors = store.Anchors();
  if (!rows || !anchors) return "unreadable";
  for (const PolicyRow& row : *rows) {
    text += row.key.str() + "\n";
    if (row.line) text += " line " + Format(*row.line) + "\n";
    if (row.exception) text += " exception " + Format(*row.exception) + "\n";
    for (const Pin& pin : row.pins) text += " " + *WritePin(pin) + "\n";
  }
  for (const Anchor& anchor : *anchors) text += *WriteAnchor(anchor) + "\n";
  return text;
}

class StoreMaker {
 public:
  explicit StoreMaker(unsigned seed) : random_(seed), lines_(seed) {}

  // Adds what the store takes of many odd things.
  void Fill(AuthorStore& store) {
    for (const char* name : {"x", "partner-ca", "A.b_c"}) {
      if (Below(3) > 0) {
        Try(store, AddAnchor{{name, Octets(1 + Below(300)), "", {}}});
      }
    }
    for (int i = 0; i < 25; ++i) {
      PolicyLine line = lines_.Make();
      if (Below(2) == 0) line = Pinned(line.key);
      Try(store, SetLine{line});
      for (std::size_t pins = Below(4); pins > 0; --pins) {
        Try(store, AddPin{AnyPin(line.key)});
      }
    }
  }
  int taken() const { return taken_; }

 private:
  std::size_t Below(std::size_t bound) { return random_() % bound; }
  std::string Octets(std::size_t count) {
    std::string octets;
    while (octets.size() < count) octets += static_cast<char>(random_());
    return octets;
  }
  std::string Text() {
    static constexpr const char* kPieces[] = {
        "a", " ", "\"", "\\", "=", "ü", "#", "@", "  ", "\\\"", "'", "label="};
    std::string text;
    for (std::size_t i = Below(6); i > 0; --i) text += kPieces[Below(12)];
    return text;
  }
  static PolicyLine Pinned(const PolicyKey& key) {
    PolicyLine line;
    line.key = key;
    line.level = Level::kFingerprint;
    line.owner = "x \"y\"";
    return line;
  }
  Pin AnyPin(const PolicyKey& key) {
    Pin pin;
    pin.key = key.str();
    pin.kind = static_cast<PinKind>(Below(4));
    pin.algorithm = static_cast<DigestAlgorithm>(Below(4));
    pin.digest = Octets(DigestLength(pin.algorithm));
    if (Below(2) == 0) pin.role = PinRole::kBackup;
    if (Below(3) == 0) pin.valid_from = kToday - std::chrono::hours(Below(900));
    if (Below(3) == 0) {
      pin.valid_until = kToday + std::chrono::hours(1 + Below(900));
    }
    pin.label = Text();
    if (pin.kind == PinKind::kCa && Below(2) == 0) {
      pin.certificate = Octets(200);
    }
    return pin;
  }
  void Try(AuthorStore& store, const Change& change) {
    const std::array<Change, 1> changes{change};
    const Author author{Below(2) == 0 ? "alice" : "bob \"b\" (as root)",
                        kToday - std::chrono::hours(Below(90))};
    if (store.Apply(changes, author)) ++taken_;
  }

  std::mt19937_64 random_;
  LineMaker lines_;
  int taken_ = 0;
};

class ExportTest : public testing::Test {
 protected:
  std::unique_ptr<AuthorStore> Make(const std::string& name) {
    auto store = AuthorStore::Create(files_.path(name + "/author.db"),
                                     Line("* may"), {"init", kToday});
    if (!store) ADD_FAILURE() << store.error().detail();
    return store ? *std::move(store) : nullptr;
  }
  static WholeFile Export(AuthorStore& store) {
    return FormatWhole(*store.Rows(), *store.Anchors(),
                       *store.UnusedPins(kToday), kToday);
  }
  // "ok", or why the file could not be applied.
  static std::string Apply(AuthorStore& store, const std::string& text) {
    const Result<PolicyFile> file = ParsePolicyFile(text);
    if (!file) return file.error().detail();
    const auto commit = store.Apply(
        Difference(*store.Rows(), *store.Anchors(), *file), {"carol", kToday});
    return commit ? "ok" : commit.error().detail();
  }

  const TestStore files_;  // an empty directory
};

TEST_F(ExportTest, MakesTheSameStoreOfAnEmptyOne) {
  int taken = 0;
  for (unsigned seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    const auto store = Make("from" + std::to_string(seed));
    StoreMaker maker(seed);
    maker.Fill(*store);
    taken += maker.taken();
    const WholeFile file = Export(*store);
    // A line set later can leave pins without use; those are told.
    const auto unused = store->UnusedPins(kToday);
    ASSERT_TRUE(unused);
    for (const Pin& pin : *unused) {
      const std::array<Change, 1> removal{RemovePin{IdOf(pin)}};
      ASSERT_TRUE(store->Apply(removal, {"alice", kToday}));
    }
    const auto copy = Make("to" + std::to_string(seed));
    ASSERT_EQ(Apply(*copy, file.text), "ok") << file.text;
    EXPECT_EQ(Content(*copy), Content(*store)) << file.text;
    EXPECT_EQ(Export(*copy).text, Export(*store).text);
  }
  EXPECT_GT(taken, 240) << "the stores are too empty to prove anything";
}

TEST_F(ExportTest, MakesOneStoreOfAnother) {
  for (unsigned seed = 101; seed <= 105; ++seed) {
    SCOPED_TRACE(seed);
    const auto store = Make("from" + std::to_string(seed));
    StoreMaker(seed).Fill(*store);
    const std::string before = Export(*store).text;
    EXPECT_EQ(Apply(*store, before), "ok");
    const auto other = Make("to" + std::to_string(seed));
    StoreMaker(seed + 1000).Fill(*other);
    ASSERT_EQ(Apply(*other, before), "ok");
    // Who added what both have is each store's own.
    EXPECT_EQ(Export(*other).left_out.size(), 0u);
    const auto again =
        Difference(*other->Rows(), *other->Anchors(), *ParsePolicyFile(before));
    EXPECT_EQ(again.size(), 0u);
  }
}

TEST_F(ExportTest, LeavesOutOnlyWhatIsVoidAndSaysSo) {
  const auto store = Make("from");
  const Author author{"alice", kToday};
  ASSERT_TRUE(store->Apply(
      std::array<Change, 2>{SetLine{Line("a.example fingerprint")},
                            SetLine{Line("a.example may until=2027-02-01")}},
      author));
  Pin pin;
  pin.key = "a.example";
  pin.digest = std::string(32, 'x');
  ASSERT_TRUE(store->Apply(std::array<Change, 1>{AddPin{pin}}, author));
  EXPECT_EQ(Export(*store).left_out.size(), 0u);
  const TimePoint later = kToday + std::chrono::hours(24 * 60);
  const WholeFile file = FormatWhole(*store->Rows(), *store->Anchors(),
                                     *store->UnusedPins(later), later);
  ASSERT_EQ(file.left_out.size(), 1u);
  EXPECT_THAT(file.left_out[0], HasSubstr("exception is over"));
  EXPECT_THAT(file.text,
              HasSubstr("\n# that exception is over: a.example may"));
}

TEST_F(ExportTest, FilesThatMakeNoSenseAreRefused) {
  for (const char* text :
       {"@wohle\n", "@anchor x\n", "@anchor x certificate=\n",
        "@anchor x certificate=????\n", "@anchor x color=red\n",
        "@anchor x certificate=AAAA\n@anchor x certificate=AAAA\n",
        "@anchor x certificate=AAAA\n    pin spki sha256:00\n",
        "a.example pins\n    pin spki sha256:00\n", "* may\n* may\n",
        "a.example may until=2030-01-01\n"
        "a.example none until=2030-01-01\n",
        "a.example fingerprint\n  pin any md5:00\n"}) {
    const Result<PolicyFile> file = ParsePolicyFile(text);
    ASSERT_FALSE(file) << text;
    EXPECT_THAT(file.error().detail(), HasSubstr("line ")) << text;
  }
  const std::string pin = "    pin spki sha256:" + std::string(64, 'a') + "\n";
  EXPECT_FALSE(ParsePolicyFile("a.example fingerprint\n" + pin + pin));
}

TEST_F(ExportTest, ThroughTheBinaryWithEverything) {
  const TestStore from;
  from.Good({"init", "--default", "encrypt"});
  from.Write("ca.pem", TestAuthority::Make("Partner CA").certificate.pem());
  from.Good({"anchor", "add", "partner-ca", from.path("ca.pem")});
  from.Good({"policy", "set", "bank.example", "fingerprint", "owner=treasury",
             "note=\"ask \\\"Ms. B\\\" first\""});
  from.Good({"pin", "add", "bank.example", "--digest", std::string(64, 'a'),
             "--label", "mx 2026", "--valid-until", "2050-01-01"});
  from.Good({"pin", "add", "bank.example", "--from-file", from.path("ca.pem"),
             "--kind", "ca", "--role", "backup"});
  from.Good({"policy", "set", "p.example", "secure", "ca=anchor:partner-ca"});
  from.Good({"policy", "relax", "p.example", "--to", "may", "--for", "4h",
             "--reason", "expired"});
  const Ran exported = from.Good({"policy", "export"});
  EXPECT_THAT(exported.out, HasSubstr("@whole\n"));

  const TestStore to;
  to.Good({"init"});
  to.Good({"policy", "set", "gone.example", "secure"});
  const std::string file = to.Write("store.txt", exported.out);
  const std::string before = to.Content();
  to.Good({"policy", "apply", file, "--dry-run"});
  EXPECT_EQ(to.Content(), before);
  to.Good({"policy", "apply", file, "--yes"});
  const auto body = [](const std::string& text) {
    return text.substr(text.find('\n'));  // the first line has the time
  };
  EXPECT_EQ(body(to.Good({"policy", "export"}).out), body(exported.out));
  EXPECT_EQ(to.GoodJson({"policy", "apply", file, "--yes"})["changes"].size(),
            0u);
}

TEST_F(ExportTest, WeakDigestsComeBackOnlyWhereTheyAreAllowed) {
  const TestStore store;
  store.Good({"init"});
  const std::string file = store.Write(
      "policy.txt", "* may\nold.example fingerprint\n    pin any sha1:" +
                        std::string(40, 'c') + "\n");
  const std::string before = store.Content();
  const Ran refused = store.Run({"policy", "apply", file, "--yes"});
  EXPECT_EQ(refused.status, 1) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("--allow-weak"));
  EXPECT_EQ(store.Content(), before);
  store.Good({"policy", "apply", file, "--yes", "--allow-weak"});
  // It is there now: the same file is no change.
  store.Good({"policy", "apply", file, "--yes"});
  const Json pins = store.GoodJson({"pin", "list"});
  EXPECT_TRUE(*(*pins["pins"].array())[0]["weak"].boolean());
}

}  // namespace
}  // namespace postern
