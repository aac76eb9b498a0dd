// Any octets as TXT records (one a line) of _mta-sts: no policy, or exactly one
// record whose id is what the grammar allows.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/mta_sts/sts_record.h"
#include "plugins/mta_sts/sts_words.h"

namespace {

using namespace postern;

void Require(bool promise) {
  if (!promise) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> txt;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    txt.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const auto begins = [](const std::string& record) {
    return record.rfind("v=STSv1;", 0) == 0;
  };
  const auto count = std::count_if(txt.begin(), txt.end(), begins);
  const StsRecord record = ReadStsRecord(txt);
  switch (record.state) {
    case StsRecord::State::kAbsent:
      Require(count == 0);
      break;
    case StsRecord::State::kValid:
      Require(count == 1 && !record.id.empty() && record.id.size() <= 32);
      for (const char c : record.id) Require(IsAlphanumeric(c));
      break;
    case StsRecord::State::kInvalid:
      Require(count >= 1 && !record.why.empty());
      for (const char c : record.why) Require(c >= 0x20 && c <= 0x7e);
      break;
  }
  // Others' records change nothing.
  txt.insert(txt.begin(), "v=spf1 -all");
  Require(ReadStsRecord(txt).state == record.state);
  return 0;
}
