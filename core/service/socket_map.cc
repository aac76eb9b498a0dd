#include "core/service/socket_map.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/names/quoted.h"

namespace postern {
namespace {

using MapStatus = SocketMapReply::Status;

constexpr std::array<std::pair<MapStatus, std::string_view>, 5> kWords{
    {{MapStatus::kOk, "OK"},
     {MapStatus::kNotFound, "NOTFOUND"},
     {MapStatus::kTemp, "TEMP"},
     {MapStatus::kTimeout, "TIMEOUT"},
     {MapStatus::kPerm, "PERM"}}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

Error Malformed(const char* what) {
  return Error{Reason::kRequestInvalid, std::string("netstring: ") + what};
}

}  // namespace

SocketMapReply SocketMapReply::Ok(std::string value) {
  return {MapStatus::kOk, std::move(value)};
}

SocketMapReply SocketMapReply::Temp(std::string why) {
  return {MapStatus::kTemp, std::move(why)};
}

std::string_view ToString(SocketMapReply::Status status) {
  for (const auto& [value, word] : kWords) {
    if (value == status) return word;
  }
  return "TEMP";
}

Result<SocketMapQuery> ParseSocketMapQuery(std::string_view content) {
  if (std::any_of(content.begin(), content.end(), IsControl)) {
    return Error{Reason::kRequestInvalid, "control characters in a question"};
  }
  const std::size_t blank = content.find(' ');
  if (blank == 0 || blank == std::string_view::npos) {
    return Error{Reason::kRequestInvalid, "a question is 'map key'"};
  }
  return SocketMapQuery{std::string(content.substr(0, blank)),
                        std::string(content.substr(blank + 1))};
}

std::string FormatSocketMapQuery(const SocketMapQuery& query) {
  return FormatNetstring(query.map + ' ' + query.key);
}

Result<SocketMapReply> ParseSocketMapReply(std::string_view content) {
  const std::size_t blank = std::min(content.find(' '), content.size());
  for (const auto& [status, word] : kWords) {
    if (word != content.substr(0, blank)) continue;
    content.remove_prefix(std::min(blank + 1, content.size()));
    return SocketMapReply{status, std::string(content)};
  }
  return Error{Reason::kServiceUnavailable, "no answer of a socket map"};
}

std::string FormatSocketMapReply(const SocketMapReply& reply) {
  std::string content(ToString(reply.status));
  content += ' ';
  content += reply.text;
  if (content.size() > kMaxSocketMapReply) {
    return FormatSocketMapReply(
        SocketMapReply::Temp("the answer is too long for a socket map"));
  }
  std::replace_if(content.begin(), content.end(), IsControl, ' ');
  return FormatNetstring(content);
}

std::string FormatNetstring(std::string_view content) {
  std::string whole = std::to_string(content.size());
  whole += ':';
  whole += content;
  whole += ',';
  return whole;
}

Result<std::optional<std::string>> NetstringBuffer::Take() {
  std::string_view rest = octets_;
  rest.remove_prefix(begin_);
  std::size_t length = 0, digits = 0;
  while (digits < rest.size() && IsDigit(rest[digits])) {
    length = length * 10 + static_cast<std::size_t>(rest[digits] - '0');
    ++digits;
    if (length > limit_) return Malformed("too long");
    if (digits > 1 && rest[0] == '0') return Malformed("leading zero");
  }
  if (digits == rest.size()) {
    octets_.erase(0, begin_);
    begin_ = 0;
    return std::optional<std::string>();
  }
  if (digits == 0) return Malformed("no length");
  if (rest[digits] != ':') return Malformed("no colon after the length");
  const std::size_t end = digits + 1 + length;
  if (rest.size() > end && rest[end] != ',') return Malformed("no comma");
  if (rest.size() <= end) {
    octets_.erase(0, begin_);
    begin_ = 0;
    return std::optional<std::string>();
  }
  std::optional<std::string> content(rest.substr(digits + 1, length));
  begin_ += end + 1;
  if (begin_ == octets_.size()) {
    octets_.clear();
    begin_ = 0;
  }
  return content;
}

}  // namespace postern
