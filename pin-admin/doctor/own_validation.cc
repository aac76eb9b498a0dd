// Does the validator validate, and do the forwarders let it? Each question has
// an answer that is known beforehand, so that a validator which believes
// everything is found as surely as one that believes nothing.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>

#include "pin-admin/doctor/dns_check.h"

namespace postern {
namespace {

using Weight = Remark::Weight;

// A root key that nobody has: with it, every answer has to fail.
constexpr std::string_view kFalseAnchor =
    ". IN DS 1 8 2 "
    "0000000000000000000000000000000000000000000000000000000000000000\n";

constexpr std::chrono::seconds kBudget{10};

// A file in memory, for libunbound to read by its path.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view text)
      : fd_(memfd_create("anchor", MFD_CLOEXEC)) {
    good_ = fd_ >= 0 && write(fd_, text.data(), text.size()) ==
                            static_cast<ssize_t>(text.size());
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() {
    if (fd_ >= 0) close(fd_);
  }
  bool good() const { return good_; }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
  bool good_ = false;
};

// Some name of our own, so that no cache has its answer.
template <typename Ask>
auto AskAlone(const ResolverOptions& options, Ask ask)
    -> std::optional<decltype(ask(std::declval<Resolver&>(),
                                  std::declval<Deadline>()))> {
  auto resolver = UnboundResolver::Start(options);
  if (!resolver) return std::nullopt;
  return ask(**resolver, Deadline::After(kBudget));
}

ResolverOptions With(ResolverOptions options, const char* name,
                     const char* value) {
  options.unbound.emplace_back(name, value);
  return options;
}

// The denial of records below a name that nobody has: signed by the root.
DnsAnswer<TlsaRecord> DeniedTlsa(Resolver& resolver, Deadline deadline) {
  return resolver.Tlsa(Port{25}, ProbeName(), deadline);
}

std::vector<Diagnosis> InspectForwarder(const ResolverOptions& alone,
                                        const std::string& server) {
  const std::string mend =
      "postern.conf: dns-forwarders = ADDRESS\n(of a resolver that passes "
      "DNSSEC on, such as an unbound of your own)";
  std::vector<Diagnosis> found;
  if (const auto denied = AskAlone(alone, DeniedTlsa);
      denied && !(denied->absent() && denied->secure())) {
    found.push_back(
        {Weight::kNo, "forwarder-fails-tlsa", server,
         "the resolver can't prove that there is no TLSA record: " +
             (denied->why.empty() ? "the answer is not signed" : denied->why),
         "dane and auto defer mail for every signed destination "
         "without TLSA records",
         mend});
  }
  const auto by_tcp = AskAlone(With(alone, "tcp-upstream", "yes"), DeniedTlsa);
  if (by_tcp && by_tcp->failed()) {
    found.push_back({Weight::kWarning, "forwarder-no-tcp", server,
                     "the resolver does not answer over TCP: " + by_tcp->why,
                     "answers too large for one datagram are lost, and mail "
                     "for those destinations is deferred",
                     "let TCP port 53 through to it\nor " + mend});
    return found;
  }
  const auto small =
      AskAlone(With(alone, "edns-buffer-size", "512"), DeniedTlsa);
  if (small && small->failed()) {
    found.push_back(
        {Weight::kWarning, "forwarder-large-answers", server,
         "the resolver does not say that an answer is cut short: " + small->why,
         "answers too large for one datagram are lost, and mail "
         "for those destinations is deferred",
         mend});
  }
  return found;
}

// Permissive modes, a module list without the validator: whatever makes a false
// answer pass.
std::optional<Diagnosis> InspectBelief(ResolverOptions options) {
  const MemoryFile anchor(kFalseAnchor);
  if (!anchor.good()) return std::nullopt;
  options.trust_anchor_file = anchor.path();
  const auto answer = AskAlone(options, DeniedTlsa);
  if (!answer || answer->failed()) return std::nullopt;
  return Diagnosis{Weight::kNo,
                   "dnssec-permissive",
                   "",
                   "an answer that no key signed is believed",
                   "whoever can forge DNS decides where mail goes, and nothing "
                   "that DANE says is proven",
                   "remove val-permissive-mode, domain-insecure and module-"
                   "config from dns-options in postern.conf"};
}

std::optional<Diagnosis> InspectNames(const ResolverOptions& options,
                                      const KnownNames& names) {
  const auto address = [](const std::string& name) {
    return [name](Resolver& resolver, Deadline deadline) {
      DnsAnswer<IpAddress> none;
      none.why = "no name";
      const auto domain = Domain::Parse(name);
      return domain ? resolver.A(*domain, deadline) : none;
    };
  };
  const auto unsigned_one = AskAlone(options, address(names.unsigned_name));
  if (unsigned_one && unsigned_one->failed()) {
    return Diagnosis{
        Weight::kNo,
        "dnssec-unsigned-fails",
        names.unsigned_name,
        "a domain that is not signed can't be looked up: " + unsigned_one->why,
        "mail for all destinations without DNSSEC is deferred",
        "see that the resolver passes on the proof that a "
        "delegation is not signed"};
  }
  if (names.bogus_name.empty()) return std::nullopt;
  const auto bogus = AskAlone(options, address(names.bogus_name));
  if (!bogus || bogus->failed()) return std::nullopt;
  return Diagnosis{Weight::kNo,
                   "dnssec-bogus-believed",
                   names.bogus_name,
                   "a name whose signatures are broken has an answer here",
                   "whoever can forge DNS decides where mail goes",
                   "remove domain-insecure and negative trust anchors from "
                   "dns-options in postern.conf"};
}

}  // namespace

std::vector<Diagnosis> InspectValidation(
    const ResolverOptions& options,
    const std::vector<std::pair<std::string, DnsServer>>& servers,
    const KnownNames& names) {
  std::vector<Diagnosis> found;
  // What a faulty one does to the names has its finding already.
  ResolverOptions sound = options;
  if (!servers.empty()) sound.forwarders.clear();
  for (const auto& [text, server] : servers) {
    sound.forwarders.push_back(server);
    ResolverOptions alone = options;
    alone.forwarders = {server};
    for (Diagnosis& one : InspectForwarder(alone, text)) {
      found.push_back(std::move(one));
    }
  }
  if (auto belief = InspectBelief(options)) {
    found.push_back(*std::move(belief));
  }
  if (auto wrong = InspectNames(sound, names)) {
    found.push_back(*std::move(wrong));
  }
  return found;
}

}  // namespace postern
