// pin-admin/verify_commands.cc
//
// verify: judges a chain offline, one from files or many from a stream.
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <iostream>

#include "core/names/ip_address.h"
#include "pin-admin/command.h"
#include "pin-admin/privileges.h"
#include "pin-admin/read_file.h"
#include "pin-admin/value_text.h"
#include "pin-admin/verify_request.h"

namespace postern {
namespace {

using Outcome = VerifyAnswer::Outcome;

// The service's user, without asking its configuration: verify needs none.
constexpr const char* kUser = "postern";
// A line holds a chain, a trust store and lists: far more than any real one.
constexpr std::size_t kMaxLine = 16 << 20;

// Reads one line, without its end. Too long a line is read to its end and
// answered as an error; false at the end of input.
bool ReadLine(std::istream& in, std::string& line, bool& too_long) {
  line.clear();
  too_long = false;
  std::streambuf& buffer = *in.rdbuf();
  int c = buffer.sbumpc();
  if (c == std::char_traits<char>::eof()) return false;
  for (; c != std::char_traits<char>::eof() && c != '\n'; c = buffer.sbumpc()) {
    if (line.size() < kMaxLine) {
      line += static_cast<char>(c);
    } else {
      too_long = true;
    }
  }
  return true;
}

Json AnswerLine(const std::string& line, bool too_long, TimePoint now) {
  const auto start = std::chrono::steady_clock::now();
  Json id;
  VerifyAnswer answer;
  if (too_long) {
    answer = ErrorAnswer(Error(Reason::kRequestInvalid, "line is too long"));
  } else if (const Result<Json> json = Json::Parse(line); !json) {
    answer = ErrorAnswer(json.error());
  } else {
    id = (*json)["id"];
    const Result<VerifyRequest> request = ParseVerifyRequest(*json, now);
    answer = request ? Verify(*request) : ErrorAnswer(request.error());
  }
  const auto spent = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - start);
  Json out = Json::MakeObject();
  out.Set("id", id);
  const Json fields = ToJson(answer);
  for (const Json::Member& member : *fields.object()) {
    out.Set(member.first, member.second);
  }
  return out.Set("us", static_cast<std::int64_t>(spent.count()));
}

ExitStatus RunBatch(Context& context) {
  Output& out = context.out;
  for (const char* option :
       {"chain", "trust", "name", "crls", "pin", "tlsa", "level"}) {
    if (context.args.Has(option)) {
      return out.Usage("--batch reads its questions from standard input; --" +
                       std::string(option) + " belongs to a single one");
    }
  }
  const Status dropped = DropPrivileges(kUser);
  if (!dropped) return out.CouldNot(dropped.error());
  out.NoDocument();
  std::ios::sync_with_stdio(false);
  std::string line;
  bool too_long = false;
  while (ReadLine(std::cin, line, too_long)) {
    out.Raw(AnswerLine(line, too_long, context.clock.Now()).Dump());
    if (!std::cout) {
      return out.CouldNot(Error(Reason::kInternal, "cannot write the answers"),
                          "");
    }
  }
  return ExitStatus::kGood;
}

// The question that the options ask; files are read as whoever we are.
Result<VerifyRequest> RequestFromOptions(const Context& context) {
  const ParsedCommand& args = context.args;
  VerifyRequest request;
  for (const auto& [option, field] : {std::pair{"chain", &request.chain},
                                      std::pair{"trust", &request.trust}}) {
    if (!args.Has(option)) continue;
    Result<std::string> text = ReadInputFile(args.Get(option));
    if (!text) return text.error();
    *field = std::move(*text);
  }
  if (args.Has("crls")) {
    Result<std::string> text = ReadInputFile(args.Get("crls"));
    if (!text) return text.error();
    request.crls = std::move(*text);
  }
  // What is left has the notation of a batch's line.
  Json json = Json::MakeObject();
  json.Set("chain", "");
  if (args.Has("level")) json.Set("level", args.Get("level"));
  if (args.Has("match")) json.Set("match", args.Get("match"));
  if (args.Has("cn")) json.Set("cn", args.Get("cn"));
  if (args.Has("name")) {
    const std::string name = args.Get("name");
    json.Set("name", name);
    json.Set("name_kind", IpAddress::Parse(name) ? "IP" : "DNS");
  }
  Json pins = Json::MakeArray();
  for (const std::string& pin : args.All("pin")) pins.Add(pin);
  json.Set("pins", std::move(pins));
  Json tlsa = Json::MakeArray();
  for (const std::string& record : args.All("tlsa")) tlsa.Add(record);
  json.Set("tlsa", std::move(tlsa));
  if (args.Has("max-depth")) {
    const std::string text = args.Get("max-depth");
    int depth = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, depth);
    if (error != std::errc() || rest != end) {
      return Error(Reason::kRequestInvalid, "--max-depth: no number");
    }
    json.Set("max_depth", depth);
  }
  const TimePoint now = context.clock.Now();
  if (args.Has("at")) {
    const Result<TimePoint> at = ParseMoment(args.Get("at"), now);
    if (!at)
      return Error(Reason::kRequestInvalid, "--at: " + at.error().detail());
    json.Set("at", FormatTime(*at));
  }
  Result<VerifyRequest> rest = ParseVerifyRequest(json, now);
  if (!rest) return rest.error();
  rest->chain = std::move(request.chain);
  rest->trust = std::move(request.trust);
  rest->crls = std::move(request.crls);
  return rest;
}

