#include "core/dns/unbound_worker.h"

#include <sys/eventfd.h>
#include <unbound-event.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <system_error>
#include <utility>

namespace postern {
namespace {

constexpr int kInternet = 1;
constexpr std::size_t kLongestWhy = 200;
constexpr const char* kLate = "no answer in time";
constexpr const char* kStopped = "the resolver has stopped";

DnsReply Failure(std::string why) {
  DnsReply reply;
  reply.failure = std::move(why);
  return reply;
}

// libunbound quotes names from the answer in it.
std::string Printable(const char* text) {
  std::string printable = text == nullptr ? "" : text;
  if (printable.size() > kLongestWhy) printable.resize(kLongestWhy);
  for (char& c : printable) {
    if (c < ' ' || c > '~') c = '?';
  }
  return printable;
}

// unbound-event.h: 0 insecure, 1 bogus, 2 secure. What it may say one day that
// we don't know is not secure, and not to be believed either.
Security ToSecurity(int security) {
  if (security == 2) return Security::kSecure;
  return security == 0 ? Security::kInsecure : Security::kBogus;
}

}  // namespace

void UnboundResolver::Worker::Question::Answer(DnsReply with) {
  const std::lock_guard lock(mutex);
  if (done) return;
  reply = std::move(with);
  done = true;
  answered.notify_all();
}

Result<std::unique_ptr<UnboundResolver::Worker>> UnboundResolver::Worker::Start(
    const ResolverOptions& options) {
  std::unique_ptr<Worker> worker(new Worker);
  if (const Status status = worker->SetUp(options); !status) {
    return status.error();
  }
  // The DNS thread handles no signals; SIGPIPE from a TCP server that hangs up
  // included.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::string failed;
  try {
    worker->thread_ = std::thread([w = worker.get()] { w->Run(); });
  } catch (const std::system_error& error) {
    failed = error.what();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!failed.empty()) {
    return Error{Reason::kDnsLookupFailed, "no thread for DNS: " + failed};
  }
  return worker;
}

Status UnboundResolver::Worker::SetUp(const ResolverOptions& options) {
  base_.reset(event_base_new());
  if (!base_) return Error{Reason::kDnsLookupFailed, "libevent gives no base"};
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd_ < 0) {
    return Error{Reason::kDnsLookupFailed,
                 std::string("eventfd: ") + std::strerror(errno)};
  }
  wake_event_.reset(
      event_new(base_.get(), wake_fd_, EV_READ | EV_PERSIST, OnWake, this));
  if (!wake_event_ || event_add(wake_event_.get(), nullptr) != 0) {
    return Error{Reason::kDnsLookupFailed, "libevent takes no event"};
  }
  auto context = MakeUnboundContext(base_.get(), options);
  if (!context) return context.error();
  context_ = std::move(context).value();
  return {};
}

UnboundResolver::Worker::~Worker() {
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    eventfd_write(wake_fd_, 1);
    thread_.join();
  }
  // Unlike its documentation says, this calls OnAnswer() for what is still
  // open; the questions have their answer, but open_ must be there.
  context_.reset();
  wake_event_.reset();
  if (wake_fd_ >= 0) close(wake_fd_);
}

DnsReply UnboundResolver::Worker::Ask(std::string name, RrType type,
                                      Deadline deadline) {
  if (deadline.expired()) return Failure(kLate);
  const auto question = std::make_shared<Question>();
  question->name = std::move(name);
  question->type = type;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return Failure(kStopped);
    inbox_.push_back(question);
    // Under the lock, since the destructor may follow as soon as it is ours.
    eventfd_write(wake_fd_, 1);
  }
  // From here on only the question is touched: the worker may go.
  std::unique_lock lock(question->mutex);
  if (!question->answered.wait_until(lock, deadline.at(),
                                     [&] { return question->done; })) {
    return Failure(kLate);
  }
  return std::move(question->reply);
}

void UnboundResolver::Worker::Run() noexcept {
  event_base_dispatch(base_.get());
  // Asked to stop, or the loop failed: in either case nobody waits in vain.
  EndAll();
}

void UnboundResolver::Worker::EndAll() noexcept {
  std::vector<std::shared_ptr<Question>> left;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    left.swap(inbox_);
  }
  for (const auto& question : left) {
    question->Answer(Failure(kStopped));
  }
  for (const auto& entry : open_) {
    entry.second->question->Answer(Failure(kStopped));
  }
}

void UnboundResolver::Worker::OnWake(int fd, short /*what*/,
                                     void* self) noexcept {
  auto* worker = static_cast<Worker*>(self);
  eventfd_t count = 0;
  eventfd_read(fd, &count);
  worker->TakeInbox();
}

void UnboundResolver::Worker::TakeInbox() {
  std::vector<std::shared_ptr<Question>> questions;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      event_base_loopbreak(base_.get());
      return;
    }
    questions.swap(inbox_);
  }
  for (auto& question : questions) {
    try {
      Begin(question);
    } catch (const std::exception& error) {
      question->Answer(Failure(error.what()));
    }
  }
}

void UnboundResolver::Worker::Begin(std::shared_ptr<Question> question) {
  auto owned = std::make_unique<Open>(Open{this, std::move(question)});
  Open* const open = owned.get();
  open_.emplace(open, std::move(owned));
  // Kept besides the map: OnAnswer() may run, and remove it, in this very call.
  const std::shared_ptr<Question> asked = open->question;
  const int result = ub_resolve_event(context_.get(), asked->name.c_str(),
                                      static_cast<int>(asked->type), kInternet,
                                      open, OnAnswer, nullptr);
  if (result == 0) return;
  const auto found = open_.find(open);
  if (found == open_.end()) return;  // answered all the same
  open_.erase(found);
  asked->Answer(Failure(std::string("libunbound: ") + ub_strerror(result)));
}

void UnboundResolver::Worker::OnAnswer(void* arg, int rcode, void* packet,
                                       int length, int security,
                                       char* why_bogus,
                                       int ratelimited) noexcept {
  auto* const open = static_cast<Open*>(arg);
  const std::shared_ptr<Question> question = open->question;
  open->worker->open_.erase(open);
  try {
    DnsReply reply;
    reply.security = ToSecurity(security);
    if (reply.security == Security::kBogus) {
      reply.why_bogus = Printable(why_bogus);
    } else if (rcode != 0) {
      reply.failure = ratelimited != 0 ? "rate limit" : "no answer (SERVFAIL)";
    } else if (packet == nullptr || length < 0) {
      reply.failure = "libunbound gives no message";
    } else {
      reply.message.assign(static_cast<const char*>(packet),
                           static_cast<std::size_t>(length));
    }
    question->Answer(std::move(reply));
  } catch (...) {
    question->Answer(Failure("out of memory"));  // short: no allocation
  }
}

}  // namespace postern
