#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "pin-admin/doctor/postfix_setup.h"

namespace postern {
namespace {

using Weight = Remark::Weight;

Diagnosis Bad(const std::string& path, std::string code, std::string what,
              std::string why, std::string mend) {
  return {Weight::kNo,     std::move(code), path,
          std::move(what), std::move(why),  std::move(mend)};
}

bool OthersMayWrite(const struct stat& file) {
  const bool sticky = S_ISDIR(file.st_mode) && (file.st_mode & S_ISVTX) != 0;
  return file.st_uid != 0 || (file.st_mode & S_IWOTH && !sticky) ||
         ((file.st_mode & S_IWGRP) && file.st_gid != 0 && !sticky);
}

}  // namespace

std::vector<Diagnosis> InspectProgram(const std::string& path) {
  struct stat file {};
  if (stat(path.c_str(), &file) != 0) {
    return {Bad(path, "program-missing", std::strerror(errno),
                "pipe(8) BOUNCES mail whose program it can't start",
                "install -D -m 755 postern-transport " + path)};
  }
  const bool runs = S_ISREG(file.st_mode) && (file.st_mode & 0111) == 0111 &&
                    file.st_size > 0;
  if (!runs) {
    return {Bad(path, "program-not-executable",
                "is not a program that everybody may run",
                "pipe(8) BOUNCES mail whose program it can't start",
                "chmod 755 " + path)};
  }
  if (OthersMayWrite(file)) {
    return {Bad(path, "program-rights", "can be changed by others than root",
                "whoever changes it reads all mail, and can have it sent "
                "anywhere",
                "chown root:root " + path + " && chmod 755 " + path)};
  }
  for (std::size_t slash = path.rfind('/'); slash != std::string::npos;
       slash = slash == 0 ? std::string::npos : path.rfind('/', slash - 1)) {
    const std::string above = slash == 0 ? "/" : path.substr(0, slash);
    struct stat directory {};
    if (stat(above.c_str(), &directory) != 0) continue;
    if ((directory.st_mode & 0001) == 0) {
      return {Bad(above, "program-not-executable",
                  "the pipe's user can't pass through this directory",
                  "pipe(8) BOUNCES mail whose program it can't start",
                  "chmod a+x " + above)};
    }
    if (OthersMayWrite(directory)) {
      return {Bad(above, "program-rights",
                  "others than root may put another " + path + " there",
                  "whoever changes it reads all mail, and can have it sent "
                  "anywhere",
                  "chown root:root " + above + " && chmod go-w " + above)};
    }
  }
  return {};
}

}  // namespace postern
