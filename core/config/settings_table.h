// core/config/settings_table.h
//
// The one list of options of postern.conf: what is documented and how it is
// read stand in the same row.
#pragma once

#include <span>
#include <string>

#include "core/config/settings.h"

namespace postern {

struct SettingRow {
  SettingInfo info;
  // Reads the values given (more than one where the option was named more than
  // once), or the default.
  Status (*set)(Settings&, std::span<const std::string> values);
};

std::span<const SettingRow> SettingRows();

}  // namespace postern
