// tests/pin-admin/exim_inspection_test.cc
//
// doctor's look at Exim: one thing wrong at a time, told by its own code; an
// Exim that can't be asked is never good. The answers are a real 4.96's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <map>
#include <string>

#include "pin-admin/doctor/mta_inspection.h"
#include "tests/pin-admin/watching.h"

namespace postern {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kVersion[] =
    "Exim version 4.96 #2 built 27-May-2026\n"
    "Support for: crypteq Expand_dlfunc GnuTLS DANE Event I18N\n";
constexpr char kTransport[] =
    "event_action = ${dlfunc{/l.so}{event}{$event_name}}\n"
    "authenticated_sender = ${dlfunc{/l.so}{gate}{x}}\n"
    "connection_max_messages = 1\n"
    "hosts_require_auth = ${dlfunc{/l.so}{gate_list}{x}}\n"
    "hosts_require_dane = \n"
    "hosts_require_tls = ${if eq{${extract{tls}{$address_data}}}{never}{}{*}}\n"
    "hosts_try_auth = \nhosts_try_dane = \nno_multi_domain\n"
    "tls_require_ciphers = ${extract{priority}{$address_data}}\n"
    "tls_resumption_hosts = \n";
constexpr char kRouted[] =
    "postmaster@bank.test\n  router = postern, transport = postern_smtp\n"
    "  host mx.bank.test [192.0.2.1]\n";

class FakeExim final : public ProgramRunner {
 public:
  Result<ProgramOutput> Run(const std::vector<std::string>& argv,
                            const std::string&) override {
    if (hangs) return Error{Reason::kDeadlineExceeded, "it hangs"};
    std::string words;
    for (std::size_t i = 1; i < argv.size(); ++i) words += argv[i] + " ";
    for (const auto& [begin, said] : answers) {
      if (words.starts_with(begin)) return ProgramOutput{0, said, ""};
    }
    return ProgramOutput{1, "", "what?"};
  }
  std::map<std::string, std::string> answers{
      {"-bV", kVersion},
      {"-bP transport_list", "postern_smtp\nremote_smtp\n"},
      {"-bP transport postern_smtp", kTransport},
      {"-bP transport remote_smtp", "connection_max_messages = 500\n"},
      {"-bP authenticators", ""},
      {"-brt", "Retry rule: *  auth_failed  F,4d,1s; \n"},
      {"-bt", kRouted}};
  bool hangs = false;
};

std::vector<std::string> Codes(const std::vector<Diagnosis>& found) {
  std::vector<std::string> codes;
  for (const Diagnosis& diagnosis : found) codes.push_back(diagnosis.code);
  return codes;
}

class EximInspectionTest : public testing::Test {
 protected:
  std::vector<std::string> Faults() {
    return Codes(InspectExim(exim_, {"/usr/sbin/exim4", ""})->Setup());
  }
  std::vector<std::string> Bypasses(std::string_view line) {
    return Codes(
        InspectExim(exim_, {"/usr/sbin/exim4", ""})->Bypasses(Watching(line)));
  }
  void Change(const std::string& old, const std::string& now) {
    std::string& text = exim_.answers["-bP transport postern_smtp"];
    const std::size_t at = text.find(old);
    ASSERT_NE(at, std::string::npos) << old;
    text.replace(at, old.size(), now);
  }
  FakeExim exim_;
};

TEST_F(EximInspectionTest, WhatPinAdminPrintsIsGood) {
  EXPECT_THAT(Faults(), IsEmpty());
  EXPECT_THAT(Bypasses("bank.test secure"), IsEmpty());
}

TEST_F(EximInspectionTest, EachTrapHasItsOwnCode) {
  const struct {
    const char *old, *now, *code;
  } cases[] = {
      {"{/l.so}{gate}{x}", "", "exim-no-gate"},
      {"{/l.so}{gate_list}{x}", "", "exim-no-host-gate"},
      {"{/l.so}{event}{$event_name}", "", "exim-no-event"},
      {"connection_max_messages = 1", "connection_max_messages = 500",
       "exim-kept-connection"},
      {"no_multi_domain", "multi_domain", "exim-several-domains"},
      {"tls_resumption_hosts = ", "tls_resumption_hosts = *",
       "exim-resumption"},
      {"{$address_data}", "{x}", "exim-tls-not-derived"},
      {"hosts_try_dane = ", "hosts_try_dane = *", "exim-own-dane"},
      {"hosts_try_auth = ", "hosts_try_auth = *", "exim-client-auth"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.code);
    exim_ = FakeExim();
    Change(c.old, c.now);
    EXPECT_THAT(Faults(), ElementsAre(c.code));
  }
}

TEST_F(EximInspectionTest, TheBuildHasToBeAbleTo) {
  exim_.answers["-bV"] = "Support for: crypteq GnuTLS DANE Event\n";
  EXPECT_THAT(Faults(), ElementsAre("exim-no-dlfunc"));
  exim_.answers["-bV"] = "Support for: Expand_dlfunc GnuTLS\n";
  EXPECT_THAT(Faults(), ElementsAre("exim-no-events"));
  exim_.answers["-bV"] = "Support for: Expand_dlfunc OpenSSL Event\n";
  EXPECT_THAT(Faults(), ElementsAre("exim-openssl-priority"));
}

TEST_F(EximInspectionTest, DebiansAuthenticatorsWithoutALineSendNothing) {
  const std::string file =
      testing::TempDir() + "passwd.client." + std::to_string(getpid());
  exim_.answers["-bP authenticators"] =
      "client_name = ${extract{1}{:}{${lookup{$host}nwildlsearch{" + file +
      "}{$value}fail}}}\n";
  std::ofstream(file) << "# host:login:password\n\n  # nobody\n";
  EXPECT_THAT(Faults(), IsEmpty());
  std::ofstream(file, std::ios::app) << "*.example:me:secret\n";
  EXPECT_THAT(Faults(), ElementsAre("exim-client-auth"));
  unlink(file.c_str());
  EXPECT_THAT(Faults(), ElementsAre("exim-client-auth"));
  std::ofstream(file) << "# nobody\n";
  exim_.answers["-bP authenticators"] =
      "client_send = ${lookup{$host}lsearch{" + file +
      "}{$value}{^me^secret}}\n";
  EXPECT_THAT(Faults(), ElementsAre("exim-client-auth"));
  unlink(file.c_str());
}

TEST_F(EximInspectionTest, CredentialsAndRetryRulesAreLookedAt) {
  exim_.answers["-bP authenticators"] =
      "authenticator plain:\nclient_send = ^user^secret\n";
  EXPECT_THAT(Faults(), ElementsAre("exim-client-auth"));
  exim_.answers["-bP authenticators"] = "client_send = \n";
  exim_.answers["-brt"] = "Retry rule: *  *  F,2h,15m; \n";
  EXPECT_THAT(Faults(), ElementsAre("exim-retry-rule"));
}

TEST_F(EximInspectionTest, MailThatGoesAnotherWayIsFound) {
  exim_.answers["-bt"] =
      "postmaster@bank.test\n  router = dnslookup, transport = remote_smtp\n";
  EXPECT_THAT(Bypasses("bank.test secure"), ElementsAre("exim-bypass"));
  EXPECT_THAT(Bypasses(".bank.test secure"), ElementsAre("exim-bypass"));
  exim_.answers["-bt"] =
      "x cannot be resolved at this time: expansion of "
      "\"${dlfunc{/l.so}{plan}{$domain}{}{}}\" failed in postern_refused "
      "router";
  EXPECT_THAT(Bypasses("bank.test secure"), IsEmpty());
  exim_.answers["-bt"] = "x is undeliverable: 5.1.10 null-mx: no mail\n";
  EXPECT_THAT(Bypasses("bank.test secure"), IsEmpty());
  exim_.answers["-bt"] = "something else\n";
  EXPECT_THAT(Bypasses("bank.test secure"), ElementsAre("exim-route-unknown"));
}

TEST_F(EximInspectionTest, AnEximThatCantBeAskedIsNeverGood) {
  exim_.hangs = true;
  EXPECT_THAT(Faults(), ElementsAre("exim-unreadable"));
  EXPECT_THAT(Bypasses("bank.test secure"), ElementsAre("exim-unreadable"));
  exim_ = FakeExim();
  exim_.answers.erase("-bP transport_list");
  EXPECT_THAT(Faults(), ElementsAre("exim-unreadable"));
  exim_ = FakeExim();
  exim_.answers["-bP transport postern_smtp"] = "";
  EXPECT_THAT(Faults(), Contains("exim-no-transport"));
}

}  // namespace
}  // namespace postern
