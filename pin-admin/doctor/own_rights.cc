#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "pin-admin/doctor/own_setup.h"

namespace postern {
namespace {

using Weight = Remark::Weight;

std::string Octal(mode_t mode) {
  std::string text = "0000";
  for (int i = 3; i >= 0; --i, mode >>= 3) {
    text[static_cast<std::size_t>(i)] = static_cast<char>('0' + (mode & 7));
  }
  return text;
}

std::string DirectoryOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

// The unit that listens at a door.
std::string UnitOf(const std::string& door) {
  if (door == "pipe" || door == "query") return "postern.socket";
  if (door.starts_with("sendmail")) return "postern-sendmail.socket";
  return "postern-" + door + ".socket";
}

// A door's unit comes with the package for its MTA; without it the service
// opens the door itself.
bool IsInstalled(const std::string& unit) {
  for (const char* place : {"/etc/systemd/system/", "/lib/systemd/system/",
                            "/usr/lib/systemd/system/"}) {
    if (access((place + unit).c_str(), F_OK) == 0) return true;
  }
  return false;
}

class Rights {
 public:
  explicit Rights(const Settings& settings) : settings_(settings) {}

  std::vector<Diagnosis> All(const std::string& config_file) {
    // Whoever keeps a store of his own (a trial) is its root.
    root_ = geteuid();
    const Result<uid_t> user = ResolveUser(settings_.user);
    if (!user) {
      Tell(
          Weight::kNo, "user-missing", settings_.user, user.error().detail(),
          "the service can't run",
          "adduser --system --group --no-create-home --home /var/lib/postern " +
              settings_.user);
      return std::move(found_);
    }
    user_ = *user;
    Configuration(config_file);
    AuthorStoreFiles();
    Snapshot();
    ServiceDirectory("state-rights", DirectoryOf(settings_.state_store), 0007,
                     "0750");
    ServiceDirectory("spool-rights", settings_.spool_directory, 0077, "0700");
    Space();
    Sockets();
    return std::move(found_);
  }

 private:
  void Tell(Weight weight, std::string code, std::string subject,
            std::string what, std::string why, std::string mend) {
    found_.push_back({weight, std::move(code), std::move(subject),
                      std::move(what), std::move(why), std::move(mend)});
  }

  // Nothing where it is not there or can't be asked; that is told.
  std::optional<struct stat> Look(const std::string& code,
                                  const std::string& path,
                                  const std::string& why,
                                  const std::string& mend) {
    struct stat file {};
    if (stat(path.c_str(), &file) == 0) return file;
    const bool absent = errno == ENOENT || errno == ENOTDIR;
    Tell(absent ? Weight::kNo : Weight::kUnknown, code, path,
         std::strerror(errno), why,
         absent ? mend : "run it as root, with sudo");
    return std::nullopt;
  }

  void Configuration(const std::string& path) {
    struct stat file {};
    if (stat(path.c_str(), &file) != 0) return;  // defaults hold
    if (file.st_uid == root_ && (file.st_mode & 0022) == 0) return;
    if (file.st_uid == 0 && (file.st_mode & 0022) == 0) return;
    Tell(
        Weight::kNo, "config-rights", path,
        "can be changed by others than root (mode " + Octal(file.st_mode) + ")",
        "whoever changes it chooses the store and the trusted authorities",
        "chown root:root " + path + " && chmod 644 " + path);
  }

  void AuthorStoreFiles() {
    const std::string directory = DirectoryOf(settings_.author_store);
    const std::string why =
        "whoever can write there decides what mail must satisfy";
    for (const auto& [path, mode] :
         {std::pair(directory, "700"),
          std::pair(settings_.author_store, "600")}) {
      const auto file = Look("store-rights", path, "there is no policy to keep",
                             "pin-admin init");
      if (!file) return;
      if ((file->st_uid == root_ || file->st_uid == 0) &&
          (file->st_mode & 0077) == 0) {
        continue;
      }
      Tell(Weight::kNo, "store-rights", path,
           "belongs to uid " + std::to_string(file->st_uid) + ", mode " +
               Octal(file->st_mode),
           why, "chown root:root " + path + " && chmod " + mode + " " + path);
    }
  }

