// pin-admin/doctor/postfix_inspection.cc
//
// Postfix behind MtaInspection.
#include <sys/stat.h>

#include <utility>

#include "pin-admin/doctor/mta_inspection.h"
#include "pin-admin/doctor/postfix_coverage.h"
#include "pin-admin/doctor/postfix_map_setup.h"
#include "pin-admin/doctor/postfix_setup.h"

namespace postern {
namespace {

using Weight = Remark::Weight;

class PostfixInspection final : public MtaInspection {
 public:
  PostfixInspection(ProgramRunner& programs, const PostfixPlace& place,
                    const OwnSetup& own)
      : place_(place),
        own_(own),
        config_(PostfixConfig::Read(programs, place)),
        tables_(programs, place) {}

  std::vector<Diagnosis> Setup() override {
    if (!config_) return {Unreadable()};
    std::vector<Diagnosis> found = PostfixTransportSetup(*config_, own_);
    Append(found, PostfixLmtpSetup(*config_, own_));
    Append(found, PostfixMapSetup(*config_, own_));
    Append(found, PostfixQueueSetup(*config_, own_));
    return found;
  }

  std::vector<Diagnosis> Bypasses(const WatchedPolicy& policy) override {
    if (policy.lines.empty()) return {};
    if (!config_) return {Unreadable()};
    std::vector<Diagnosis> found =
        PostfixBypasses(*config_, tables_, own_.settings, policy);
    Append(found, StaleTables());
    return found;
  }

 private:
  Diagnosis Unreadable() const {
    return CouldNotFindOut(
        "postfix-unreadable", place_.config_directory, config_.error(),
        "nobody can say whether mail reaches Postern",
        "postconf -c " + place_.config_directory +
            " has to work; name another place with --postfix-config, or leave "
            "Postfix out with --no-mta");
  }

  // A table that was edited and not compiled: what is read is the old one.
  std::vector<Diagnosis> StaleTables() const {
    std::vector<Diagnosis> found;
    for (const char* parameter :
         {"transport_maps", "sender_dependent_default_transport_maps",
          "sender_dependent_relayhost_maps", "relay_domains"}) {
      for (const std::string& name :
           SplitPostfixList(config_->Get("rewrite/unix", parameter))) {
        const std::size_t colon = name.find(':');
        if (colon == std::string::npos) continue;
        const std::string type = name.substr(0, colon);
        const std::string file = name.substr(colon + 1);
        const std::string compiled = file + (type == "lmdb" ? ".lmdb" : ".db");
        struct stat source {
        }, database{};
        if ((type != "hash" && type != "btree" && type != "lmdb") ||
            stat(file.c_str(), &source) != 0 ||
            stat(compiled.c_str(), &database) != 0 ||
            source.st_mtime <= database.st_mtime) {
          continue;
        }
        found.push_back({Weight::kWarning, "table-stale", parameter,
                         file + " is newer than " + compiled,
                         "Postfix goes by the old table, and so does what is "
                         "said here",
                         "postmap " + name});
      }
    }
    return found;
  }

  const PostfixPlace place_;
  const OwnSetup own_;
  const Result<PostfixConfig> config_;
  PostfixTables tables_;
};

}  // namespace

std::unique_ptr<MtaInspection> InspectPostfix(ProgramRunner& programs,
                                              const PostfixPlace& place,
                                              const OwnSetup& own) {
  return std::make_unique<PostfixInspection>(programs, place, own);
}

}  // namespace postern
