// core/config/setters.h
//
// How the values of each setting come into Settings: the second column of the
// table (settings_table.cc), and private to it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/config/settings.h"
#include "core/config/values.h"

namespace postern::setters {

using Values = std::span<const std::string>;

// The last one given counts, as the last of several lines would be read.
inline const std::string& One(Values values) { return values.back(); }

template <auto kField>
Status SetText(Settings& settings, Values values) {
  settings.*kField = One(values);
  return {};
}

template <auto kField>
Status SetNeeded(Settings& settings, Values values) {
  if (One(values).empty()) {
    return Error(Reason::kRequestInvalid, "must not be empty");
  }
  settings.*kField = One(values);
  return {};
}

template <auto kField>
Status SetPath(Settings& settings, Values values) {
  if (!One(values).starts_with('/')) {
    return Error(Reason::kRequestInvalid,
                 "'" + One(values) + "' is not an absolute path");
  }
  settings.*kField = One(values);
  return {};
}

template <auto kField>
Status SetWords(Settings& settings, Values values) {
  settings.*kField = SplitWords(values);
  return {};
}

// Each value is one item, spaces and all.
template <auto kField>
Status SetLines(Settings& settings, Values values) {
  (settings.*kField).clear();
  for (const std::string& value : values) {
    if (!value.empty()) (settings.*kField).push_back(value);
  }
  return {};
}

template <auto kField>
Status SetSwitch(Settings& settings, Values values) {
  const Result<bool> value = ParseSwitch(One(values));
  if (!value) return value.error();
  settings.*kField = *value;
  return {};
}

template <auto kField>
Status SetSize(Settings& settings, Values values) {
  const Result<std::size_t> value = ParseSize(One(values));
  if (!value) return value.error();
  settings.*kField = *value;
  return {};
}

template <auto kField>
Status SetTimeout(Settings& settings, Values values) {
  const Result<std::chrono::seconds> value = ParseDuration(One(values));
  if (!value) return value.error();
  settings.timeouts.*kField = *value;
  return {};
}

template <auto kField>
Status SetRetention(Settings& settings, Values values) {
  const Result<std::chrono::seconds> value = ParseDuration(One(values));
  if (!value) return value.error();
  settings.*kField = std::chrono::ceil<std::chrono::hours>(*value);
  return {};
}

inline Status SetLineLength(Settings& settings, Values values) {
  // Shorter than what RFC 5322 section 2.1.1 recommends would only do harm.
  constexpr std::size_t kShortest = 78;
  const Result<std::size_t> value = ParseCount(One(values), 0, 1'000'000);
  if (!value) return value.error();
  if (*value != 0 && *value < kShortest) {
    return Error{Reason::kRequestInvalid,
                 "line-length-limit: 0 (no limit) or at least " +
                     std::to_string(kShortest)};
  }
  settings.line_length_limit = *value;
  return {};
}

template <auto kField>
Status SetCountOf(Settings& settings, Values values) {
  const Result<std::size_t> value = ParseCount(One(values), 1, 10'000);
  if (!value) return value.error();
  settings.*kField = static_cast<unsigned>(*value);
  return {};
}

template <auto kField, std::size_t kLow, std::size_t kHigh>
Status SetConnectionCount(Settings& settings, Values values) {
  const Result<std::size_t> value = ParseCount(One(values), kLow, kHigh);
  if (!value) return value.error();
  auto& field = settings.connections.*kField;
  field = static_cast<std::remove_reference_t<decltype(field)>>(*value);
  return {};
}

template <auto kField, unsigned kMaxSeconds>
Status SetConnectionTime(Settings& settings, Values values) {
  const Result<std::chrono::seconds> value = ParseDuration(One(values));
  if (!value) return value.error();
  if (*value > std::chrono::seconds(kMaxSeconds)) {
    return Error(Reason::kRequestInvalid,
                 "more than " + std::to_string(kMaxSeconds) + " seconds");
  }
  settings.connections.*kField = *value;
  return {};
}

// Empty: none, or one beside the file of state.
template <auto kField>
Status SetOptionalPath(Settings& settings, Values values) {
  (settings.*kField).clear();
  if (One(values).empty()) return {};
  return SetPath<kField>(settings, values);
}

inline Status SetWithout8BitMime(Settings& settings, Values values) {
  if (One(values) != "send" && One(values) != "refuse") {
    return Error{Reason::kRequestInvalid,
                 "'" + One(values) + "' is neither send nor refuse"};
  }
  settings.refuse_8bit = One(values) == "refuse";
  return {};
}

inline Status SetMapInet(Settings& settings, Values values) {
  settings.postfix_map.inet.reset();
  const std::string& text = One(values);
  if (text.empty()) return {};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) {
    return Error{Reason::kRequestInvalid,
                 "'" + text + "' is not ADDRESS:PORT, as 127.0.0.1:8461"};
  }
  std::string host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  }
  const Result<IpAddress> address = IpAddress::Parse(host);
  if (!address) return address.error();
  const Result<Port> port = Port::Parse(text.substr(colon + 1));
  if (!port) return port.error();
  if (!address->is_loopback()) {
    return Error{Reason::kRequestInvalid,
                 host +
                     " is no loopback address; there is nothing that tells "
                     "who asks"};
  }
  settings.postfix_map.inet = InetPlace{*address, *port};
  return {};
}

