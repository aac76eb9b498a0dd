#include "core/tls/tls_parameters.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "core/tls/tls_words.h"

namespace postern {
namespace {

constexpr std::array<std::string_view, 3> kTls13Suites = {
    "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_GCM_SHA256"};

// At the end of every list: "!" removes for good, whatever the list says. MD5
// stands for suites that authenticate records with it.
constexpr std::string_view kFloor =
    ":!aNULL:!eNULL:!EXPORT:!LOW:!DES:!3DES:!RC2:!RC4:!MD5:!PSK:!SRP";

}  // namespace

Result<CipherChoice> ChooseCiphers(std::string_view ciphers,
                                   std::string_view exclude) {
  CipherChoice choice;
  choice.list = "HIGH";
  if (!ciphers.empty()) {
    const Result<std::string> grade = CanonicalCiphers(ciphers);
    if (!grade) return grade.error();
    if (*grade == "medium") choice.list = "HIGH:MEDIUM";
  }
  std::vector<std::string_view> suites(kTls13Suites.begin(),
                                       kTls13Suites.end());
  if (!exclude.empty()) {
    const Result<std::string> words = CanonicalExclude(exclude);
    if (!words) return words.error();
    std::string_view rest = *words;
    while (!rest.empty()) {
      const std::string_view word = rest.substr(0, rest.find(':'));
      if (std::erase(suites, word) == 0) {
        choice.list += ":!";
        choice.list += word;
      }
      rest.remove_prefix(std::min(rest.size(), word.size() + 1));
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
