#include "core/dns/resolver.h"

namespace postern {

std::string_view ToString(Security security) {
  switch (security) {
    case Security::kSecure:
      return "secure";
    case Security::kBogus:
      return "bogus";
    case Security::kInsecure:
      break;
  }
  return "insecure";
}

std::string_view ToString(Presence presence) {
  switch (presence) {
    case Presence::kFound:
      return "found";
    case Presence::kNoData:
      return "no-data";
    case Presence::kNoDomain:
      return "no-domain";
    case Presence::kFailed:
      break;
  }
  return "failed";
}

}  // namespace postern
