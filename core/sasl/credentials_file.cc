#include "core/sasl/credentials_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "core/names/next_hop.h"

namespace postern {
namespace {

constexpr std::size_t kMaxFile = 1 << 20;
// Longer ones go into no line of an SMTP login (RFC 4954 section 4).
constexpr std::size_t kMaxField = 1000;
constexpr std::string_view kBlank = " \t";

Error Unusable(std::string what) {
  return Error{Reason::kCredentialsUnavailable, std::move(what)};
}

Error InLine(std::size_t number, const std::string& what) {
  return Unusable("line " + std::to_string(number) + ": " + what);
}

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet < 0x20 || octet == 0x7f;
  });
}

// Takes the next word, and the blanks behind it.
std::string_view TakeWord(std::string_view& rest) {
  const std::size_t end = std::min(rest.find_first_of(kBlank), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(
      std::min(rest.find_first_not_of(kBlank, end), rest.size()));
  return word;
}

Status AddLine(std::string_view line, std::size_t number,
               CredentialsByHop& into) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
  if (line.empty() || line.front() == '#') return {};
  const std::string_view where = TakeWord(line);
  const std::string_view user = TakeWord(line);
  if (user.empty() || line.empty()) {
    return InLine(number, "not '[host]:port user secret'");
  }
  if (HasControl(user) || HasControl(line)) {
    return InLine(number,
                  "a control character in the user or the secret (a line end "
                  "of another system?)");
  }
  if (user.size() > kMaxField || line.size() > kMaxField) {
    return InLine(number, "the user or the secret is too long");
  }
  const Result<NextHop> hop = NextHop::Parse(where);
  if (!hop) return InLine(number, "the next hop is not '[host]:port'");
  if (!hop->bracketed()) {
    return InLine(number,
                  "the next hop is a domain, whose hosts DNS names; name the "
                  "host itself, in brackets");
  }
  const bool added =
      into.emplace(hop->str(), std::make_shared<const Credentials>(
                                   std::string(user), Secret(line)))
          .second;
  if (!added) return InLine(number, "a second line for that next hop");
  return {};
}

// What was read, overwritten when it is done with.
struct Buffer {
  explicit Buffer(std::size_t size) : octets(size) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { Wipe(octets.data(), octets.size()); }
  std::vector<char> octets;
};

struct Descriptor {
  explicit Descriptor(int number) : fd(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
  const int fd;
};

Error FromErrno() { return Unusable(std::generic_category().message(errno)); }

Status CheckRights(const struct stat& file, uid_t user) {
  if (!S_ISREG(file.st_mode)) return Unusable("it is not a regular file");
  if (file.st_uid != user) {
    return Unusable("it belongs to uid " + std::to_string(file.st_uid) +
                    ", not to the service's user");
  }
  if ((file.st_mode & 0077) != 0) {
    return Unusable("others than its owner may open it; chmod 600 it");
  }
  if (static_cast<std::size_t>(file.st_size) > kMaxFile) {
    return Unusable("it is larger than 1 MiB");
  }
  return {};
}

}  // namespace

Result<CredentialsByHop> ParseCredentials(std::string_view text) {
  CredentialsByHop found;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      return InLine(number, "the last line has no end: a file half written?");
    }
    const Status added = AddLine(text.substr(0, end), number, found);
    if (!added) return added.error();
    text.remove_prefix(end + 1);
  }
  return found;
}

Result<CredentialsByHop> ReadCredentials(const std::string& path, uid_t user,
                                         std::optional<struct stat>& found) {
  found.reset();
  // O_NONBLOCK: a pipe of that name would keep us waiting for its writer.
  const Descriptor file(
      open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat seen {};
  if (file.fd < 0 || fstat(file.fd, &seen) != 0) return FromErrno();
  const Status rights = CheckRights(seen, user);
  if (!rights) {
    found = seen;
    return rights.error();
  }

  // One octet more than there should be: it may have grown meanwhile.
  Buffer text(static_cast<std::size_t>(seen.st_size) + 1);
  std::size_t size = 0;
  while (size < text.octets.size()) {
    const ssize_t count =
        read(file.fd, text.octets.data() + size, text.octets.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FromErrno();
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  if (size != static_cast<std::size_t>(seen.st_size)) {
    return Unusable("it is being written");
  }
  found = seen;
  // Nobody means that: without its login a relay would refuse mail for good.
  if (size == 0) return Unusable("it is empty: a file about to be written?");
  return ParseCredentials({text.octets.data(), size});
}

}  // namespace postern
