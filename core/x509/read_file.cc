#include "core/x509/read_file.h"

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <memory>

namespace postern {
namespace {

// The largest lists of public authorities have some ten million octets.
constexpr std::size_t kMaxFile = std::size_t{64} * 1024 * 1024;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

Result<std::string> ReadWholeFile(const std::string& path, Reason reason) {
  const std::unique_ptr<std::FILE, CloseFile> file(
      std::fopen(path.c_str(), "rbe"));
  if (!file) return Error{reason, path + ": " + std::strerror(errno)};
  std::string text;
  char buffer[16384];
  for (;;) {
    const std::size_t got = std::fread(buffer, 1, sizeof buffer, file.get());
    text.append(buffer, got);
    if (text.size() > kMaxFile) return Error{reason, path + ": too large"};
    if (got < sizeof buffer) break;
  }
  if (std::ferror(file.get()) != 0) {
    return Error{reason, path + ": " + std::strerror(errno)};
  }
  return text;
}

}  // namespace postern
