// pin-admin/tables/postfix_table.h
//
// smtp_tls_policy_maps, as Postfix's smtp(8) reads it. A line that Postfix
// itself would refuse (it then defers that destination's mail) is refused here,
// too; one that we can't hold to is refused, never softened.
#pragma once

#include <optional>
#include <string_view>

#include "core/x509/digest.h"
#include "pin-admin/tables/imported_table.h"
#include "pin-admin/tables/postfix_settings.h"

namespace postern {

struct PostfixTableOptions {
  // Empty: Postfix's own defaults are assumed, and what main.cf would have to
  // say is refused.
  PostfixSettings settings;
  // smtp_tls_fingerprint_digest in place of the settings'; nothing: the length
  // tells.
  std::optional<DigestAlgorithm> digest;
  bool allow_weak = false;  // SHA-1 and MD5 become weak pins
};

// `text` is the table's source, or what `postmap -s` prints.
ImportedTable ReadPostfixTable(std::string_view text,
                               const PostfixTableOptions& options);

}  // namespace postern