  void Snapshot() {
    const std::string& path = settings_.snapshot;
    const auto file =
        Look("snapshot-rights", path, "without it all mail is deferred",
             "pin-admin publish");
    if (!file) return;
    const Result<gid_t> group = ResolveGroup(settings_.group);
    const bool reads =
        (file->st_mode & 0004) != 0 || file->st_uid == user_ ||
        ((file->st_mode & 0040) != 0 && group && file->st_gid == *group);
    if (!reads) {
      Tell(Weight::kNo, "snapshot-rights", path,
           "can't be read by " + settings_.user, "all mail is deferred",
           "chown root:" + settings_.group + " " + path + " && chmod 440 " +
               path);
    }
    // The service must not write its own orders. A trial's owner may be both.
    const std::string directory = DirectoryOf(path);
    struct stat above {};
    if (stat(directory.c_str(), &above) != 0) return;
    const bool own = root_ != 0 && above.st_uid == root_;
    const bool safe = (above.st_uid == 0 || own) &&
                      (above.st_mode & 0022) == 0 &&
                      (file->st_mode & 0022) == 0 && (file->st_uid == 0 || own);
    if (safe) return;
    Tell(Weight::kNo, "snapshot-rights", path,
         "it, or its directory, can be changed by others than root",
         "whoever changes it decides what mail must satisfy",
         "chown root:root " + directory + " && chmod 755 " + directory +
             "\nchown root:" + settings_.group + " " + path + " && chmod 440 " +
             path);
  }

  void ServiceDirectory(const std::string& code, const std::string& path,
                        mode_t forbidden, const std::string& mode) {
    const std::string mend = "install -d -o " + settings_.user + " -g " +
                             settings_.group + " -m " + mode + " " + path;
    const auto file = Look(code, path, "the service can't write there", mend);
    if (!file) return;
    if (S_ISDIR(file->st_mode) && file->st_uid == user_ &&
        (file->st_mode & 0700) == 0700 && (file->st_mode & forbidden) == 0) {
      return;
    }
    Tell(file->st_uid == user_ ? Weight::kWarning : Weight::kNo, code, path,
         "belongs to uid " + std::to_string(file->st_uid) + ", mode " +
             Octal(file->st_mode),
         file->st_uid == user_ ? "others can look into mail or its records"
                               : "the service can't write there: mail is "
                                 "deferred, or verdicts are not kept",
         mend);
  }

  void Space() {
    struct statvfs disk {};
    if (statvfs(settings_.spool_directory.c_str(), &disk) != 0) return;
    const auto free = static_cast<unsigned long long>(disk.f_bavail) *
                      static_cast<unsigned long long>(disk.f_frsize);
    if (free >= settings_.max_message_size) return;
    Tell(Weight::kWarning, "spool-space", settings_.spool_directory,
         "has only " + std::to_string(free >> 20) + " MiB free",
         "a message that does not fit is deferred",
         "make room, or set spool-directory in postern.conf");
  }

  void Sockets() {
    for (const DoorSettings& door : settings_.doors) {
      struct stat place {};
      // Below Postfix's queue directory, for Postfix alone; opened where their
      // directory is there.
      const bool in_queue = door.name == "lmtp" || door.name == "postfix-map";
      if (door.path.empty() ||
          (in_queue && stat(DirectoryOf(door.path).c_str(), &place) != 0)) {
        continue;
      }
      // Nor is that of an MTA which is not here: its users don't exist.
      if (door.name != "pipe" && door.name != "query" &&
          !ResolveUsers(door.users)) {
        continue;
      }
      const auto file = Look(
          "socket-missing", door.path,
          "nobody can reach the service at this door: mail is deferred",
          "systemctl enable --now " +
              (IsInstalled(UnitOf(door.name)) ? UnitOf(door.name) + " " : "") +
              "postern.service");
      if (!file) continue;
      const bool open = S_ISSOCK(file->st_mode) && (file->st_mode & 0006) == 6;
      if (!open && !in_queue) {
        Tell(Weight::kNo, "socket-rights", door.path,
             S_ISSOCK(file->st_mode) ? "mode " + Octal(file->st_mode)
                                     : "is no socket",
             "its users can't connect; who is answered is decided by " +
                 door.name + "-users, not by the mode",
             UnitOf(door.name) + ": SocketMode=0666\nsystemctl restart " +
                 UnitOf(door.name));
      }
      const std::string directory = DirectoryOf(door.path);
      struct stat above {};
      if (stat(directory.c_str(), &above) != 0) continue;
      const bool safe =
          (above.st_mode & 0002) == 0 || (above.st_mode & S_ISVTX) != 0;
      if (safe && ((above.st_mode & 0001) != 0 || in_queue)) {
        continue;
      }
      Tell(Weight::kNo, "socket-rights", directory,
           "mode " + Octal(above.st_mode),
           safe ? "the pipe's user can't pass through it: mail is deferred"
                : "anybody may put a socket of his own there and take the mail",
           "install -d -o " + settings_.user + " -g " + settings_.group +
               " -m 755 " + directory);
    }
  }

  const Settings& settings_;
  uid_t root_ = 0, user_ = 0;
  std::vector<Diagnosis> found_;
};

}  // namespace

std::vector<Diagnosis> InspectRights(const Settings& settings,
                                     const std::string& config_file) {
  return Rights(settings).All(config_file);
}

}  // namespace postern
