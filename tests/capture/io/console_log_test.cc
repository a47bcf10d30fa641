// SPDX-License-Identifier: Apache-2.0
#include "capture/io/console_log.h"

#include <catch2/catch_test_macros.hpp>

#include "schema/base/digest.h"

namespace ktape {

TEST_CASE("console text is handed out in whole lines") {
  ConsoleLog log;
  CHECK(log.feed(as_bytes("one\ntw")) == "one\n");
  CHECK(log.feed(as_bytes("o\nthree\nfo")) == "two\nthree\n");
  CHECK(log.last_line() == "three");
  CHECK(log.rest() == "fo");
  CHECK(log.rest().empty());
}

TEST_CASE("a panic line is found although it arrives in pieces") {
  ConsoleLog log;
  (void)log.feed(as_bytes("[    1.0] fine\r\n[    2.0] Kernel panic - not "));
  CHECK_FALSE(log.panicked());
  (void)log.feed(as_bytes("syncing: sysrq triggered crash\r\n[    2.1] CPU: 0\r\n"));
  CHECK(log.panicked());
  CHECK(log.panic_line() == "Kernel panic - not syncing: sysrq triggered crash");
  CHECK(log.panic_text() ==
        "[    2.0] Kernel panic - not syncing: sysrq triggered crash\r\n[    2.1] CPU: 0\r\n");
}

TEST_CASE("a console line without an end is cut, not kept forever") {
  ConsoleLog log;
  std::string flood(10'000, 'x');
  std::string whole = log.feed(as_bytes(flood));
  CHECK(whole.size() == 8192);
  CHECK(log.rest().size() == 10'000 - 8192);
}

TEST_CASE("panic text is bounded") {
  ConsoleLog log;
  (void)log.feed(as_bytes("Kernel panic - not syncing: x\n"));
  for (int i = 0; i < 2000; ++i) (void)log.feed(as_bytes(std::string(100, 'y') + "\n"));
  CHECK(log.panic_text().size() <= 64 * 1024);
  CHECK(log.panic_text().size() > 60 * 1024);
}

}  // namespace ktape
