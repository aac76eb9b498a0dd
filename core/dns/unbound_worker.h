// core/dns/unbound_worker.h
//
// The DNS thread: it alone touches libunbound once that is set up. Callers put
// a question into the inbox, wake the thread and wait on that question's own
// condition, so a caller that gives up owns nothing that the thread could miss:
// both hold the question by shared_ptr.
//
// ub_cancel() is not used: libunbound goes on resolving a cancelled question
// anyway, and an answer nobody waits for still warms the cache.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/clock/clock.h"
#include "core/dns/dns_answer.h"
#include "core/dns/dns_message.h"
#include "core/dns/unbound_context.h"
#include "core/dns/unbound_resolver.h"

namespace postern {

class UnboundResolver::Worker {
 public:
  static Result<std::unique_ptr<Worker>> Start(const ResolverOptions& options);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Blocks until there is an answer, the deadline has passed or the thread has
  // ended; the latter two as DnsReply::failure. Any thread.
  DnsReply Ask(std::string name, RrType type, Deadline deadline);

 private:
  struct BaseDeleter {
    void operator()(event_base* base) const { event_base_free(base); }
  };
  struct EventDeleter {
    void operator()(event* e) const { event_free(e); }
  };

  // One question and its place for the answer.
  struct Question {
    std::string name;
    RrType type;
    std::mutex mutex;
    std::condition_variable answered;
    bool done = false;
    DnsReply reply;

    // The first answer stays.
    void Answer(DnsReply with);
  };
  // What libunbound gives back to us with the answer.
  struct Open {
    Worker* worker;
    std::shared_ptr<Question> question;
  };

  Worker() = default;
  Status SetUp(const ResolverOptions& options);

  // On the DNS thread.
  void Run() noexcept;
  void TakeInbox();
  void Begin(std::shared_ptr<Question> question);
  void EndAll() noexcept;
  static void OnWake(int fd, short what, void* self) noexcept;
  static void OnAnswer(void* open, int rcode, void* packet, int length,
                       int security, char* why_bogus, int ratelimited) noexcept;

  // The order matters: the context dies before its event base.
  std::unique_ptr<event_base, BaseDeleter> base_;
  std::unique_ptr<event, EventDeleter> wake_event_;
  UnboundContext context_;
  int wake_fd_ = -1;
  std::thread thread_;

  std::mutex mutex_;
  std::vector<std::shared_ptr<Question>> inbox_;  // guarded by mutex_
  bool stopping_ = false;                         // guarded by mutex_

  // The DNS thread's own: every question libunbound works on.
  std::unordered_map<Open*, std::unique_ptr<Open>> open_;
};

}  // namespace postern
