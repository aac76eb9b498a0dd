// tests/bench/milter_recipients.cc
//
// What a recipient costs: postern-milter, with the real door and an answer of
// DNS that is known, beside a milter that lets everything go on.
//
//   milter_recipients accept-all SPEC        runs that milter
//   milter_recipients measure PATH CONNECTIONS SECONDS DOMAIN
//                                            recipients/s of the milter at PATH
#include <libmilter/mfapi.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "tests/testlib/milter_mta.h"

namespace postern {
namespace {

sfsistat GoOn(SMFICTX* /*context*/, char** /*arguments*/) {
  return SMFIS_CONTINUE;
}

int AcceptAll(std::string socket) {
  std::string name = "accept-all";
  smfiDesc filter{};
  filter.xxfi_name = name.data();
  filter.xxfi_version = SMFI_VERSION;
  filter.xxfi_envrcpt = GoOn;
  const bool listening = smfi_register(filter) == MI_SUCCESS &&
                         smfi_setconn(socket.data()) == MI_SUCCESS &&
                         smfi_opensocket(true) == MI_SUCCESS;
  return listening && smfi_main() == MI_SUCCESS ? 0 : 1;
}

int Measure(const std::string& path, int connections, int seconds,
            const std::string& domain) {
  std::atomic<bool> over{false};
  std::atomic<long> went_on{0}, others{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < connections; ++i) {
    threads.emplace_back([&] {
      MilterMta mta(path);
      const std::string host = domain + ".";
      const std::string address = "user@" + domain;
      while (!over) {
        const bool on = mta.Recipient({"esmtp", host, address, "Q1"}).empty();
        ++(on ? went_on : others);
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::seconds(seconds));
  over = true;
  for (std::thread& thread : threads) thread.join();
  std::printf("%d connections: %ld recipients/s, %ld of them refused\n",
              connections, (went_on + others) / seconds,
              others.load() / seconds);
  return 0;
}

}  // namespace
}  // namespace postern

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 2 && words[0] == "accept-all") {
    return postern::AcceptAll(words[1]);
  }
  if (words.size() == 5 && words[0] == "measure") {
    return postern::Measure(words[1], std::atoi(words[2].c_str()),
                            std::atoi(words[3].c_str()), words[4]);
  }
  std::fputs(
      "usage: milter_recipients accept-all SPEC\n"
      "       milter_recipients measure PATH CONNECTIONS SECONDS DOMAIN\n",
      stderr);
  return 2;
}
