#include "exim-dlfunc/exim_plan.h"

#include <algorithm>

#include "core/tls/tls_words.h"

namespace postern {
namespace {

// The last "host" of every list: a broadcast address, to which connect(2) fails
// at once and without a packet. Exim bounces mail on a 5xx greeting of the last
// host of a list; with this behind it, no host of the destination's is the last
// and the mail waits.
constexpr std::string_view kNobody = "+255.255.255.255:25";

// In quotes, for Exim's ${extract.
std::string InQuotes(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return quoted + '"';
}

void AddWord(std::string& text, std::string_view key, std::string_view value) {
  if (!text.empty()) text += ' ';
  text += key;
  text += '=';
  text += value;
}

// "<+mx1.example:25+[2001:db8::1]:25"
std::string HostList(std::span<const HostPlan* const> hosts) {
  std::string list = "<";
  for (const HostPlan* host : hosts) {
    list += '+';
    if (const auto* name = std::get_if<Domain>(&host->facts.host)) {
      list += name->str();
    } else {
      const auto& address = std::get<IpAddress>(host->facts.host);
      list += address.is_v6() ? "[" + address.str() + "]" : address.str();
    }
    list += ':' + std::to_string(host->facts.port.value);
  }
  list += kNobody;
  return list;
}

// Exim has to be told one thing for all hosts of a list.
Result<const HostPlan*> Common(std::span<const HostPlan* const> hosts) {
  if (hosts.empty()) return Error{Reason::kInternal, "a plan without a host"};
  const HostPlan& first = *hosts.front();
  for (const HostPlan* host : hosts) {
    if (host->wrapper != first.wrapper || host->protocols != first.protocols) {
      return Error{Reason::kPolicyInvalid,
                   "Exim can't be told different TLS parameters for the hosts "
                   "of one destination"};
    }
  }
  return &first;
}

// The least that holds for all: Exim looks at the word before it connects, the
// gate judges each host by its own plan.
std::string_view TlsWord(std::span<const HostPlan* const> hosts) {
  const auto all = [&](TlsUse use) {
    return std::all_of(hosts.begin(), hosts.end(), [use](const HostPlan* host) {
      return host->tls == use && host->verifiers.empty();
    });
  };
  if (all(TlsUse::kNever)) return "never";
  const bool none_required =
      std::all_of(hosts.begin(), hosts.end(), [](const HostPlan* host) {
        return host->tls != TlsUse::kRequired && host->verifiers.empty();
      });
  return none_required ? "opportunistic" : "required";
}

// GnuTLS's words for protocols=.
std::string Priority(const ProtocolSet& set) {
  std::string text = "NORMAL:-VERS-ALL";
  if (set.tls13) text += ":+VERS-TLS1.3";
  if (set.tls12) text += ":+VERS-TLS1.2";
  return text;
}

std::string_view ValueOf(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    if (word.starts_with(key) && word.size() > key.size() &&
        word[key.size()] == '=') {
      return word.substr(key.size() + 1);
    }
    text.remove_prefix(std::min(text.size(), word.size() + 1));
  }
  return {};
}

}  // namespace

Result<std::string> ToAddressData(const Plan& plan,
                                  const EximPlanWanted& wanted) {
  const Result<const HostPlan*> common = Common(wanted.hosts);
  if (!common) return common.error();
  const PolicyLine& line = plan.destination.policy.line;
  const Result<ProtocolSet> protocols = ParseProtocols((*common)->protocols);
  if (!protocols) return protocols.error();
  const bool proves = std::any_of(
      wanted.hosts.begin(), wanted.hosts.end(), [](const HostPlan* host) {
        return host->tls == TlsUse::kRequired || !host->verifiers.empty();
      });

  std::string text;
  AddWord(text, "plan", plan.digest);
  AddWord(text, "action", "deliver");
  AddWord(text, "level", ToString(line.level));
  AddWord(text, "strict", proves ? "yes" : "no");
  AddWord(text, "tls",
          wanted.in_clear ? "opportunistic" : TlsWord(wanted.hosts));
  AddWord(text, "transport", (*common)->wrapper ? "smtps" : "smtp");
  // Left out only where the recipient's domain alone says it all.
  const NextHop& hop = plan.destination.next_hop;
  if (!plan.destination.own_mx || hop.bracketed() || hop.port() != Port{}) {
    AddWord(text, "hop", hop.str());
  }
  AddWord(text, "priority", Priority(*protocols));
  if (line.servername) AddWord(text, "sni", line.servername->str());
  if (line.source) AddWord(text, "source", line.source->str());
  if (!line.helo.empty()) AddWord(text, "helo", line.helo);
  if (!line.client_cert.empty()) {
    AddWord(text, "certificate", InQuotes(line.client_cert));
    AddWord(
        text, "key",
        InQuotes(line.client_key.empty() ? line.client_cert : line.client_key));
  }
  if (wanted.anyway) AddWord(text, "anyway", "yes");
  AddWord(text, "hosts", HostList(wanted.hosts));
  return text;
}

std::string ToBounce(std::string_view status, std::string_view text) {
  std::string data = "plan=none action=bounce";
  AddWord(data, "text",
          InQuotes(std::string(status) + " " + std::string(text)));
  return data;
}

Result<AddressData> ParseAddressData(std::string_view text) {
  AddressData data;
  data.digest = ValueOf(text, "plan");
  if (data.digest.empty() || data.digest == "none") {
    return Error{Reason::kRequestInvalid,
                 "there is no plan in address_data: the address was not routed "
                 "by Postern's router"};
  }
  data.anyway = ValueOf(text, "anyway") == "yes";
  const std::string_view hop = ValueOf(text, "hop");
  if (hop.empty()) return data;
  Result<NextHop> parsed = NextHop::Parse(hop);
  if (!parsed) return parsed.error();
  data.hop = *std::move(parsed);
  return data;
}

}  // namespace postern
