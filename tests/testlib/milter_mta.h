// tests/testlib/milter_mta.h
//
// MilterMta: an MTA's end of the milter protocol (version 6), as far as a
// filter of recipients needs it. Throws std::runtime_error where the filter
// does what no filter may. Not thread-safe.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "core/service/unix_socket.h"
#include "sendmail-milter/milter_words.h"

namespace postern {

class MilterMta {
 public:
  // Connects to the unix socket as soon as the filter listens there.
  explicit MilterMta(const std::string& path) {
    const Deadline deadline = Soon();
    auto fd = ConnectUnix(path, deadline);
    while (!fd && !deadline.expired()) {
      std::this_thread::yield();
      fd = ConnectUnix(path, deadline);
    }
    if (!fd) throw std::runtime_error(fd.error().detail());
    fd_ = *std::move(fd);
    Send('O', std::string("\0\0\0\6\0\0\1\xff\0\x1f\xff\xff", 12));
    if (Receive()[0] != 'O') throw std::runtime_error("no negotiation");
  }

  // What the client is told: "" to go on, or "451 4.7.5 text".
  std::string Recipient(const RecipientMacros& macros) {
    std::string given = "R";
    for (const auto& [name, value] :
         {std::pair{"i", macros.queue_id},
          std::pair{"{rcpt_mailer}", macros.mailer},
          std::pair{"{rcpt_host}", macros.host},
          std::pair{"{rcpt_addr}", macros.address}}) {
      given += name + std::string(1, '\0') + std::string(value) + '\0';
    }
    Send('D', given);
    Send('R', std::string("<x@y>") + '\0');
    const std::string reply = Receive();
    if (reply == "c") return "";
    if (reply.size() < 2 || reply[0] != 'y') return "not a reply: " + reply;
    return reply.substr(1, reply.size() - 2);
  }
  void SendRaw(std::string_view octets) {
    (void)SendText(fd_.get(), octets, -1, Soon());
  }
  bool IsClosed() { return Receive() == "closed"; }

 private:
  static Deadline Soon() { return Deadline::After(std::chrono::seconds(30)); }

  void Send(char command, const std::string& data) {
    const std::size_t length = data.size() + 1;
    std::string packet;
    for (int shift = 24; shift >= 0; shift -= 8) {
      packet += static_cast<char>(length >> shift);
    }
    SendRaw(packet + command + data);
  }
  // One packet's content; a filter sends nothing unasked.
  std::string Receive() {
    std::string all;
    for (;;) {
      if (all.size() >= 4) {
        std::size_t length = 0;
        for (std::size_t i = 0; i < 4; ++i) {
          length = length * 256 + static_cast<unsigned char>(all[i]);
        }
        if (all.size() >= 4 + length) return all.substr(4, length);
      }
      if (WaitFor(fd_.get(), false, -1, Soon()) != Waited::kReadable) break;
      const auto received = ReceiveNow(fd_.get(), 65536);
      if (!received || (received->octets.empty() && !received->would_block)) {
        break;
      }
      all += received->octets;
    }
    return "closed";
  }

  OwnedFd fd_;
};

}  // namespace postern
