#include "core/tls/tls_parameters.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

namespace postern {

namespace {

constexpr std::string_view kSeparators = " \t,:";

std::vector<std::string_view> Split(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t end = text.find_first_of(kSeparators);
    if (end != 0) words.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return words;
}

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool SameWord(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

// Ordered as the protocols are.
constexpr std::array<std::string_view, 6> kProtocols = {
    "SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
constexpr std::size_t kTls12 = 4;
constexpr std::size_t kTls13 = 5;

std::optional<std::size_t> FindProtocol(std::string_view name) {
  if (SameWord(name, "TLSv1.0")) name = "TLSv1";
  for (std::size_t i = 0; i < kProtocols.size(); ++i) {
    if (SameWord(name, kProtocols[i])) return i;
  }
  return std::nullopt;
}

constexpr std::array<std::string_view, 3> kTls13Suites = {
    "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_GCM_SHA256"};

// At the end of every list: "!" removes for good, whatever the list says. MD5
// stands for suites that authenticate records with it.
constexpr std::string_view kFloor =
    ":!aNULL:!eNULL:!EXPORT:!LOW:!DES:!3DES:!RC2:!RC4:!MD5:!PSK:!SRP";

// Words of an OpenSSL list. No "@": "@SECLEVEL=0" would lift the floor.
bool IsCipherWord(std::string_view word) {
  if (word.starts_with('!') || word.starts_with('-') || word.starts_with('+')) {
    word.remove_prefix(1);
  }
  return !word.empty() && word.find_first_not_of(
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              "abcdefghijklmnopqrstuvwxyz0123456789_-+.") ==
                              std::string_view::npos;
}

Error BadWord(std::string_view attribute, std::string_view word,
              std::string_view expected) {
  return Error{Reason::kPolicyInvalid, std::string(attribute) + "=: \"" +
                                           std::string(word) + "\" is not " +
                                           std::string(expected)};
}

}  // namespace

Result<ProtocolChoice> ChooseProtocols(std::string_view words) {
  std::array<bool, kProtocols.size()> included{};
  std::array<bool, kProtocols.size()> excluded{};
  bool only_included = false;
  std::size_t lowest = kTls12;
  std::size_t highest = kTls13;
  for (const std::string_view word : Split(words)) {
    std::string_view name = word;
    const bool at_least = name.starts_with(">=");
    const bool at_most = name.starts_with("<=");
    const bool exclude = name.starts_with('!');
    name.remove_prefix(at_least || at_most ? 2 : exclude ? 1 : 0);
    const std::optional<std::size_t> protocol = FindProtocol(name);
    if (!protocol) {
      return BadWord("protocols", word,
                     "a TLS protocol (>=TLSv1.2, TLSv1.3, !TLSv1.3)");
    }
    if (at_least) {
      lowest = std::max(lowest, *protocol);
    } else if (at_most) {
      highest = std::min(highest, *protocol);
    } else if (exclude) {
      excluded.at(*protocol) = true;
    } else {
      included.at(*protocol) = only_included = true;
    }
  }
  const auto allowed = [&](std::size_t protocol) {
    return protocol >= lowest && protocol <= highest &&
           !excluded.at(protocol) && (!only_included || included.at(protocol));
  };
  const ProtocolChoice choice{allowed(kTls12), allowed(kTls13)};
  if (!choice.tls12 && !choice.tls13) {
    return Error{Reason::kPolicyInvalid,
                 "protocols=: leaves neither TLSv1.2 nor TLSv1.3"};
  }
  return choice;
}

Result<CipherChoice> ChooseCiphers(std::string_view ciphers,
                                   std::string_view exclude) {
  CipherChoice choice;
  const auto words = Split(ciphers);
  const auto is_grade = [&](std::string_view grade) {
    return words.size() == 1 && SameWord(words.front(), grade);
  };
  if (words.empty() || is_grade("high")) {
    choice.list = "HIGH";
  } else if (is_grade("medium") || is_grade("low") || is_grade("export")) {
    choice.list = "HIGH:MEDIUM";
  } else {
    for (const std::string_view word : words) {
      if (!IsCipherWord(word)) {
        return BadWord("ciphers", word, "a grade or an OpenSSL cipher");
      }
      if (!choice.list.empty()) choice.list += ':';
      choice.list += word;
    }
  }
  std::vector<std::string_view> suites(kTls13Suites.begin(),
                                       kTls13Suites.end());
  for (const std::string_view word : Split(exclude)) {
    if (!IsCipherWord(word) || word.starts_with('!') || word.starts_with('-') ||
        word.starts_with('+')) {
      return BadWord("exclude", word, "an OpenSSL cipher or cipher type");
    }
    if (std::erase(suites, word) == 0) {
      choice.list += ":!";
      choice.list += word;
    }
  }
  choice.list += kFloor;
  for (const std::string_view suite : suites) {
    if (!choice.suites.empty()) choice.suites += ':';
    choice.suites += suite;
  }
  return choice;
}

}  // namespace postern
