// SPDX-License-Identifier: Apache-2.0
#include "schema/base/text.h"

#include <catch2/catch_test_macros.hpp>

namespace ktape {

TEST_CASE("plain text, also beyond ASCII, is printed unchanged") {
  CHECK(printable("scx.dsq_vtime") == "scx.dsq_vtime");
  CHECK(printable("Größe \u2192 \U0001f427") == "Größe \u2192 \U0001f427");
}

TEST_CASE("control characters are escaped, C1 and backslashes too") {
  CHECK(printable("a\nb\tc\rd\x1b[2J\x7f") == "a\\nb\\tc\\rd\\x1b[2J\\x7f");
  CHECK(printable("\u009b31m") == "\\u{009b}31m");
  CHECK(printable("C:\\n") == "C:\\\\n");
  CHECK(printable(std::string_view("\0x", 2)) == "\\x00x");
}

TEST_CASE("characters that reorder or hide text are escaped") {
  CHECK(printable("ok\u202eko") == "ok\\u{202e}ko");
  CHECK(printable("a\u200bb") == "a\\u{200b}b");
}

TEST_CASE("bytes that are not UTF-8 are shown in hex") {
  CHECK(printable("a\xff") == "a\\xff");
  CHECK(printable("\xc3") == "\\xc3");                           // cut short
  CHECK(printable("\xc0\x80") == "\\xc0\\x80");                  // overlong
  CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");         // a surrogate
  CHECK(printable("\xf4\x90\x80\x80").substr(0, 4) == "\\xf4");  // beyond Unicode
}

TEST_CASE("is_utf8 accepts text and refuses what printable() shows in hex") {
  CHECK(is_utf8(""));
  CHECK(is_utf8("Größe"));
  CHECK_FALSE(is_utf8("\xe2\x82"));
  CHECK_FALSE(is_utf8("\xc0\x80"));
}

TEST_CASE("bounded() cuts no character in two, and says how much it leaves out") {
  CHECK(bounded("abc", 3) == "abc");
  CHECK(bounded("abcd", 3) == "abc (… 1 more bytes)");
  CHECK(bounded("aö", 2) == "a (… 2 more bytes)");
}

TEST_CASE("in_quotes puts quotes around text that is safe to print") {
  CHECK(in_quotes("a\n") == "'a\\n'");
}

}  // namespace ktape
