// tests/core/config/settings_test.cc
//
// Every option is read, a mistake in postern.conf is named, and what is
// documented is what is parsed.
#include "core/config/settings.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <sstream>

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

Settings Parsed(std::string_view text) {
  Result<Settings> settings = ParseSettings(text);
  EXPECT_TRUE(settings.ok())
      << text << (settings ? "" : settings.error().detail());
  return settings ? *std::move(settings) : Settings{};
}

std::string ErrorOf(std::string_view text) {
  const Result<Settings> settings = ParseSettings(text);
  return settings ? "accepted" : settings.error().detail();
}

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(SettingsTest, AnEmptyFileMeansTheDefaults) {
  const Settings settings = Parsed("");
  EXPECT_EQ(settings.author_store, "/var/lib/postern/private/author.db");
  EXPECT_EQ(settings.snapshot, "/var/lib/postern/policy.db");
  // What is built in, the web PKI last.
  EXPECT_EQ(settings.verifiers.back(), "webpki");
  EXPECT_EQ(settings.tlsa_digests,
            (std::vector<std::string>{"sha512", "sha256"}));
  EXPECT_EQ(settings.published, "/var/lib/postern/state/published.db");
  EXPECT_TRUE(settings.leave_out.empty());
  EXPECT_EQ(settings.timeouts.total, seconds(3000));
  EXPECT_EQ(settings.connections.per_host, 20u);
  EXPECT_EQ(settings.connections.kept, 100u);
  EXPECT_EQ(settings.connections.messages, 100u);
  EXPECT_EQ(settings.connections.idle, seconds(5));
  EXPECT_EQ(settings.connections.life, seconds(300));
  EXPECT_EQ(settings.verdict_retention, hours(24 * 30));
  ASSERT_NE(settings.door("pipe"), nullptr);
  EXPECT_EQ(settings.door("pipe")->path, "/run/postern/pipe");
  EXPECT_EQ(settings.door("pipe")->users,
            std::vector<std::string>{"postern-client"});
  EXPECT_EQ(settings.door("nowhere"), nullptr);
}

TEST(SettingsTest, ReadsNamesListsSizesAndTimes) {
  const Settings settings = Parsed(
      "# a comment\n"
      "verifiers = webpki, pin   # in this order\n"
      "leave-out = dane mta-sts\n"
      "socket-directory = /tmp/run\n"
      "door-query=/elsewhere/q\n"
      "query-users = root 1000\n"
      "max-message-size = 10M\n"
      "command-timeout = 20s\n"
      "verdict-retention = 36h\n"
      "own-names = MX1.Example.org mx2.example.org\n"
      "own-addresses = 192.0.2.7 2001:db8::7\n"
      "dns-options = local-zone: \"test.\" transparent\n"
      "dns-options = do-not-query-localhost: no\n"
      "probe-private-addresses = yes\n");
  EXPECT_EQ(settings.verifiers, (std::vector<std::string>{"webpki", "pin"}));
  EXPECT_EQ(settings.leave_out, (std::vector<std::string>{"dane", "mta-sts"}));
  EXPECT_EQ(settings.door("pipe")->path, "/tmp/run/pipe");
  EXPECT_EQ(settings.door("query")->path, "/elsewhere/q");
  EXPECT_EQ(settings.max_message_size, 10u << 20);
  EXPECT_EQ(settings.timeouts.command, seconds(20));
  EXPECT_EQ(settings.verdict_retention, hours(36));
  ASSERT_EQ(settings.own_names.size(), 2u);
  EXPECT_EQ(settings.own_names[0].str(), "mx1.example.org");
  EXPECT_EQ(settings.own_addresses.size(), 2u);
  EXPECT_EQ(settings.dns_options,
            (std::vector<std::string>{"local-zone: \"test.\" transparent",
                                      "do-not-query-localhost: no"}));
  EXPECT_TRUE(settings.probe_private_addresses);
}

TEST(SettingsTest, AnUnknownOptionNamesTheNearOnes) {
  EXPECT_TRUE(Has(ErrorOf("verifier = pin"), "did you mean verifiers"));
  EXPECT_TRUE(Has(ErrorOf("trust-dir = /etc"), "trust-directory"));
  EXPECT_EQ(ErrorOf("zzzzzzzz = 1"), "unknown option 'zzzzzzzz'");
}

