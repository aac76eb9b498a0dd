#include "core/verify/published_text.h"

#include <algorithm>

#include "core/x509/digest.h"

namespace postern {
namespace {

// Not in the middle of a UTF-8 character.
void Cut(std::string& line) {
  const auto continues = [&line](std::size_t at) {
    return (static_cast<unsigned char>(line[at]) & 0xc0) == 0x80;
  };
  std::size_t end = kLongestPublishedLine;
  while (end > 0 && continues(end)) --end;
  line.resize(end);
  line += "...";
}

}  // namespace

std::vector<std::string> BoundedText(std::vector<std::string> lines) {
  const std::size_t count = lines.size();
  const auto is_long = [](const std::string& line) {
    return line.size() > kLongestPublishedLine;
  };
  if (count <= kMostPublishedLines &&
      std::none_of(lines.begin(), lines.end(), is_long)) {
    return lines;
  }
  DigestOfParts parts(DigestAlgorithm::kSha256);
  for (const std::string& line : lines) {
    // The lengths keep two different lists from running together.
    parts.Add(std::to_string(line.size()) + ':');
    parts.Add(line);
  }
  const Result<std::string> digest = parts.Finish();
  // Long is better than ambiguous.
  if (!digest) return lines;
  const std::size_t kept = std::min(count, kMostPublishedLines);
  lines.resize(kept);
  for (std::string& line : lines) {
    if (is_long(line)) Cut(line);
  }
  lines.push_back(
      "... " + (count > kept ? std::to_string(count - kept) + " more " : "") +
      "(sha256 of all " + std::to_string(count) + ": " + ToHex(*digest) + ')');
  return lines;
}

}  // namespace postern
