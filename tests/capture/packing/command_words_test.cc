// SPDX-License-Identifier: Apache-2.0
#include "capture/packing/command_words.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/must.h"

namespace ktape::test {

using Words = std::vector<std::string>;

TEST_CASE("a command is split at blanks") {
  CHECK(must(split_command("scx_qmap -t 3")) == Words{"scx_qmap", "-t", "3"});
  CHECK(must(split_command("  scx_simple\t-f  ")) == Words{"scx_simple", "-f"});
}

TEST_CASE("quotes and backslashes keep blanks together, as in a shell") {
  CHECK(must(split_command(R"(x 'a b' "c d" e\ f)")) == Words{"x", "a b", "c d", "e f"});
  CHECK(must(split_command(R"(x 'a'"b"c)")) == Words{"x", "abc"});
  CHECK(must(split_command(R"(x '$HOME *' "\"\$\\" "\n")")) ==
        Words{"x", "$HOME *", "\"$\\", "\\n"});
}

TEST_CASE("an empty word is a word") {
  CHECK(must(split_command("x '' \"\"")) == Words{"x", "", ""});
}

TEST_CASE("'#' and '~' are special at the start of a word only") {
  CHECK(must(split_command("a#b c~")) == Words{"a#b", "c~"});
  CHECK_FALSE(split_command("x #b").ok());
  CHECK_FALSE(split_command("~/x").ok());
}

TEST_CASE("what only a shell could do is refused, naming the character") {
  for (const char* command :
       {"x $HOME", "x *.c", "x | y", "x > f", "x; y", "x &", "x `y`", "x \"$HOME\"", "x ~"}) {
    INFO(command);
    const auto words = split_command(command);
    REQUIRE_FALSE(words.ok());
    CHECK(words.error().code == ErrorCode::kUsage);
    CHECK(words.error().message.find("no shell is run") != std::string::npos);
  }
}

TEST_CASE("an open quote, a last backslash and no words at all are mistakes") {
  CHECK(split_command("x 'y").error().message ==
        "the scheduler's command 'x 'y' has an unclosed '");
  CHECK_FALSE(split_command("x \"y").ok());
  CHECK_FALSE(split_command("x \\").ok());
  CHECK(split_command("  ").error().message == "the scheduler's command is empty");
}

}  // namespace ktape::test
