// pin-admin/tables/postfix_settings.h
//
// The main.cf parameters that say what a line of smtp_tls_policy_maps leaves
// unsaid.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/outcome/result.h"

namespace postern {

class PostfixSettings {
 public:
  // The parameters that matter here, for postconf(1)'s command line.
  static const std::vector<std::string>& Names();

  // `text` is what `postconf -x` prints: "name = value" lines. Other
  // parameters are passed over.
  static PostfixSettings Parse(std::string_view text);

  bool empty() const { return values_.empty(); }
  // Nothing where it was not among the lines. An Error (kRequestInvalid) where
  // the value has a $name in it that was not expanded.
  Result<std::optional<std::string>> Get(std::string_view name) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace postern