inline Status SetPostfixVersion(Settings& settings, Values values) {
  const std::string& text = One(values);
  const std::size_t dot = text.find('.');
  const std::string minor =
      dot == std::string::npos
          ? ""
          : text.substr(dot + 1, text.find('.', dot + 1) - dot - 1);
  const Result<std::size_t> first = ParseCount(text.substr(0, dot), 3, 99);
  const Result<std::size_t> second = ParseCount(minor, 0, 99);
  if (!first || !second || (*first == 3 && *second < 4)) {
    return Error{Reason::kRequestInvalid,
                 "'" + text + "' is no version from 3.4 on, as 3.7"};
  }
  settings.postfix_map.version = {static_cast<unsigned>(*first),
                                  static_cast<unsigned>(*second)};
  return {};
}

inline Status SetPostfixDigest(Settings& settings, Values values) {
  if (One(values) != "sha256" && One(values) != "sha512") {
    return Error{Reason::kRequestInvalid,
                 "'" + One(values) + "' is neither sha256 nor sha512"};
  }
  settings.postfix_map.digest = One(values);
  return {};
}

inline Status SetMapLookups(Settings& settings, Values values) {
  const Result<std::size_t> value = ParseCount(One(values), 1, 1000);
  if (!value) return value.error();
  settings.postfix_map.lookups = static_cast<unsigned>(*value);
  return {};
}

inline Status SetJournalLimit(Settings& settings, Values values) {
  const Result<std::size_t> value =
      ParseCount(One(values), 1000, 1'000'000'000);
  if (!value) return value.error();
  settings.journal_limit = *value;
  return {};
}

template <auto kField, typename Item>
Status SetParsed(Settings& settings, Values values) {
  (settings.*kField).clear();
  for (const std::string& word : SplitWords(values)) {
    const Result<Item> item = Item::Parse(word);
    if (!item) return item.error();
    (settings.*kField).push_back(*item);
  }
  return {};
}

inline DoorSettings& DoorNamed(Settings& settings, std::string_view name) {
  for (DoorSettings& door : settings.doors) {
    if (door.name == name) return door;
  }
  settings.doors.push_back({std::string(name), {}, {}});
  return settings.doors.back();
}

inline Status SetDoorPath(Settings& settings, std::string_view name,
                          Values values) {
  if (One(values).empty()) {
    return Error(Reason::kRequestInvalid, "must not be empty");
  }
  DoorNamed(settings, name).path = One(values);
  return {};
}

// A door that may be left out: without a path it is not opened.
inline Status SetOptionalDoorPath(Settings& settings, std::string_view name,
                                  Values values) {
  DoorNamed(settings, name).path = One(values);
  return {};
}

inline Status SetDoorUsers(Settings& settings, std::string_view name,
                           Values values) {
  DoorNamed(settings, name).users = SplitWords(values);
  return {};
}

}  // namespace postern::setters
