// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>

#include "replay/child.h"
#include "replay/report_html.h"
#include "schema/base/file.h"
#include "tests/replay/hostile_run.h"
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
  auto reader = must(JournalReader::open(tape));
  std::ofstream(page, std::ios::binary) << must(report_html(*reader, must(inspect_readable(tape)), {}));
}

Opened open_in_browser(const TempDir& folder, const std::string& page) {
  std::string line =
      "chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
      "--disable-background-networking --disable-component-update --disable-sync --enable-logging=stderr "
      "--v=0 "
      "--user-data-dir='" +
      folder.file("profile") + "' --dump-dom 'file://" + page + "' 2>'" + folder.file("log") + "'";
  ChildResult child = must(run_child("/bin/sh", {"-c", line}, 1 << 24));
  REQUIRE(child.exit_status == 0);
  return {child.output, must(read_text_file(folder.file("log"), 1 << 24))};
}

}  // namespace

TEST_CASE("a browser draws the timeline and the charts of a hostile tape, and complains of nothing") {
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

TEST_CASE("a browser keeps a script from running that the page did not come with") {
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
