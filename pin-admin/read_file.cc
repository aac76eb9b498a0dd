#include "pin-admin/read_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

namespace postern {

Result<std::string> ReadInputFile(const std::string& path) {
  constexpr std::size_t kLimit = 16 << 20;
  std::ifstream file;
  errno = 0;
  if (path != "-") file.open(path, std::ios::binary);
  std::istream& in = path == "-" ? std::cin : file;
  std::string text;
  char buffer[65536];
  while (in.good() && text.size() <= kLimit) {
    in.read(buffer, sizeof buffer);
    text.append(buffer, static_cast<std::size_t>(in.gcount()));
  }
  if (!in.eof() && text.size() <= kLimit) {
    return Error(
        Reason::kRequestInvalid,
        "cannot read " + path + ": " + std::strerror(errno != 0 ? errno : EIO));
  }
  if (text.size() > kLimit) {
    return Error(Reason::kRequestInvalid, path + " is larger than 16 MiB");
  }
  return text;
}

}  // namespace postern
