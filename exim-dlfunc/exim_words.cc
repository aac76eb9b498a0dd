#include "exim-dlfunc/exim_words.h"

#include <algorithm>
#include <optional>

#include "core/gate/made_connection.h"
#include "core/names/quoted.h"

namespace postern {
namespace {

bool IsAmong(std::string_view word,
             std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

Status CheckFields(const Request& request,
                   std::initializer_list<std::string_view> needed,
                   std::initializer_list<std::string_view> others) {
  for (const auto& [key, value] : request.fields) {
    if (!IsAmong(key, needed) && !IsAmong(key, others)) {
      return Invalid("unknown field " + Quoted(key));
    }
  }
  for (const std::string_view key : needed) {
    const std::string* value = request.Find(key);
    if (value == nullptr || value->empty()) {
      return Invalid(std::string(key) + " is missing");
    }
  }
  return {};
}

std::string Field(const Request& request, std::string_view key) {
  const std::string* value = request.Find(key);
  return value == nullptr ? std::string() : *value;
}

Result<NextHop> HopOf(const HostName& recipient, std::string_view hop) {
  if (!hop.empty()) return NextHop::Parse(hop);
  const auto* domain = std::get_if<Domain>(&recipient);
  return domain != nullptr ? NextHop::ForDomain(*domain)
                           : NextHop::ForHost(recipient);
}

const HostPlan* FindHost(const Plan& plan, std::string_view host,
                         std::string_view port) {
  const std::optional<HostName> name = ParseMadeHost(host);
  const Result<Port> number = Port::Parse(port);
  if (!name || !number) return nullptr;
  return FindHost(plan, *name, *number);
}

std::string HostText(std::string_view host) {
  const std::optional<HostName> name = ParseMadeHost(host);
  return name ? ToString(*name) : std::string(host);
}

std::string ProtocolName(std::string_view version) {
  if (version.starts_with("TLS") && version.size() > 3 && version[3] != 'v') {
    return "TLSv" + std::string(version.substr(3));
  }
  return OneLine(version, 16);
}

}  // namespace postern
