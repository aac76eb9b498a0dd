// Any octets as a domain, an address, a next hop, a reference identity and a
// presented name. What parses has one form that parses to itself; nothing
// crashes, and no name passes for an address.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/names/domain.h"
#include "core/names/ip_address.h"
#include "core/names/next_hop.h"
#include "core/names/quoted.h"
#include "core/names/reference_identity.h"

namespace {

using namespace postern;

void Require(bool promise) {
  if (!promise) std::abort();
}

void CheckDomain(std::string_view text) {
  const Result<Domain> domain = Domain::Parse(text);
  if (!domain) return;
  Require(domain->str().size() <= 253);
  Require(*Domain::Parse(domain->str()) == *domain);
  Require(*Domain::Parse(domain->ToUnicode()) == *domain);
  Require(!IpAddress::Parse(domain->str()));
  if (const auto parent = domain->Parent()) {
    Require(domain->IsBelow(*parent) && !parent->IsBelow(*domain));
    Require(domain->label_count() == parent->label_count() + 1);
  }
}

void CheckOthers(std::string_view text) {
  if (const auto address = IpAddress::Parse(text)) {
    Require(*IpAddress::Parse(address->str()) == *address);
    (void)address->is_private();
  }
  if (const auto network = IpNetwork::Parse(text)) {
    Require(*IpNetwork::Parse(network->str()) == *network);
  }
  if (const auto hop = NextHop::Parse(text)) {
    Require(*NextHop::Parse(hop->str()) == *hop);
  }
  for (const char c : Quoted(text)) Require(c >= 0x20 && c <= 0x7e);
}

// A presented name that matches is a host name below or at the reference.
void CheckPresented(std::string_view presented) {
  const auto exact = ReferenceIdentity::Parse("mx.d.example");
  const auto below = ReferenceIdentity::Parse(".d.example");
  const bool clean =
      presented.find_first_not_of(
          "abcdefghijklmnopqrstuvwxyz"
          "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.*") == std::string_view::npos;
  if (exact->Matches(presented) || below->Matches(presented)) Require(clean);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckDomain(text);
  CheckOthers(text);
  CheckPresented(text);
  if (const auto reference = ReferenceIdentity::Parse(text)) {
    Require(*ReferenceIdentity::Parse(reference->str()) == *reference);
    // Presented names have no underscore (RFC 5280 section 4.2.1.6).
    const std::string& name = reference->domain().str();
    const bool host_name = name.find('_') == std::string::npos;
    Require(reference->Matches(name) == (host_name && !reference->below()));
  }
  return 0;
}
