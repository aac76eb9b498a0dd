#include "posternd/assembled_gate.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>

#include "core/names/quoted.h"
#include "core/route/own_addresses.h"
#include "plugins/builtin/builtin.h"

namespace postern {
namespace {

// "192.0.2.1" or "192.0.2.1@5353".
Result<DnsServer> ParseServer(const std::string& text) {
  const std::size_t at = text.find('@');
  const Result<IpAddress> address = IpAddress::Parse(text.substr(0, at));
  if (!address) return address.error();
  DnsServer server{*address, Port{53}};
  if (at == std::string::npos) return server;
  const Result<Port> port = Port::Parse(text.substr(at + 1));
  if (!port) return port.error();
  server.port = *port;
  return server;
}

// "name: value", in unbound.conf's words.
Result<std::pair<std::string, std::string>> ParseOption(
    const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos || colon == 0) {
    return Error{Reason::kRequestInvalid,
                 "dns-options: " + Quoted(text) + " is not 'name: value'"};
  }
  const std::size_t value = text.find_first_not_of(" \t", colon + 1);
  return std::pair(text.substr(0, colon), value == std::string::npos
                                              ? std::string()
                                              : text.substr(value));
}

// A step's own time where the configuration has one; the others are bounded by
// command-timeout.
SmtpTimeouts TimeoutsFrom(const TimeoutSettings& settings) {
  SmtpTimeouts timeouts;
  timeouts.connect = settings.connect;
  timeouts.block = settings.data;
  timeouts.dot = settings.dot_reply;
  timeouts.greeting = timeouts.hello = timeouts.mail = timeouts.rcpt =
      settings.command;
  const std::chrono::milliseconds command = settings.command;
  timeouts.handshake = std::min(timeouts.handshake, command);
  timeouts.starttls = std::min(timeouts.starttls, command);
  timeouts.data = std::min(timeouts.data, command);
  timeouts.auth = std::min(timeouts.auth, command);
  return timeouts;
}

SmtpClient SmtpClientFrom(const PostfixMapSettings& settings) {
  return {settings.version, settings.digest == "sha512"
                                ? DigestAlgorithm::kSha512
                                : DigestAlgorithm::kSha256};
}

Result<OwnIdentity> OwnIdentityFrom(const Settings& settings,
                                    const Domain& helo) {
  Result<std::vector<IpAddress>> addresses = InterfaceAddresses();
  if (!addresses) return addresses.error();
  OwnIdentity own;
  own.names = settings.own_names;
  own.names.push_back(helo);
  own.addresses = std::move(*addresses);
  own.addresses.insert(own.addresses.end(), settings.own_addresses.begin(),
                       settings.own_addresses.end());
  return own;
}

}  // namespace

bool HasPlace(const DoorSettings* door) {
  if (door == nullptr || door->path.empty()) return false;
  std::error_code ignored;
  return std::filesystem::is_directory(
      std::filesystem::path(door->path).parent_path(), ignored);
}

Result<ResolverOptions> ResolverOptionsFrom(const Settings& settings) {
  ResolverOptions options;
  options.trust_anchor_file = settings.dns_trust_anchor;
  options.question_timeout = settings.timeouts.dns;
  for (const std::string& text : settings.dns_forwarders) {
    const Result<DnsServer> server = ParseServer(text);
    if (!server) {
      return Error{Reason::kRequestInvalid,
                   "dns-forwarders: " + server.error().detail()};
    }
    options.forwarders.push_back(*server);
  }
  for (const std::string& text : settings.dns_options) {
    Result<std::pair<std::string, std::string>> option = ParseOption(text);
    if (!option) return option.error();
    options.unbound.push_back(*std::move(option));
  }
  return options;
}

AssembledGate::AssembledGate(const Settings& settings,
                             std::unique_ptr<UnboundResolver> resolver,
                             OwnIdentity own, AddressFilter addresses)
    : resolver_(std::move(resolver)),
      cached_(*resolver_),
      addresses_(std::move(addresses)),
      store_(settings.snapshot),
      credentials_(settings.credentials),
      router_(cached_, random_, std::move(own)),
      serves_policy_map_(HasPlace(settings.door("postfix-map")) ||
                         settings.postfix_map.inet) {}

Result<std::unique_ptr<AssembledGate>> AssembledGate::Make(
    const Settings& settings, const Clock& clock, ResidentParts resident) {
  const Status plugins = CheckPlugins(settings.verifiers, settings.leave_out);
  if (!plugins) return plugins.error();
  const Result<Domain> helo = HeloName(settings);
  if (!helo) return helo.error();
  Result<OwnIdentity> own = OwnIdentityFrom(settings, *helo);
  if (!own) return own.error();
  const Result<ResolverOptions> options = ResolverOptionsFrom(settings);
  if (!options) return options.error();
  auto resolver = UnboundResolver::Start(*options);
  if (!resolver) return resolver.error();

  const AddressFilter addresses(own->addresses,
                                settings.probe_private_addresses);
  std::unique_ptr<AssembledGate> made(new AssembledGate(
      settings, *std::move(resolver), *std::move(own), addresses));
  if (!resident.published) {
    resident.published = std::make_shared<MemoryPublishedCache>();
  }
  const bool is_resident = static_cast<bool>(resident.warn);
  auto sources = MakeSources(
      settings.verifiers, settings.leave_out,
      {settings.trust_directory, made->cached_, clock, settings.tlsa_digests,
       made->random_, std::move(resident.published), addresses, is_resident,
       std::move(resident.warn)});
  if (!sources) return sources.error();
  made->sources_ = *std::move(sources);
  for (const auto& source : made->sources_) {
    made->order_.push_back(source.get());
  }
  made->gate_ = std::make_unique<Gate>(
      Gate::Parts{made->store_, made->cached_, made->router_, made->order_,
                  settings.leave_out, made->tls_, clock, helo->str(),
                  TimeoutsFrom(settings.timeouts), &made->credentials_,
                  &made->sasl_, settings.refuse_8bit});
  made->policy_map_ = std::make_unique<PolicyMap>(
      made->store_, *made->gate_, clock, SmtpClientFrom(settings.postfix_map));
  return made;
}

}  // namespace postern
