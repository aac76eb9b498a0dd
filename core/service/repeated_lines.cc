#include "core/service/repeated_lines.h"

namespace postern {
namespace {

constexpr std::chrono::minutes kMinute{1};

}  // namespace

void RepeatedLines::Write(const std::string& text) {
  const Monotonic::time_point now = now_();
  if (written_ == 0 || now - since_ >= kMinute) {
    since_ = now;
    written_ = 0;
  }
  if (written_ == kMostAMinute) {
    ++unwritten_;
    return;
  }
  ++written_;
  std::string line = door_ + ": " + text;
  if (unwritten_ > 0) {
    line += " (" + std::to_string(unwritten_) + " more were not logged before)";
    unwritten_ = 0;
  }
  log_(line);
}

}  // namespace postern
