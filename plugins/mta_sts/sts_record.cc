#include "plugins/mta_sts/sts_record.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "core/names/quoted.h"
#include "plugins/mta_sts/sts_words.h"

namespace postern {
namespace {

constexpr std::string_view kVersion = "v=STSv1";
constexpr std::size_t kLongestId = 32;

StsRecord InvalidRecord(std::string why) {
  return {StsRecord::State::kInvalid, {}, std::move(why)};
}

bool IsId(std::string_view value) {
  return !value.empty() && value.size() <= kLongestId &&
         std::all_of(value.begin(), value.end(), IsAlphanumeric);
}

// sts-ext-value: printable, without "=", ";" and spaces.
bool IsValue(std::string_view value) {
  return !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
    return c > 0x20 && c < 0x7f && c != '=' && c != ';';
  });
}

// What is wrong with one field; nothing if it is in order. The first id counts.
std::optional<std::string> ReadField(std::string_view field,
                                     std::optional<std::string>& id) {
  const std::size_t equals = field.find('=');
  if (equals == std::string_view::npos) {
    return Quoted(field) + " is not NAME=VALUE";
  }
  const std::string_view name = field.substr(0, equals);
  const std::string_view value = field.substr(equals + 1);
  if (name == "id" && !id) {
    if (!IsId(value)) {
      return "id=" + Quoted(value) + " is not 1 to 32 letters and digits";
    }
    id = std::string(value);
    return std::nullopt;
  }
  if (!IsFieldName(name)) return Quoted(name) + " is not a field's name";
  if (!IsValue(value)) {
    return Quoted(value) + " is not a value that " + Quoted(name) + " can have";
  }
  return std::nullopt;
}

StsRecord ReadOne(std::string_view text) {
  std::optional<std::string> id;
  std::string_view rest = text.substr(kVersion.size());
  while (!rest.empty()) {
    // *WSP ";" *WSP, and either the end or a field.
    rest = TrimFront(rest);
    if (rest.empty() || rest.front() != ';') {
      return InvalidRecord("a ';' is missing before " + Quoted(rest));
    }
    rest = TrimFront(rest.substr(1));
    if (rest.empty()) break;
    std::size_t end = rest.find(';');
    if (end == std::string_view::npos) end = rest.size();
    std::string_view field = rest.substr(0, end);
    rest = rest.substr(end);
    if (!rest.empty()) field = TrimBack(field);
    if (const auto wrong = ReadField(field, id)) return InvalidRecord(*wrong);
  }
  if (!id) return InvalidRecord("there is no id=");
  return {StsRecord::State::kValid, *std::move(id), {}};
}

}  // namespace

StsRecord ReadStsRecord(std::span<const std::string> txt) {
  const std::string* found = nullptr;
  for (const std::string& record : txt) {
    if (record.compare(0, kVersion.size(), kVersion) != 0) continue;
    if (record.size() <= kVersion.size() || record[kVersion.size()] != ';') {
      continue;
    }
    if (found != nullptr) {
      return InvalidRecord(
          "there is more than one record that begins v=STSv1;");
    }
    found = &record;
  }
  if (found == nullptr) return {};
  return ReadOne(*found);
}

}  // namespace postern
