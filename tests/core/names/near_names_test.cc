// A typing error gets a hint, and a word that is nobody's neighbour gets none.
#include "core/names/near_names.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

using Names = std::vector<std::string>;

const std::vector<std::string_view> kKnown{"verify", "verifiers", "plugins",
                                           "pin"};

TEST(NearNamesTest, AreFewAndNear) {
  EXPECT_EQ(NearNames("verfy", kKnown), Names{"verify"});
  EXPECT_EQ(NearNames("verif", kKnown), (Names{"verifiers", "verify"}));
  EXPECT_TRUE(NearNames("", kKnown).empty());
  EXPECT_TRUE(NearNames(std::string(1000, 'v'), kKnown).empty());
}

TEST(NearNamesTest, BecomeAQuestion) {
  EXPECT_EQ(DidYouMean("verfy", kKnown), "; did you mean verify?");
  EXPECT_EQ(DidYouMean("verif", kKnown, "--"),
            "; did you mean --verifiers or --verify?");
  EXPECT_EQ(DidYouMean("colour", kKnown), "");
}

}  // namespace
}  // namespace postern
