#include "plugins/builtin/builtin.h"

#include <algorithm>
#include <array>

#ifdef POSTERN_WITH_DANE
#include "plugins/dane/dane_source.h"
#endif
#ifdef POSTERN_WITH_MTA_STS
#include "plugins/mta_sts/mta_sts_source.h"
#endif
#include "plugins/pin/pin_source.h"
#include "plugins/webpki/webpki_source.h"

namespace postern {
namespace {

using Made = Result<std::unique_ptr<PolicySource>>;

// Published sources that configuration may leave out by name, built in or not:
// an administrator says once that `auto` means its floor here.
constexpr std::array<std::string_view, 2> kPublished{"dane", "mta-sts"};

std::string ListNames() {
  std::string names;
  for (const PluginInfo& plugin : BuiltInPlugins()) {
    if (!names.empty()) names += ' ';
    names += plugin.name;
  }
  return names;
}

#ifdef POSTERN_WITH_MTA_STS
std::unique_ptr<PolicySource> MakeMtaSts(const PluginParts& parts) {
  return MakeMtaStsSource(
      {parts.trust_directory, parts.resolver, parts.clock, parts.random,
       parts.published,
       MakeHttpsFetcher({parts.trust_directory, parts.addresses},
                        parts.resolver, parts.clock),
       parts.warn, parts.resident});
}
#endif

const PluginInfo* Find(std::string_view name) {
  const auto plugins = BuiltInPlugins();
  const auto plugin =
      std::find_if(plugins.begin(), plugins.end(),
                   [&](const PluginInfo& info) { return info.name == name; });
  return plugin == plugins.end() ? nullptr : &*plugin;
}

bool Contains(std::span<const std::string> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Status CheckLeftOut(std::span<const std::string> names,
                    std::span<const std::string> left_out) {
  for (const std::string& name : left_out) {
    if (std::find(kPublished.begin(), kPublished.end(), name) ==
        kPublished.end()) {
      return Error(Reason::kVerifierNotBuiltIn,
                   "leave-out = " + name +
                       ": only published sources can be left out: dane "
                       "mta-sts");
    }
    if (Contains(names, name)) {
      return Error(Reason::kVerifierNotBuiltIn,
                   name + " stands in verifiers and in leave-out");
    }
  }
  return {};
}

}  // namespace

std::span<const PluginInfo> BuiltInPlugins() {
  static const std::array plugins{
#ifdef POSTERN_WITH_DANE
      PluginInfo{"dane", "compares the server's key or certificate with TLSA",
                 "dane dane-only auto",
                 [](const PluginParts& parts) -> Made {
                   auto digests = ParseTlsaDigests(parts.tlsa_digests);
                   if (!digests) return digests.error();
                   return MakeDaneSource(parts.resolver, *std::move(digests));
                 }},
#endif
#ifdef POSTERN_WITH_MTA_STS
      PluginInfo{"mta-sts",
                 "holds hosts to the MTA-STS policy that the destination "
                 "publishes",
                 "sts auto", MakeMtaSts},
#endif
      PluginInfo{"pin", "compares the server's key or certificate with pins",
                 "fingerprint",
                 [](const PluginParts&) -> Made { return MakePinSource(); }},
      PluginInfo{"webpki",
                 "builds a path to a trusted authority and compares names",
                 "verify secure hosted",
                 [](const PluginParts& parts) -> Made {
                   return MakeWebpkiSource(parts.trust_directory);
                 }},
  };
  return plugins;
}

Status CheckPlugins(std::span<const std::string> names,
                    std::span<const std::string> left_out) {
  if (const Status checked = CheckLeftOut(names, left_out); !checked) {
    return checked;
  }
  for (const std::string& name : names) {
    if (Find(name) == nullptr) {
      return Error(
          Reason::kVerifierNotBuiltIn,
          "verifiers = " + name + ": not built in; there is: " + ListNames());
    }
    if (std::count(names.begin(), names.end(), name) > 1) {
      return Error(Reason::kVerifierNotBuiltIn,
                   "verifiers names " + name + " twice");
    }
  }
  return {};
}

Result<std::vector<std::unique_ptr<PolicySource>>> MakeSources(
    std::span<const std::string> names, std::span<const std::string> left_out,
    const PluginParts& parts) {
  if (const Status checked = CheckPlugins(names, left_out); !checked) {
    return checked.error();
  }
  std::vector<std::unique_ptr<PolicySource>> sources;
  for (const std::string& name : names) {
    auto source = Find(name)->make(parts);
    if (!source) return source.error();
    sources.push_back(*std::move(source));
  }
  return sources;
}

}  // namespace postern