TEST(SettingsTest, RefusesEveryValueThatItCannotUse) {
  const struct {
    const char* text;
    const char* named;
  } cases[] = {
      {"worker-threads = 0", "worker-threads"},
      {"worker-threads = many", "worker-threads"},
      {"spool-limit = 5 apples", "spool-limit"},
      {"spool-limit = 99999999999999999999G", "spool-limit"},
      {"spool-limit = 99999999999G", "spool-limit"},
      {"command-timeout = 0", "command-timeout"},
      {"command-timeout = -1s", "command-timeout"},
      {"command-timeout = 1w", "command-timeout"},
      {"total-timeout = 56m", "total-timeout"},
      {"dot-timeout = 50m", "dot-timeout"},
      {"max-message-size = 3G", "max-message-size"},
      {"own-names = a..b", "own-names"},
      {"own-addresses = 192.0.2", "own-addresses"},
      {"probe-private-addresses = perhaps", "probe-private-addresses"},
      {"snapshot = policy.db", "snapshot"},
      {"snapshot =", "snapshot"},
      {"user =", "user"},
      {"door-pipe =", "door-pipe"},
      {"just words", "name = value"},
  };
  for (const auto& c : cases) {
    EXPECT_TRUE(Has(ErrorOf(c.text), c.named))
        << c.text << ": " << ErrorOf(c.text);
  }
}

TEST(SettingsTest, TheCommandLineReplacesWhatTheFileSays) {
  const std::vector<std::string> overrides{"verifiers=pin", "user=nobody"};
  const Result<Settings> settings =
      ParseSettings("verifiers = webpki\ngroup = mail\n", overrides);
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->verifiers, std::vector<std::string>{"pin"});
  EXPECT_EQ(settings->user, "nobody");
  EXPECT_EQ(settings->group, "mail");
  EXPECT_FALSE(ParseSettings("", std::vector<std::string>{"user"}).ok());
  EXPECT_FALSE(ParseSettings("", std::vector<std::string>{"usr=x"}).ok());
}

TEST(SettingsTest, WhatIsDocumentedIsWhatIsParsed) {
  std::set<std::string_view> names;
  std::string defaults;
  for (const SettingInfo& info : AllSettings()) {
    SCOPED_TRACE(info.name);
    EXPECT_TRUE(names.insert(info.name).second);
    EXPECT_FALSE(info.help.empty());
    EXPECT_FALSE(info.value.empty());
    defaults +=
        std::string(info.name) + " = " + std::string(info.standard) + "\n";
    EXPECT_TRUE(
        Has(RenderSettingsMarkdown(), "`" + std::string(info.name) + "`"));
  }
  // Written out, the defaults are accepted: none of them is itself a mistake.
  EXPECT_EQ(ErrorOf(defaults), "accepted");
  // And the explained file is a file that can be read.
  std::string file = RenderSettingsFile();
  EXPECT_EQ(ErrorOf(file), "accepted");
  for (std::size_t at = 0; (at = file.find("\n#", at)) != std::string::npos;
       ++at) {
    if (file[at + 2] != ' ') file.erase(at + 1, 1);
  }
  EXPECT_EQ(ErrorOf(file), "accepted");
}

TEST(SettingsTest, TheJournalLiesBesideTheStateStoreUnlessItIsNamed) {
  EXPECT_EQ(ParseSettings("")->journal, "/var/lib/postern/state/journal.db");
  EXPECT_EQ(ParseSettings("state = /a/b/s.db")->journal, "/a/b/journal.db");
  EXPECT_EQ(ParseSettings("journal = /j/x.db")->journal, "/j/x.db");
  EXPECT_FALSE(ParseSettings("journal = x.db").ok());
}

TEST(SettingsTest, CredentialsAreAFileOrNothing) {
  EXPECT_EQ(ParseSettings("")->credentials, "");
  EXPECT_EQ(ParseSettings("credentials = /c/x")->credentials, "/c/x");
  EXPECT_FALSE(ParseSettings("credentials = x").ok());
}

TEST(SettingsTest, EightBitOctetsGoUnlessTheyAreRefused) {
  EXPECT_FALSE(ParseSettings("")->refuse_8bit);
  EXPECT_FALSE(ParseSettings("without-8bitmime = send")->refuse_8bit);
  EXPECT_TRUE(ParseSettings("without-8bitmime = refuse")->refuse_8bit);
  EXPECT_FALSE(ParseSettings("without-8bitmime = yes").ok());
}

