#include "core/outcome/published_policy.h"

namespace postern {

std::string_view ToString(PublishedPolicy::Type type) {
  switch (type) {
    case PublishedPolicy::Type::kTlsa:
      return "tlsa";
    case PublishedPolicy::Type::kSts:
      break;
  }
  return "sts";
}

}  // namespace postern
