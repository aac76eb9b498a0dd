#include "core/dns/unbound_resolver.h"

#include <utility>

#include "core/dns/dns_answer.h"
#include "core/dns/unbound_worker.h"

namespace postern {
namespace {

// Absolute: nothing is ever looked up below a search domain.
std::string Absolute(const Domain& name) { return name.str() + '.'; }

}  // namespace

Result<std::unique_ptr<UnboundResolver>> UnboundResolver::Start(
    const ResolverOptions& options) {
  auto worker = Worker::Start(options);
  if (!worker) return worker.error();
  return std::unique_ptr<UnboundResolver>(
      new UnboundResolver(std::move(worker).value(), options));
}

UnboundResolver::UnboundResolver(std::unique_ptr<Worker> worker,
                                 ResolverOptions options)
    : worker_(std::move(worker)),
      options_(std::move(options)),
      question_timeout_(options_.question_timeout) {}

UnboundResolver::~UnboundResolver() = default;

DnsAnswer<MxRecord> UnboundResolver::Mx(const Domain& name, Deadline deadline) {
  return ReadMx(worker_->Ask(Absolute(name), RrType::kMx,
                             deadline.Within(question_timeout_)));
}

DnsAnswer<IpAddress> UnboundResolver::A(const Domain& name, Deadline deadline) {
  return ReadA(worker_->Ask(Absolute(name), RrType::kA,
                            deadline.Within(question_timeout_)));
}

DnsAnswer<IpAddress> UnboundResolver::Aaaa(const Domain& name,
                                           Deadline deadline) {
  return ReadAaaa(worker_->Ask(Absolute(name), RrType::kAaaa,
                               deadline.Within(question_timeout_)));
}

DnsAnswer<Domain> UnboundResolver::Ptr(const IpAddress& address,
                                       Deadline deadline) {
  return ReadPtr(worker_->Ask(ReverseName(address), RrType::kPtr,
                              deadline.Within(question_timeout_)));
}

DnsAnswer<Domain> UnboundResolver::Cname(const Domain& name,
                                         Deadline deadline) {
  return ReadCname(worker_->Ask(Absolute(name), RrType::kCname,
                                deadline.Within(question_timeout_)));
}

DnsAnswer<std::string> UnboundResolver::Txt(const Domain& name,
                                            Deadline deadline) {
  return ReadTxt(worker_->Ask(Absolute(name), RrType::kTxt,
                              deadline.Within(question_timeout_)));
}

// libunbound can't be told to forget a name: a context of its own knows none.
DnsAnswer<std::string> UnboundResolver::TxtAfresh(const Domain& name,
                                                  Deadline deadline) {
  auto worker = Worker::Start(options_);
  if (!worker) {
    DnsAnswer<std::string> failed;
    failed.why = worker.error().detail();
    return failed;
  }
  return ReadTxt((*worker)->Ask(Absolute(name), RrType::kTxt,
                                deadline.Within(question_timeout_)));
}

DnsAnswer<TlsaRecord> UnboundResolver::Tlsa(Port port, const Domain& base,
                                            Deadline deadline) {
  return ReadTlsa(
      worker_->Ask('_' + std::to_string(port.value) + "._tcp." + Absolute(base),
                   RrType::kTlsa, deadline.Within(question_timeout_)));
}

}  // namespace postern
