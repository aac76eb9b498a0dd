// tests/fuzz/fuzz_wire_form.cc
//
// Whatever comes from the MTA, in whatever pieces: what goes out has no stray
// CR or LF and no line that begins with a single dot, is the same however it
// was cut, and keeps to the line limit.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/delivery/wire_form.h"

namespace {

// Nothing: refused.
bool Form(std::size_t limit, std::size_t piece, std::string_view octets,
          std::string& out) {
  postern::WireForm form(limit);
  while (!octets.empty()) {
    if (!form.Feed(octets.substr(0, piece), out)) return false;
    octets.remove_prefix(std::min(piece, octets.size()));
  }
  return form.End(out).ok();
}

void Must(bool holds) {
  if (!holds) std::abort();
}

void CheckLines(std::size_t limit, std::string_view out) {
  while (!out.empty()) {
    const std::size_t end = out.find("\r\n");
    const std::string_view line = out.substr(0, end);
    Must(line.find_first_of("\r\n") == std::string_view::npos);
    Must(line.empty() || line[0] != '.' || line.substr(0, 2) == "..");
    const std::size_t dot = line.empty() || line[0] != '.' ? 0 : 1;
    Must(limit == 0 || line.size() - dot <= limit);
    if (end == std::string_view::npos) return;
    out.remove_prefix(end + 2);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  if (size < 2) return 0;
  const std::size_t piece = data[0] + 1U;
  const std::size_t limit = data[1] == 0 ? 0 : data[1] + 1U;
  const std::string_view octets(reinterpret_cast<const char*>(data + 2),
                                size - 2);
  std::string whole, cut;
  const bool taken = Form(limit, octets.size() + 1, octets, whole);
  Must(Form(limit, piece, octets, cut) == taken);
  if (!taken) return 0;
  Must(whole == cut);
  CheckLines(limit, whole);
  return 0;
}
