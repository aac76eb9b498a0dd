// sendmail-milter/sendmail_map.h
//
// SendmailMap: what Sendmail's TLS rulesets are answered about a live
// connection (docs/protocol.md, "Sendmail's map"): "PASS", or
// "4.7.x:token: sentence". Whatever is not understood, not known or not found
// out is not PASS.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "core/audit/session_record.h"
#include "core/clock/clock.h"
#include "core/delivery/failed_passes.h"
#include "core/service/socket_map_server.h"
#include "sendmail-milter/live_judge.h"

namespace postern {

// Connections that were recorded a moment ago: Sendmail asks once for each
// recipient. Thread-safe.
class JustRecorded {
 public:
  explicit JustRecorded(const Clock& clock) : clock_(clock) {}
  // True the first time.
  bool Note(const std::string& what);

 private:
  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, TimePoint> noted_;  // guarded by mutex_
};

// Thread-safe; borrows its parts.
class SendmailMap {
 public:
  // Below what the K line's -d30 waits.
  static constexpr std::chrono::seconds kBudget{20};
  static constexpr std::string_view kName = "postern";

  SendmailMap(LiveJudge::Parts parts, SessionSink& sink, const Clock& clock)
      : gate_(parts.gate),
        plans_(parts.plans),
        judge_(parts),
        sink_(sink),
        clock_(clock),
        passes_(clock, FailedPasses::Complete::kEveryHost),
        recorded_(clock) {}

  // As SocketMapHandler's.
  std::optional<SocketMapReply> Known(const SocketMapQuery& query);
  SocketMapReply Find(const SocketMapQuery& query, Deadline deadline,
                      int stop_fd);
  // The destination; empty for what is no question. Pure.
  static std::string OwnerOf(const SocketMapQuery& query);

 private:
  std::optional<SocketMapReply> Answer(
      const SocketMapQuery& query,
      const std::optional<LiveJudge::Patience>& patience);
  std::string Conclude(const MapQuestion& question, LiveJudge::Judged& judged);
  bool MayGoAnyway(const MapQuestion& question,
                   const LiveJudge::Judged& judged) const;
  void Record(const MapQuestion& question, const LiveJudge::Judged& judged);

  Gate& gate_;
  RecentPlans& plans_;
  LiveJudge judge_;
  SessionSink& sink_;
  const Clock& clock_;
  FailedPasses passes_;
  JustRecorded recorded_;
};

}  // namespace postern