ExitStatus RunVerify(Context& context) {
  Output& out = context.out;
  if (context.args.Has("batch")) return RunBatch(context);
  if (!context.args.Has("chain")) {
    return out.Usage(
        "which chain? Give --chain FILE, or --batch and questions "
        "on standard input");
  }
  const Result<VerifyRequest> request = RequestFromOptions(context);
  if (!request) return out.Usage(request.error().detail());
  if (!context.args.Has("trust") && request->pins.empty() &&
      request->tlsa.empty()) {
    return out.Usage("trusting whom? Give --trust FILE, --pin or --tlsa");
  }
  const Status dropped = DropPrivileges(kUser);
  if (!dropped) return out.CouldNot(dropped.error());

  const VerifyAnswer answer = Verify(*request);
  const ReasonInfo& reason = Describe(answer.reason);
  const Json fields = ToJson(answer);
  for (const Json::Member& member : *fields.object()) {
    out.doc().Set(member.first, member.second);
  }
  out.doc().Set("at", FormatTime(request->at));
  const std::string sentence = Clean(answer.sentence);
  switch (answer.outcome) {
    case Outcome::kAccept:
      out.Line(out.Paint(Colour::kGood, "accept") + ": " + sentence);
      return ExitStatus::kGood;
    case Outcome::kReject:
      out.Line(out.Paint(Colour::kBad, "reject") + ": " +
               std::string(reason.token) + ": " + sentence);
      out.Line("hint: " + std::string(reason.hint));
      return ExitStatus::kNo;
    case Outcome::kError:
      break;
  }
  // The reason's own hint speaks of a server, and here is none.
  return out.CouldNot(Error(answer.reason, answer.sentence), "");
}

}  // namespace

std::vector<Command> VerifyCommands() {
  return {
      {{"verify",
        "judge a certificate chain offline",
        "Needs no store, no service and no network. With --pin alone the leaf "
        "must match a pin; with --trust there must be a path to an authority, "
        "and a name must match where one is given; with --tlsa one of the "
        "records must match, as if DNSSEC had vouched for them. With --batch, "
        "standard "
        "input "
        "has one JSON object a line and standard output one answer a line; "
        "docs/pin-admin.md has the members.",
        {},
        {{"batch", 'b', "", "answer questions from standard input"},
         {"chain", 0, "FILE",
          "what the server sent, PEM, its own certificate "
          "first"},
         {"trust", 't', "FILE", "the trusted authorities, PEM"},
         {"name", 'n', "NAME", "the name, or the address, that must match"},
         {"match", 'm', "NAMES",
          "names and .suffixes, joined by ':', any of "
          "which may match"},
         {"cn", 0, "USE",
          "never, no-san or always: whether common names count"},
         {"at", 'a', "TIME", "as of when (now)"},
         {"crls", 0, "FILE", "revocation lists, PEM"},
         {"level", 'l', "LEVEL",
          "fingerprint, verify, secure, hosted, dane, dane-only or encrypt"},
         {"pin",
          'p',
          "PIN",
          "sha256:DIGEST, or 'cert sha256:DIGEST'",
          {},
          true},
         {"tlsa", 0, "RECORD", "a TLSA record, '3 1 1 5C15…'", {}, true},
         {"max-depth", 0, "N",
          "intermediates allowed, not counting self-issued "
          "ones"}},
        "pin-admin verify --chain chain.pem --trust roots.pem --name "
        "mx.example "
        "--at 2026-01-01T00:00:00Z\n"
        "pin-admin verify --chain chain.pem --pin sha256:3F:9A:…\n"
        "pin-admin verify --chain chain.pem --tlsa '3 1 1 5C15…'\n"
        "pin-admin verify --batch < questions.jsonl > answers.jsonl"},
       RunVerify,
       Needs::kNothing},
  };
}

}  // namespace postern
