// plugins/builtin/builtin.h
//
// The one list of what is compiled in: name, what it does, how it is made.
// Configuration chooses and orders (verifiers = …) or leaves out published
// sources by name (leave-out = …). Nothing is loaded at run time: a loaded
// verifier could say "pass" to all mail.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock/clock.h"
#include "core/dns/resolver.h"
#include "core/outcome/result.h"
#include "core/policy/policy_source.h"
#include "core/policy/published_cache.h"
#include "core/route/address_filter.h"

namespace postern {

// What plugins are made from. References are borrowed and outlive them.
struct PluginParts {
  std::string trust_directory;  // hashed, as c_rehash(1) makes it
  Resolver& resolver;
  const Clock& clock;
  std::vector<std::string> tlsa_digests;  // strongest first
  Random& random;
  // What published policies are kept in; shared by all who outlive a reload.
  std::shared_ptr<PublishedCache> published;
  // Where the names of strangers may lead.
  AddressFilter addresses;
  // For the service: renew in the background, and whom to tell what an
  // administrator wants to know. For programs that only ask: neither.
  bool resident = false;
  std::function<void(std::string_view)> warn;
};

struct PluginInfo {
  std::string_view name;
  std::string_view what;  // one sentence
  // The levels that need it, for people.
  std::string_view levels;
  // Error: what configuration says of it can't be used.
  std::function<Result<std::unique_ptr<PolicySource>>(const PluginParts&)> make;
};

std::span<const PluginInfo> BuiltInPlugins();

// An unknown or doubled name is an Error (kVerifierNotBuiltIn) that lists what
// is built in; so is a name that is also left out.
Status CheckPlugins(std::span<const std::string> names,
                    std::span<const std::string> left_out);

// In the order of `names`, which CheckPlugins() has to find good.
Result<std::vector<std::unique_ptr<PolicySource>>> MakeSources(
    std::span<const std::string> names, std::span<const std::string> left_out,
    const PluginParts& parts);

}  // namespace postern