TEST(SettingsTest, ThePolicyMapListensAtLoopbackOnly) {
  EXPECT_FALSE(ParseSettings("")->postfix_map.inet);
  const auto v4 = ParseSettings("postfix-map-inet = 127.0.0.1:8461");
  ASSERT_TRUE(v4.ok());
  EXPECT_EQ(v4->postfix_map.inet->port.value, 8461);
  EXPECT_TRUE(ParseSettings("postfix-map-inet = [::1]:8461").ok());
  for (const char* place :
       {"0.0.0.0:8461", "192.0.2.1:8461", "[::]:8461", "8461", "127.0.0.1",
        "127.0.0.1:0", "localhost:1"}) {
    SCOPED_TRACE(place);
    EXPECT_FALSE(
        ParseSettings(std::string("postfix-map-inet = ") + place).ok());
  }
}

TEST(SettingsTest, KnowsWhichPostfixAsks) {
  EXPECT_EQ(ParseSettings("")->postfix_map.version, (PostfixVersion{3, 7}));
  EXPECT_EQ(ParseSettings("postfix-version = 3.10.2")->postfix_map.version,
            (PostfixVersion{3, 10}));
  for (const char* version : {"3", "3.3", "2.11", "new", "3.x", ""}) {
    SCOPED_TRACE(version);
    EXPECT_FALSE(
        ParseSettings(std::string("postfix-version = ") + version).ok());
  }
  EXPECT_FALSE(ParseSettings("postfix-digest = md5").ok());
  EXPECT_EQ(ParseSettings("postfix-digest = sha512")->postfix_map.digest,
            "sha512");
}

TEST(SettingsTest, TheDocumentationHoldsTheTable) {
  std::ifstream file(POSTERN_SOURCE_DIR "/docs/configuration.md");
  std::ostringstream text;
  text << file.rdbuf();
  // Otherwise replace the table there by what RenderSettingsMarkdown() gives.
  EXPECT_TRUE(Has(text.str(), RenderSettingsMarkdown()))
      << RenderSettingsMarkdown();
}

TEST(SettingsTest, AMissingFileIsAnErrorUnlessItNeedNotBeThere) {
  const std::string path = testing::TempDir() + "no-such-postern.conf";
  EXPECT_FALSE(LoadSettings(path, MissingFile::kIsAnError).ok());
  EXPECT_TRUE(LoadSettings(path, MissingFile::kMeansDefaults).ok());
  // A directory is there, and is no settings file.
  EXPECT_FALSE(
      LoadSettings(testing::TempDir(), MissingFile::kMeansDefaults).ok());
}

TEST(SettingsTest, AHeloNameThatServersRefuseIsAnError) {
  Settings settings;
  settings.helo_name = "Mail.Example.org";
  ASSERT_TRUE(HeloName(settings).ok());
  EXPECT_EQ(HeloName(settings)->str(), "mail.example.org");
  for (const char* name : {"localhost", "mail", "192.0.2.1", "a b.example",
                           "localhost.localdomain"}) {
    settings.helo_name = name;
    EXPECT_FALSE(HeloName(settings).ok()) << name;
  }
}

TEST(SettingsTest, UsersAreNamesOrNumbers) {
  EXPECT_EQ(*ResolveUser("root"), 0u);
  EXPECT_EQ(*ResolveUser("4711"), 4711u);
  EXPECT_EQ(*ResolveGroup("root"), 0u);
  const std::vector<std::string> users{"root", "no-such-user-here"};
  const Result<std::vector<uid_t>> uids = ResolveUsers(users);
  ASSERT_FALSE(uids.ok());
  EXPECT_TRUE(Has(uids.error().detail(), "no-such-user-here"));
}

TEST(SettingsTest, ConnectionsAreBounded) {
  EXPECT_EQ(Parsed("kept-connections = 0\n").connections.kept, 0u);
  for (const char* text :
       {"host-connections = 0\n", "host-connections = 1001\n",
        "kept-connections = 1001\n", "kept-messages = 0\n", "kept-idle = 6m\n",
        "kept-life = 2h\n"}) {
    EXPECT_NE(ErrorOf(text), "accepted") << text;
  }
}

}  // namespace
}  // namespace postern
