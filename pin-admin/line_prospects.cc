#include "pin-admin/line_prospects.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "core/policy/combine.h"
#include "core/policy/reference_names.h"
#include "pin-admin/policy_text.h"
#include "pin-admin/privileges.h"
#include "plugins/builtin/builtin.h"

namespace postern {
namespace {

Domain Sample(std::string_view name) { return Domain::Parse(name).value(); }

// What the sources would say if each had nothing to say: only whether they are
// there is asked.
std::vector<Contribution> Sources(const Settings& settings) {
  std::vector<Contribution> sources;
  for (const PluginInfo& plugin : BuiltInPlugins()) {
    const std::vector<std::string>& wanted = settings.verifiers;
    if (std::find(wanted.begin(), wanted.end(), plugin.name) == wanted.end()) {
      continue;
    }
    Contribution there;
    there.source = plugin.name;
    sources.push_back(std::move(there));
  }
  for (const std::string& name : settings.leave_out) {
    Contribution left_out;
    left_out.source = name;
    left_out.state = Contribution::State::kLeftOut;
    sources.push_back(std::move(left_out));
  }
  return sources;
}

// Asks Combine(), which alone knows what a level needs.
std::optional<std::string> MissingVerifier(PolicyLine line,
                                           const Settings& settings) {
  const HostFacts host{.host = Sample("mx.invalid")};
  line.mx.clear();
  const HostPlan plan = Combine(line, host, Sources(settings));
  if (!plan.refused || plan.refused->reason() != Reason::kVerifierNotBuiltIn) {
    return std::nullopt;
  }
  return plan.refused->detail() +
         " ('pin-admin plugins' lists what is built in and switched on)";
}

void AddMissingVerifiers(const PolicyLine& line, const Settings& settings,
                         std::vector<std::string>& why) {
  // Each half of also=auto by itself: a plan shows one refusal only.
  PolicyLine local = line;
  local.also_auto = false;
  std::vector<PolicyLine> halves{local};
  if (line.also_auto) {
    PolicyLine published = local;
    published.level = Level::kMay;
    published.also_auto = true;
    halves.push_back(std::move(published));
  }
  for (const PolicyLine& half : halves) {
    if (auto missing = MissingVerifier(half, settings)) {
      why.push_back(*std::move(missing));
    }
  }
}

// Some recipient of the key's; whatever depends on it is the same for all.
HostName RecipientOf(const PolicyKey& key) {
  if (key.kind() == PolicyKey::Kind::kDomain) return Sample(key.str());
  if (key.kind() == PolicyKey::Kind::kParent) return Sample("any" + key.str());
  return Sample("any.invalid");
}

void AddNamelessHops(const PolicyLine& line, std::vector<std::string>& why) {
  const Level level = LocalLevel(line);
  if (level != Level::kVerify && level != Level::kSecure) return;
  for (const NextHop& hop : HopsOf(line)) {
    const HostFacts host{
        .host = hop.bracketed() ? hop.host() : HostName(Sample("mx.invalid")),
        .port = hop.port()};
    ServedPolicy policy;
    policy.line = line;
    const Destination destination{RecipientOf(line.key), hop, policy, false};
    const ReferenceNames names =
        ReferenceIdentitiesFor(line, destination, host);
    if (!names.names.empty() || names.ptr) continue;
    why.push_back("at " + hop.str() +
                  " there is no name that a certificate could have to carry, "
                  "for an address is none: say with match= which name it is");
  }
}

void AddUnreadableFiles(const PolicyLine& line, const Settings& settings,
                        std::vector<std::string>& why) {
  std::vector<std::pair<std::string_view, const std::string*>> files;
  const auto add = [&files](std::string_view name, const std::string& path) {
    if (path.starts_with('/')) files.emplace_back(name, &path);
  };
  add("ca", line.ca);
  add("crl", line.crl);
  add("client-cert", line.client_cert);
  add("client-key", line.client_key);
  if (files.empty()) return;
  // As the service, which may read less than root. One line a file.
  const Result<std::string> errors = RunUnprivileged(settings.user, [&] {
    std::string text;
    for (const auto& file : files) {
      const bool readable = access(file.second->c_str(), R_OK) == 0;
      text += readable ? "" : std::strerror(errno);
      text += '\n';
    }
    return text;
  });
  if (!errors) {
    why.push_back("its files could not be looked at: " +
                  errors.error().detail());
    return;
  }
  std::string_view rest = *errors;
  for (const auto& [name, path] : files) {
    const std::string_view error = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), error.size() + 1));
    if (error.empty()) continue;
    why.push_back(std::string(name) + "=" + *path +
                  " can't be read by the service (" + std::string(error) + ")");
  }
}

}  // namespace

std::vector<std::string> WhyMailWaits(const PolicyLine& line,
                                      const Settings& settings) {
  std::vector<std::string> why;
  AddMissingVerifiers(line, settings, why);
  AddNamelessHops(line, why);
  AddUnreadableFiles(line, settings, why);
  return why;
}

ExitStatus WarnOfWaiting(Output& out, const PolicyLine& line,
                         const Settings& settings) {
  const std::vector<std::string> why = WhyMailWaits(line, settings);
  for (const std::string& reason : why) {
    out.Warn("mail under '" + line.key.str() + " " +
             std::string(ToString(line.level)) + "' will wait: " + reason);
  }
  return why.empty() ? ExitStatus::kGood : ExitStatus::kWarning;
}

}  // namespace postern
