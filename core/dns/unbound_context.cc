#include "core/dns/unbound_context.h"

// It uses size_t without including what declares it.
#include <unbound-event.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/names/quoted.h"

namespace postern {
namespace {

// What libunbound logs while it is set up, which is where it says what is wrong
// with a trust anchor. Afterwards it is told to be silent: it would write to
// the standard error output, and every failure reaches us with the answer.
class CapturedLog {
 public:
  explicit CapturedLog(ub_ctx* context)
      : context_(context), stream_(open_memstream(&text_, &length_)) {
    if (stream_ != nullptr) ub_ctx_debugout(context_, stream_);
  }
  ~CapturedLog() {
    ub_ctx_debugout(context_, nullptr);
    if (stream_ != nullptr) std::fclose(stream_);
    std::free(text_);
  }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  std::string Text() {
    if (stream_ == nullptr || std::fflush(stream_) != 0) return {};
    return std::string(text_, length_);
  }

 private:
  ub_ctx* context_;
  char* text_ = nullptr;
  std::size_t length_ = 0;
  FILE* stream_;
};

// Remembers the first thing that libunbound refused.
class Setup {
 public:
  explicit Setup(ub_ctx* context) : context_(context) {}

  void Check(int result, const std::string& what) {
    if (result != 0 && failed_.empty()) {
      failed_ = what + ": " + ub_strerror(result);
    }
  }
  void Option(const std::string& name, const std::string& value) {
    Check(ub_ctx_set_option(context_, (name + ':').c_str(), value.c_str()),
          "option " + Quoted(name + ": " + value));
  }
  const std::string& failed() const { return failed_; }

 private:
  ub_ctx* context_;
  std::string failed_;
};

// libunbound's notation.
std::string ToText(const DnsServer& server) {
  return server.address.str() + '@' + std::to_string(server.port.value);
}

// Its defaults are made for a program with one question at a time.
void SetSizes(const ResolverOptions& options, Setup& setup) {
  setup.Option("outgoing-range", "256");
  setup.Option("num-queries-per-thread", "1024");
  setup.Option("outgoing-num-tcp", "32");
  setup.Option("infra-cache-numhosts", "10000");
  setup.Option("key-cache-size", "4m");
  setup.Option("neg-cache-size", "1m");
  setup.Option("msg-cache-size", std::to_string(options.message_cache_bytes));
  setup.Option("rrset-cache-size", std::to_string(options.rrset_cache_bytes));
}

void SetServers(ub_ctx* context, const ResolverOptions& options, Setup& setup) {
  bool loopback = false;
  for (const DnsServer& server : options.forwarders) {
    const std::string text = ToText(server);
    setup.Check(ub_ctx_set_fwd(context, text.c_str()), "forwarder " + text);
    loopback = loopback || server.address.is_loopback();
  }
  bool own_root = false;
  for (const StubZone& stub : options.stubs) {
    own_root = own_root || stub.zone == ".";
    for (const DnsServer& server : stub.servers) {
      const std::string text = ToText(server);
      setup.Check(ub_ctx_set_stub(context, stub.zone.c_str(), text.c_str(), 0),
                  "stub zone " + Quoted(stub.zone) + " at " + text);
      loopback = loopback || server.address.is_loopback();
    }
  }
  if (options.forwarders.empty() && !own_root && !options.resolv_conf.empty()) {
    setup.Check(ub_ctx_resolvconf(context, options.resolv_conf.c_str()),
                "name servers of " + Quoted(options.resolv_conf));
    loopback = true;  // often a resolver on this machine
  }
  // Only where an administrator named the servers: in recursion a stranger's
  // zone could send us to our own ports.
  if (loopback) setup.Option("do-not-query-localhost", "no");
}

// Options in unbound.conf's words. Its own reader takes the quotes off, and
// "nodefault" does nothing when it comes this way, so we do both.
void SetOthers(const ResolverOptions& options, Setup& setup,
               std::vector<std::string>& removed_zones) {
  for (auto [name, value] : options.unbound) {
    std::erase(value, '"');
    const std::size_t type = value.find_first_of(" \t");
    if (name == "local-zone" && type != std::string::npos &&
        value.find("nodefault", type) != std::string::npos) {
      removed_zones.push_back(value.substr(0, type));
    } else {
      setup.Option(name, value);
    }
  }
}

}  // namespace

Result<UnboundContext> MakeUnboundContext(event_base* base,
                                          const ResolverOptions& options) {
  UnboundContext context(ub_ctx_create_event(base));
  if (!context) {
    return Error{Reason::kDnsLookupFailed, "libunbound gives no context"};
  }
  CapturedLog log(context.get());
  Setup setup(context.get());
  SetSizes(options, setup);
  SetServers(context.get(), options, setup);
  if (!options.trust_anchor_file.empty()) {
    setup.Check(
        ub_ctx_add_ta_file(context.get(), options.trust_anchor_file.c_str()),
        "trust anchor " + Quoted(options.trust_anchor_file));
  }
  std::vector<std::string> removed = options.removed_local_zones;
  SetOthers(options, setup, removed);

  // Removing a zone finalises the context, whether the zone is there or not; so
  // everything else comes first, and a bad trust anchor shows here.
  if (setup.failed().empty()) {
    setup.Check(ub_ctx_zone_remove(context.get(), "finalise.invalid."),
                "libunbound does not start");
  }
  for (const std::string& zone : removed) {
    if (!setup.failed().empty()) break;
    setup.Check(ub_ctx_zone_remove(context.get(), zone.c_str()),
                "local zone " + Quoted(zone));
  }
  if (!setup.failed().empty()) {
    std::string said = log.Text();
    std::replace_if(
        said.begin(), said.end(), [](char c) { return c < ' ' || c > '~'; },
        ' ');
    return Error{Reason::kDnsLookupFailed,
                 "DNS can't be set up: " + setup.failed() +
                     (said.empty() ? "" : " (" + said.substr(0, 300) + ")")};
  }
  return context;
}

}  // namespace postern
