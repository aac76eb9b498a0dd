#include "core/store/service_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "core/store/file_system.h"

namespace postern {

Result<Database> OpenForService(const std::string& path,
                                const ServiceSchema& schema) {
  const std::string directory = DirectoryOf(path);
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return SystemError(directory, "cannot be made");
  }
  // SQLite would make it readable by all; the files beside it follow this one.
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return SystemError(path, "cannot be opened");
  close(fd);
  Result<Database> database = Database::Open(path, Database::Mode::kReadWrite);
  if (!database) return database.error();
  if (Status set = database->Execute(
          "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;");
      !set) {
    return set.error();
  }
  if (Status done =
          Migrate(*database, schema.what, schema.application, schema.scripts);
      !done) {
    return StoreError(path + ": " + done.error().detail());
  }
  return database;
}

Result<Database> OpenForReading(const std::string& path,
                                const ServiceSchema& schema) {
  Result<Database> database = Database::Open(path, Database::Mode::kReadOnly);
  if (!database) return database.error();
  if (Status fits = CheckVersion(*database, schema.what, schema.application,
                                 schema.scripts.size());
      !fits) {
    return StoreError(path + ": " + fits.error().detail());
  }
  return database;
}

}  // namespace postern
