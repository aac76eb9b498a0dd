#include "plugins/mta_sts/sts_policy.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/names/quoted.h"
#include "plugins/mta_sts/sts_words.h"

namespace postern {
namespace {

constexpr std::size_t kMostFaults = 50;

bool IsContinuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// How many octets the UTF-8 character at the front has (RFC 3629); 0: it is
// none, or it is a control character.
std::size_t CharacterLength(std::string_view text) {
  const auto at = [&](std::size_t i) {
    return static_cast<unsigned char>(text[i]);
  };
  const unsigned char first = at(0);
  if (first < 0x20 || first == 0x7f) return 0;
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                             : first >= 0xe0 && first <= 0xef ? 3
                             : first >= 0xf0 && first <= 0xf4 ? 4
                                                              : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!IsContinuation(text[i])) return 0;
  }
  // Overlong forms, surrogates, beyond U+10FFFF.
  if (first == 0xe0 && at(1) < 0xa0) return 0;
  if (first == 0xed && at(1) > 0x9f) return 0;
  if (first == 0xf0 && at(1) < 0x90) return 0;
  if (first == 0xf4 && at(1) > 0x8f) return 0;
  return length;
}

bool IsText(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = CharacterLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

// RFC 5321's Domain: letters, digits and hyphens, so A-labels; no address.
std::optional<MxPattern> ReadPattern(std::string_view value) {
  const bool wildcard = value.substr(0, 2) == "*.";
  if (wildcard) value.remove_prefix(2);
  const bool plain = std::all_of(value.begin(), value.end(), [](char c) {
    return IsAlphanumeric(c) || c == '-' || c == '.';
  });
  if (!plain || value.empty() || value.back() == '.') return std::nullopt;
  Result<Domain> domain = Domain::Parse(value);
  if (!domain) return std::nullopt;
  return MxPattern{*std::move(domain), wildcard};
}

std::optional<std::chrono::seconds> ReadMaxAge(std::string_view value) {
  constexpr std::size_t kMostDigits = 10;
  const bool digits = std::all_of(value.begin(), value.end(),
                                  [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || value.empty() || value.size() > kMostDigits) {
    return std::nullopt;
  }
  std::int64_t number = 0;
  for (const char c : value) number = number * 10 + (c - '0');
  if (number > kLongestMaxAge.count()) return std::nullopt;
  return std::chrono::seconds(number);
}

std::optional<StsMode> ReadMode(std::string_view value) {
  for (const StsMode mode :
       {StsMode::kEnforce, StsMode::kTesting, StsMode::kNone}) {
    if (value == ToString(mode)) return mode;
  }
  return std::nullopt;
}

// The lines of `body`, in turn.
class Lines {
 public:
  explicit Lines(std::string_view body) : rest_(body) {}
  std::optional<std::string_view> Next() {
    if (rest_.empty()) return std::nullopt;
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return line;
  }

 private:
  std::string_view rest_;
};

class Reader {
 public:
  void Line(std::string_view line) {
    ++number_;
    line = TrimBack(line);
    if (line.empty()) {
      ++empty_;
      return;
    }
    if (empty_ > 0) Fault("an empty line before it");
    empty_ = 0;
    Field(line);
  }

  ReadPolicy Finish() {
    number_ = 0;
    if (!version_) Fault("there is no version: STSv1");
    if (!mode_seen_) Fault("there is no mode:");
    if (!max_age_seen_) Fault("there is no max_age:");
    if (mode_ && *mode_ != StsMode::kNone && !mx_seen_) {
      Fault("there is no mx:, and mode is " + std::string(ToString(*mode_)));
    }
    ReadPolicy read;
    read.faults = std::move(faults_);
    if (read.faults.empty()) {
      read.policy = StsPolicy{*mode_, std::move(mx_), *max_age_};
    }
    return read;
  }

 private:
  void Fault(const std::string& what) {
    if (faults_.size() == kMostFaults) return;
    faults_.push_back(
        (number_ == 0 ? "" : "line " + std::to_string(number_) + ": ") + what);
  }

  void Field(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      return Fault(Quoted(line) + " is not NAME: VALUE");
    }
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = TrimFront(line.substr(colon + 1));
    if (!IsFieldName(name)) return Fault(Quoted(name) + " is not a name");
    if (value.empty() || !IsText(value)) {
      return Fault(std::string(name) + ": " + Quoted(value) +
                   " is not a value");
    }
    Value(name, value);
  }

  void Value(std::string_view name, std::string_view value) {
    if (name == "mx") {
      mx_seen_ = true;
      if (auto pattern = ReadPattern(value)) {
        return mx_.push_back(*std::move(pattern));
      }
      return Fault("mx: " + Quoted(value) +
                   " is neither a host's name (A-labels) nor *.DOMAIN");
    }
    if (name == "version" && !version_) {
      version_ = true;
      if (value != "STSv1") Fault("version: " + Quoted(value));
    } else if (name == "mode" && !mode_seen_) {
      mode_seen_ = true;
      mode_ = ReadMode(value);
      if (!mode_) {
        Fault("mode: " + Quoted(value) +
              " is none of enforce, testing and none");
      }
    } else if (name == "max_age" && !max_age_seen_) {
      max_age_seen_ = true;
      max_age_ = ReadMaxAge(value);
      if (!max_age_) {
        Fault("max_age: " + Quoted(value) + " is not a number up to " +
              std::to_string(kLongestMaxAge.count()));
      }
    }
  }

  int number_ = 0, empty_ = 0;
  bool version_ = false, mode_seen_ = false, max_age_seen_ = false,
       mx_seen_ = false;
  std::optional<StsMode> mode_;
  std::optional<std::chrono::seconds> max_age_;
  std::vector<MxPattern> mx_;
  std::vector<std::string> faults_;
};

}  // namespace

bool MxPattern::Matches(const Domain& host) const {
  return wildcard ? host.Parent() == domain : host == domain;
}

std::string_view ToString(StsMode mode) {
  switch (mode) {
    case StsMode::kEnforce:
      return "enforce";
    case StsMode::kTesting:
      return "testing";
    case StsMode::kNone:
      break;
  }
  return "none";
}

bool StsPolicy::Allows(const Domain& host) const {
  return std::any_of(mx.begin(), mx.end(), [&](const MxPattern& pattern) {
    return pattern.Matches(host);
  });
}

ReadPolicy ReadStsPolicy(std::string_view body) {
  Reader reader;
  Lines lines(body);
  while (const auto line = lines.Next()) reader.Line(*line);
  return reader.Finish();
}

std::vector<std::string> PolicyLines(std::string_view body) {
  std::vector<std::string> texts;
  Lines lines(body);
  while (const auto line = lines.Next()) {
    if (TrimBack(*line).empty()) continue;
    texts.emplace_back(TrimBack(*line));
  }
  return texts;
}

}  // namespace postern
