#include "pin-admin/tables/postfix_words.h"

#include "core/names/quoted.h"
#include "pin-admin/tables/table_text.h"

namespace postern {
namespace {

Status SetOnce(const std::string& name, const std::string& value,
               std::string& target) {
  if (!target.empty()) {
    return Invalid(name + "= is there twice, and Postfix defers the mail");
  }
  target = value;
  return {};
}

}  // namespace

Status TakeAttribute(const std::string& word, PostfixAttributes& attributes) {
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0) {
    return Invalid(Quoted(word) +
                   " is no attribute=value, and Postfix defers the mail (a "
                   "comment begins at the start of a line; there is no blank "
                   "around '=')");
  }
  const std::string name = LowerCase(word.substr(0, equals));
  const std::string value = word.substr(equals + 1);
  if (value.empty()) {
    return Invalid(Quoted(name) + " has no value, and Postfix defers the mail");
  }
  if (name == "match" || name == "tafile") {
    (name == "match" ? attributes.match : attributes.tafile).push_back(value);
    return {};
  }
  if (name == "ciphers") return SetOnce(name, value, attributes.ciphers);
  if (name == "protocols") return SetOnce(name, value, attributes.protocols);
  if (name == "exclude") return SetOnce(name, value, attributes.exclude);
  if (name == "servername") return SetOnce(name, value, attributes.servername);
  if (name == "connection_reuse" || name == "enable_rpk") {
    attributes.notes.push_back(
        name + "= is left out: " +
        (name == "enable_rpk"
             ? "raw public keys are not used here, the certificate's key is"
             : "connections are kept for reuse by posternd's own rules"));
    return {};
  }
  if (name.starts_with("policy_") || name == "mx_host_pattern") {
    return Invalid(name +
                   "= comes from an MTA-STS service; the level sts or auto "
                   "asks for the published policy itself");
  }
  return Invalid("Postfix knows no attribute " + Quoted(name) +
                 " and defers the mail");
}

}  // namespace postern
