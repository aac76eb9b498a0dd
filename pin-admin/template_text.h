// pin-admin/template_text.h
//
// Text to paste, with places to fill in: "@NAME@".
#pragma once

#include <boost/algorithm/string/replace.hpp>
#include <string>
#include <string_view>

namespace postern {

// Every `name` in the text replaced; a value is not looked into again.
inline std::string Fill(std::string_view text, std::string_view name,
                        std::string_view value) {
  return boost::algorithm::replace_all_copy(std::string(text), name, value);
}

}  // namespace postern
