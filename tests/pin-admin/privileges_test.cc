// tests/pin-admin/privileges_test.cc
//
// What runs without privileges has none, and whatever becomes of it is an
// answer or an Error.
#include "pin-admin/privileges.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <stdexcept>

namespace postern {
namespace {

TEST(PrivilegesTest, TheChildIsNobodyAndCannotComeBack) {
  const Result<std::string> answer = RunUnprivileged("nobody", [] {
    const bool back = setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0;
    return std::to_string(geteuid()) + (back ? " came back" : "") +
           (getegid() == 0 ? " with root's group" : "");
  });
  ASSERT_TRUE(answer) << answer.error().detail();
  const uid_t expected = geteuid() == 0 ? 65534 : geteuid();
  EXPECT_EQ(*answer, std::to_string(expected));
}

TEST(PrivilegesTest, AUserThatDoesNotExistMeansNobody) {
  const Result<std::string> answer =
      RunUnprivileged("no-such-user", [] { return std::to_string(geteuid()); });
  ASSERT_TRUE(answer) << answer.error().detail();
  EXPECT_NE(*answer, "0");
}

TEST(PrivilegesTest, RootIsNoUserToDropTo) {
  const Result<std::string> answer =
      RunUnprivileged("root", [] { return std::to_string(geteuid()); });
  if (geteuid() == 0) {
    EXPECT_FALSE(answer);
  } else {
    EXPECT_NE(*answer, "0");
  }
}

TEST(PrivilegesTest, EveryWayToFailIsAnError) {
  EXPECT_FALSE(RunUnprivileged(
      "nobody", []() -> std::string { throw std::runtime_error("no"); }));
  EXPECT_FALSE(RunUnprivileged("nobody", []() -> std::string { _exit(0); }));
  EXPECT_FALSE(RunUnprivileged("nobody", []() -> std::string { _exit(3); }));
  EXPECT_FALSE(RunUnprivileged("nobody",
                               [] { return std::string((1 << 20) + 1, 'x'); }));
  const Result<std::string> much =
      RunUnprivileged("nobody", [] { return std::string(1 << 19, 'x'); });
  ASSERT_TRUE(much);
  EXPECT_EQ(much->size(), std::size_t{1} << 19);
}

}  // namespace
}  // namespace postern
