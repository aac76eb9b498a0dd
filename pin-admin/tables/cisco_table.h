// pin-admin/tables/cisco_table.h
//
// Destination controls of Cisco's email appliances, as `destconfig` exports
// them: a section of "name = value" lines for each domain, and [DEFAULT] for
// all others. Only what they say about TLS is taken; the rest (limits, bounce
// profiles) stays with the appliance.
#pragma once

#include <string_view>

#include "pin-admin/tables/imported_table.h"

namespace postern {

// [DEFAULT] becomes the line of `*`. A section without a TLS setting takes the
// default's, so it needs no line where the default is in the file, and is
// refused where it is not.
ImportedTable ReadCiscoTable(std::string_view text);

}  // namespace postern
