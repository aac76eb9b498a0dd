// tests/bench/socketmap_load.cc
//
// Asks a socket map as fast as it answers: N connections, one question at a
// time on each, for some seconds; then one line of JSON: questions a second,
// and how long an answer took at the median, the 99th percentile and the worst.
// Any answer but OK (and NOTFOUND, with --any) ends it: a server that fails
// fast must not look fast.
//
//   socketmap_load (unix:PATH|inet:ADDRESS:PORT) MAP CONNECTIONS SECONDS
//       [--any] [--stuck N SUFFIX] KEY...
//
// --stuck: besides, N connections first ask for s0SUFFIX, s1SUFFIX … and
// wait for an answer that does not come.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/service/owned_fd.h"
#include "core/service/socket_map.h"

namespace postern {
namespace {

using MonotonicClock = std::chrono::steady_clock;

struct Plan {
  std::string place, map, suffix;
  std::size_t connections = 1, stuck = 0;
  double seconds = 5;
  bool any = false;
  std::vector<std::string> keys;
};

[[noreturn]] void Fail(const std::string& what) {
  throw std::runtime_error(what);
}

OwnedFd Connect(const std::string& place) {
  sockaddr_storage storage{};
  socklen_t length = 0;
  if (place.starts_with("unix:")) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, place.c_str() + 5,
                 sizeof address.sun_path - 1);
    length = sizeof address;
    std::memcpy(&storage, &address, length);
  } else {
    const std::size_t colon = place.rfind(':');
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port =
        htons(static_cast<std::uint16_t>(std::atoi(place.c_str() + colon + 1)));
    inet_pton(AF_INET, place.substr(5, colon - 5).c_str(), &address.sin_addr);
    length = sizeof address;
    std::memcpy(&storage, &address, length);
  }
  OwnedFd fd(socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd ||
      connect(fd.get(), reinterpret_cast<const sockaddr*>(&storage), length)) {
    Fail("connect " + place + ": " + std::strerror(errno));
  }
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

struct Asking {
  OwnedFd fd;
  NetstringBuffer answers{kMaxSocketMapReply};
  MonotonicClock::time_point asked;
  std::size_t next = 0;
};

class Load {
 public:
  explicit Load(Plan plan) : plan_(std::move(plan)) {
    for (const std::string& key : plan_.keys) {
      questions_.push_back(FormatSocketMapQuery({plan_.map, key}));
    }
  }

  void Run() {
    std::vector<OwnedFd> stuck;
    for (std::size_t i = 0; i < plan_.stuck; ++i) {
      stuck.push_back(Connect(plan_.place));
      Say(stuck.back(),
          FormatSocketMapQuery(
              {plan_.map, "s" + std::to_string(i) + plan_.suffix}));
    }
    // What it costs to begin them is not what they cost while they wait.
    if (plan_.stuck > 0) std::this_thread::sleep_for(std::chrono::seconds(2));
    const OwnedFd epoll(epoll_create1(EPOLL_CLOEXEC));
    std::vector<Asking> all(plan_.connections);
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i].fd = Connect(plan_.place);
      all[i].next = i;
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.ptr = &all[i];
      if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, all[i].fd.get(), &event) != 0) {
        Fail("epoll_ctl");
      }
    }
    begun_ = MonotonicClock::now();
    for (Asking& one : all) Ask(one);
    std::vector<epoll_event> events(all.size());
    while (Elapsed() < plan_.seconds) {
      const int ready = epoll_wait(epoll.get(), events.data(),
                                   static_cast<int>(events.size()), 1000);
      for (int i = 0; i < ready; ++i) {
        Hear(*static_cast<Asking*>(
            events[static_cast<std::size_t>(i)].data.ptr));
      }
    }
    Report();
  }

 private:
  double Elapsed() const {
    return std::chrono::duration<double>(MonotonicClock::now() - begun_)
        .count();
  }

  static void Say(const OwnedFd& fd, const std::string& text) {
    if (send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(text.size())) {
      Fail("the server hung up");
    }
  }

  void Ask(Asking& one) {
    one.asked = MonotonicClock::now();
    Say(one.fd, questions_[one.next++ % questions_.size()]);
  }

  void Hear(Asking& one) {
    char block[16 * 1024];
    const ssize_t count = recv(one.fd.get(), block, sizeof block, 0);
    if (count <= 0) Fail("the server hung up");
    one.answers.Append({block, static_cast<std::size_t>(count)});
    const auto content = one.answers.Take();
    if (!content) Fail(content.error().detail());
    if (!*content) return;
    const auto reply = ParseSocketMapReply(**content);
    using Status = SocketMapReply::Status;
    if (!reply || (reply->status != Status::kOk &&
                   !(plan_.any && reply->status == Status::kNotFound))) {
      Fail("answered: " + **content);
    }
    took_.push_back(std::chrono::duration<double, std::milli>(
                        MonotonicClock::now() - one.asked)
                        .count());
    Ask(one);
  }

  void Report() {
    const double seconds = Elapsed();
    std::sort(took_.begin(), took_.end());
    if (took_.empty()) Fail("nothing was answered");
    const auto at = [this](double share) {
      return took_[static_cast<std::size_t>(
          share * static_cast<double>(took_.size() - 1))];
    };
    std::printf(
        "{\"connections\":%zu,\"stuck\":%zu,\"per_second\":%.0f,"
        "\"median_ms\":%.3f,\"p99_ms\":%.3f,\"worst_ms\":%.3f}\n",
        plan_.connections, plan_.stuck,
        static_cast<double>(took_.size()) / seconds, at(0.5), at(0.99),
        took_.back());
  }

  const Plan plan_;
  std::vector<std::string> questions_;
  MonotonicClock::time_point begun_;
  std::vector<double> took_;
};

Plan Parse(int argc, char** argv) {
  if (argc < 6) Fail("PLACE MAP CONNECTIONS SECONDS [options] KEY...");
  Plan plan;
  plan.place = argv[1];
  plan.map = argv[2];
  plan.connections = static_cast<std::size_t>(std::atoi(argv[3]));
  plan.seconds = std::atof(argv[4]);
  for (int i = 5; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--any") {
      plan.any = true;
    } else if (word == "--stuck" && i + 2 < argc) {
      plan.stuck = static_cast<std::size_t>(std::atoi(argv[++i]));
      plan.suffix = argv[++i];
    } else {
      plan.keys.push_back(word);
    }
  }
  if (plan.keys.empty() || plan.connections == 0) Fail("no KEY");
  return plan;
}

}  // namespace
}  // namespace postern

int main(int argc, char** argv) {
  try {
    postern::Load(postern::Parse(argc, argv)).Run();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "socketmap_load: %s\n", error.what());
    return 1;
  }
}
