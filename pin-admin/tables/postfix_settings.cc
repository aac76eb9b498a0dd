#include "pin-admin/tables/postfix_settings.h"

#include <algorithm>

#include "pin-admin/tables/table_text.h"

namespace postern {
const std::vector<std::string>& PostfixSettings::Names() {
  static const std::vector<std::string> names{
      "smtp_tls_fingerprint_digest",
      "smtp_tls_fingerprint_cert_match",
      "smtp_tls_verify_cert_match",
      "smtp_tls_secure_cert_match",
      "smtp_tls_security_level",
      "smtp_tls_protocols",
      "smtp_tls_mandatory_protocols",
      "smtp_tls_exclude_ciphers",
      "smtp_tls_mandatory_exclude_ciphers",
      "smtp_tls_CAfile",
      "smtp_tls_CApath",
      "tls_append_default_CA"};
  return names;
}

PostfixSettings PostfixSettings::Parse(std::string_view text) {
  PostfixSettings settings;
  while (!text.empty()) {
    const std::string_view line = TakeLine(text);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = Trim(line.substr(0, equals));
    const auto& known = Names();
    if (std::find(known.begin(), known.end(), name) == known.end()) continue;
    settings.values_[std::string(name)] = Trim(line.substr(equals + 1));
  }
  return settings;
}

Result<std::optional<std::string>> PostfixSettings::Get(
    std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::optional<std::string>();
  if (found->second.find('$') != std::string::npos) {
    return Error(Reason::kRequestInvalid,
                 std::string(name) +
                     " refers to other parameters: give the output of "
                     "'postconf -x', which replaces them");
  }
  return std::optional<std::string>(found->second);
}

}  // namespace postern
