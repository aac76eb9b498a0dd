#include "core/store/snapshot_file.h"

#include <nlohmann/json.hpp>

#include "core/x509/digest.h"

namespace postern {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kSumOctets = 16;
constexpr std::string_view kHeaderSalt = "postern snapshot header";

Result<std::string> SumOf(std::string_view salt, const SnapshotRow& row) {
  std::string text;
  text.reserve(salt.size() + row.key.size() + row.next.size() +
               row.body.size() + 32);
  for (const std::string_view field :
       {salt, std::string_view(row.key), std::string_view(row.next),
        std::string_view(row.body)}) {
    text += std::to_string(field.size());
    text += ':';
    text += field;
  }
  Result<std::string> digest = Digest(DigestAlgorithm::kSha256, text);
  if (digest) digest->resize(kSumOctets);
  return digest;
}

Status CheckSum(std::string_view salt, const SnapshotRow& row) {
  const Result<std::string> sum = SumOf(salt, row);
  if (!sum) return sum.error();
  if (*sum != row.sum) {
    return StoreError("a row of the snapshot is damaged (its sum is wrong)");
  }
  return {};
}

SnapshotRow RowOf(const Statement& statement) {
  return {statement.TextAt(0), statement.TextAt(1), statement.TextAt(2),
          statement.TextAt(3)};
}

std::optional<SnapshotInfo> ReadHeader(const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto commit = json.find("commit");
  const auto head = json.find("head");
  const auto rows = json.find("rows");
  const auto published = json.find("published");
  if (commit == json.end() || !commit->is_number_unsigned() ||
      head == json.end() || !head->is_string() || rows == json.end() ||
      !rows->is_number_unsigned() || published == json.end() ||
      !published->is_string()) {
    return std::nullopt;
  }
  const auto time = ParseTime(published->get_ref<const std::string&>());
  if (!time) return std::nullopt;
  SnapshotInfo info;
  info.version = {commit->get<std::uint64_t>(), head->get<std::string>()};
  info.rows = rows->get<std::uint64_t>();
  info.published_at = *time;
  return info;
}

}  // namespace

std::string SnapshotSalt(const SnapshotInfo& info) {
  return std::to_string(info.version.commit) + ":" + info.version.head + ":" +
         FormatTime(info.published_at);
}

Status SignRow(std::string_view salt, SnapshotRow& row) {
  Result<std::string> sum = SumOf(salt, row);
  if (!sum) return sum.error();
  row.sum = *std::move(sum);
  return {};
}

Result<SnapshotRow> HeaderRow(const SnapshotInfo& info, std::string first_key) {
  SnapshotRow row;
  row.next = std::move(first_key);
  row.body = Json{{"commit", info.version.commit},
                  {"head", info.version.head},
                  {"published", FormatTime(info.published_at)},
                  {"rows", info.rows}}
                 .dump();
  if (Status signed_row = SignRow(kHeaderSalt, row); !signed_row) {
    return signed_row.error();
  }
  return row;
}

Result<SnapshotFile> SnapshotFile::Open(const std::string& path) {
  Result<Database> database = Database::Open(path, Database::Mode::kImmutable);
  if (!database) return database.error();
  if (Status fits = CheckVersion(*database, "a policy snapshot",
                                 kSnapshotApplication, kSnapshotScripts.size());
      !fits) {
    return StoreError(path + ": " + fits.error().detail());
  }
  Result<Statement> find = database->Prepare(
      "SELECT key,next,body,sum FROM served WHERE key<=? ORDER BY key DESC"
      " LIMIT 1");
  if (!find) return find.error();

  const Result<bool> found = find->Text("").Step();
  if (!found) return StoreError(path + ": " + found.error().detail());
  if (!*found) return StoreError(path + ": the snapshot has no header");
  const SnapshotRow header = RowOf(*find);
  find->Reset();
  if (Status whole = CheckSum(kHeaderSalt, header); !whole) {
    return StoreError(path + ": " + whole.error().detail());
  }
  std::optional<SnapshotInfo> info = ReadHeader(header.body);
  if (!header.key.empty() || !info) {
    return StoreError(path + ": the snapshot's header is damaged");
  }
  std::string salt = SnapshotSalt(*info);
  return SnapshotFile(*std::move(database), *std::move(find), std::move(salt),
                      *std::move(info));
}

Result<std::optional<std::string>> SnapshotFile::Find(std::string_view key) {
  const Result<bool> found = find_.Text(key).Step();
  if (!found) return found.error();
  if (!*found) {
    return StoreError("the snapshot is damaged: no row proves an absence");
  }
  SnapshotRow row = RowOf(find_);
  find_.Reset();
  if (Status whole = CheckSum(row.key.empty() ? kHeaderSalt : salt_, row);
      !whole) {
    return whole.error();
  }
  // The header is nobody's row.
  if (!key.empty() && row.key == key) {
    return std::optional<std::string>(std::move(row.body));
  }
  const bool absent = row.key < key && (row.next.empty() || key < row.next);
  if (!absent) {
    return StoreError("the snapshot is damaged: a row's successor is missing");
  }
  return std::optional<std::string>();
}

Status SnapshotFile::Verify() {
  Result<Statement> query =
      database_.Prepare("SELECT key,next,body,sum FROM served ORDER BY key");
  if (!query) return query.error();
  std::string expected;  // the next row's key; the header's at first
  std::uint64_t rows = 0;
  for (;; ++rows) {
    const Result<bool> found = query->Step();
    if (!found) return found.error();
    if (!*found) break;
    SnapshotRow row = RowOf(*query);
    if (Status whole = CheckSum(rows == 0 ? kHeaderSalt : salt_, row); !whole) {
      return whole;
    }
    if (row.key != expected || (rows > 0 && row.key.empty())) {
      return StoreError(
          "the snapshot is damaged: a row's successor is missing");
    }
    expected = std::move(row.next);
  }
  if (!expected.empty() || rows != info_.rows + 1) {
    return StoreError("the snapshot is damaged: rows are missing");
  }
  return {};
}

}  // namespace postern
