#include "exim-dlfunc/exim_words.h"

#include <algorithm>
#include <optional>

#include "core/names/quoted.h"

namespace postern {
namespace {

bool IsAmong(std::string_view word,
             std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

Error Invalid(std::string what) {
  return {Reason::kRequestInvalid, std::move(what)};
}

// Exim writes an address bare, with and without a dot at the end of names.
std::optional<HostName> ParseHost(std::string_view text) {
  if (auto address = IpAddress::Parse(text)) return HostName(*address);
  if (text.ends_with('.')) text.remove_suffix(1);
  if (auto domain = Domain::Parse(text)) return HostName(*std::move(domain));
  return std::nullopt;
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
  const std::optional<HostName> name = ParseHost(host);
  const Result<Port> number = Port::Parse(port);
  if (!name || !number) return nullptr;
  const HostPlan* alias = nullptr;
  for (const HostPlan& candidate : plan.hosts) {
    const HostFacts& facts = candidate.facts;
    if (facts.port != *number) continue;
    if (facts.host == *name) return &candidate;
    if (!facts.expanded || HostName(*facts.expanded) != *name) continue;
    // Which of two aliases led there, and what is asked of it, can't be known.
    if (alias != nullptr) return nullptr;
    alias = &candidate;
  }
  return alias;
}

std::string HostText(std::string_view host) {
  const std::optional<HostName> name = ParseHost(host);
  return name ? ToString(*name) : std::string(host);
}

std::string ProtocolName(std::string_view version) {
  if (version.starts_with("TLS") && version.size() > 3 && version[3] != 'v') {
    return "TLSv" + std::string(version.substr(3));
  }
  return OneLine(version, 16);
}

}  // namespace postern
