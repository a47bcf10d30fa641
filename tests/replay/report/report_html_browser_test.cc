// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>

#include "replay/report/report_html.h"
#include "schema/base/child.h"
#include "schema/base/file.h"
#include "tests/replay/report/hostile_run.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

struct Opened {
  std::string document;  // as it is after the page has loaded
  std::string log;       // messages of the page's console stand in it as CONSOLE
};

void make_page(const std::string& tape, const std::string& page) {
  auto reader = must(TapeReader::open(tape));
  std::ofstream(page, std::ios::binary)
      << must(report_html(*reader, must(inspect_readable(tape)), {}));
}

// The browser's version.
std::string browser() {
  return must(run_child("/bin/sh", {"-c", "chromium --version 2>&1"}, 1 << 16)).output;
}

// `what`: what the browser should do with the page.
Opened open_in_browser(const TempDir& folder, const std::string& page,
                       const std::string& what = "--dump-dom") {
  std::string line =
      "chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
      "--disable-background-networking --disable-component-update --disable-sync "
      "--enable-logging=stderr "
      "--v=0 "
      "--user-data-dir='" +
      folder.file("profile") + "' " + what + " 'file://" + page + "' 2>'" + folder.file("log") +
      "'";
  ChildResult child = must(run_child("/bin/sh", {"-c", line}, 1 << 24));
  INFO(browser());
  REQUIRE(child.exit_status == 0);
  return {child.output, must(read_text_file(folder.file("log"), 1 << 24))};
}

// Big-endian, as in the header of a PNG file.
uint32_t big_endian(const std::vector<std::byte>& file, size_t offset) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i)
    value = value << 8 | std::to_integer<uint32_t>(file.at(offset + i));
  return value;
}

}  // namespace

TEST_CASE(
    "a browser shows the page of a scheduler that stalled on a real kernel, and takes a picture of "
    "it") {
  INFO(browser());
  TempDir folder;
  const std::string page = folder.file("page.html");
  const ChildResult made =
      must(run_child(KTAPE_BIN "/ktape-report",
                     {KTAPE_GOLDEN "/scheduler_stall-6.16.12.ktape", "-o", page}, 1 << 20));
  REQUIRE(made.exit_status == 0);
  const Opened opened = open_in_browser(folder, page);
  CHECK_THAT(opened.log, !ContainsSubstring("CONSOLE"));
  for (const char* kind : {"scheduler", "worker", "step", "request", "freeze", "incident"}) {
    CHECK_THAT(opened.document, ContainsSubstring("<rect class=\"bar " + std::string(kind)));
  }
  for (const char* caption :
       {"Verdicts of the assertions", "Steps of the scenario",
        "Kernel state that was read and written, in order", "vCPUs at freeze 1",
        "2 tasks runnable, waiting in sched_ext (from recorded memory, all tasks)"}) {
    CHECK_THAT(opened.document,
               ContainsSubstring("<caption>" + std::string(caption) + "</caption>"));
  }
  CHECK_THAT(
      opened.document,
      ContainsSubstring(">beside[147] <span class=\"badge bad\">named by the kernel</span>"));
  CHECK_THAT(opened.document, ContainsSubstring(">3120 ms<"));

  // For people.
  std::filesystem::create_directories(KTAPE_PICTURES);
  const std::string picture = KTAPE_PICTURES "/stall.png";
  std::filesystem::remove(picture);
  const Opened pictured = open_in_browser(
      folder, page, "--hide-scrollbars --window-size=1300,5000 --screenshot='" + picture + "'");
  CHECK_THAT(pictured.log, !ContainsSubstring("CONSOLE"));
  const std::vector<std::byte> png = must(read_file(picture, size_t{64} << 20));
  CHECK(big_endian(png, 16) == 1300);
  CHECK(big_endian(png, 20) == 5000);
  // An empty page of that size has 20 KB.
  CHECK(png.size() > 200'000);
}

TEST_CASE("a browser draws the timeline and the charts of a hostile tape without errors") {
  INFO(browser());
  TempDir folder;
  std::string page = folder.file("page.html");
  make_page(make_hostile_tape(folder.file("run.ktape")), page);
  Opened opened = open_in_browser(folder, page);
  CHECK_THAT(opened.log, !ContainsSubstring("CONSOLE"));
  CHECK_THAT(opened.document, ContainsSubstring("<div id=\"controls\">"));
  for (const char* kind : {"scheduler", "worker", "step", "request", "freeze", "incident"}) {
    CHECK_THAT(opened.document, ContainsSubstring("<rect class=\"bar " + std::string(kind)));
  }
  CHECK_THAT(opened.document, ContainsSubstring("<circle class=\"dot\""));
  CHECK_THAT(opened.document, ContainsSubstring("<caption>vCPUs at freeze 77</caption>"));
  CHECK_THAT(opened.document, !ContainsSubstring("<img"));
}

TEST_CASE("a browser does not run a script that is not the page's own") {
  INFO(browser());
  TempDir folder;
  std::string page = folder.file("page.html");
  make_page(make_hostile_tape(folder.file("run.ktape")), page);
  std::string html = must(read_text_file(page, 1 << 24));
  html.insert(html.find("<main>"), "<script>document.title = 'changed by a stranger';</script>");
  std::string changed = folder.file("changed.html");
  std::ofstream(changed, std::ios::binary) << html;
  Opened opened = open_in_browser(folder, changed);
  CHECK_THAT(opened.log, ContainsSubstring("CONSOLE"));
  CHECK_THAT(opened.document, !ContainsSubstring("<title>changed"));
}

}  // namespace ktape::test
