#include "core/policy/pin.h"

namespace postern {

std::string_view ToString(PinKind kind) {
  switch (kind) {
    case PinKind::kSpki:
      return "spki";
    case PinKind::kCert:
      return "cert";
    case PinKind::kAny:
      return "any";
    case PinKind::kCa:
      break;
  }
  return "ca";
}

}  // namespace postern
