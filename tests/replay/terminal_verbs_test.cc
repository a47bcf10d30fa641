// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>
#include <regex>

#include "schema/base/file.h"
#include "schema/wire/data.h"
#include "tests/replay/programs.h"
#include "tests/replay/sample_run.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"
#include "tests/support/terminal_run.h"

// The programs on a terminal: the text for people, colours, the pager.
namespace ktape::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

constexpr char kEscape = '\x1b';

TerminalRun on_terminal(const std::string& name, const std::vector<std::string>& arguments,
                        const std::map<std::string, std::string>& environment = {
                            {"PAGER", "cat"}, {"NO_COLOR", "1"}}) {
  TerminalSetting setting;
  setting.environment = environment;
  TerminalRun run = run_on_terminal(std::string(KTAPE_BIN "/") + name, arguments, setting);
  // How far it is, which it takes back.
  run.output = std::regex_replace(run.output,
                                  std::regex("(\r(verified|judged) \\d+ of \\d+)*\r\x1b\\[K"), "");
  return run;
}

bool has_escapes(const std::string& text) { return text.find(kEscape) != std::string::npos; }

std::string without_colors(const std::string& text) {
  return std::regex_replace(text, std::regex("\x1b\\[(0|1|2|32|33|1;31)m"), "");
}

// A pager that leaves what it read in a file.
std::string make_pager(const TempDir& folder, const std::string& script) {
  make_analyzer(folder.file("pager"), script);
  return folder.file("pager");
}

std::string text_of(const std::string& path) {
  return std::filesystem::exists(path) ? must(read_text_file(path, 1 << 24)) : "";
}

// A tape whose every text tries to write to the terminal.
std::string make_hostile_tape(const std::string& path) {
  const std::string evil = "\x1b[2J\x1b]0;owned\x07\x9b\u202e";
  TapeBuilder builder(path);
  builder.run_started(evil);
  builder.worker_started(evil, 57, 5);
  builder.step_started(0, evil);
  builder.op({TapeEntry{.tag = evil, .target = symbol_target("jiffies_64"), .value = 0}});
  builder.add([&](schema::Record::Builder record) { record.initConsole().setText(as_data(evil)); });
  builder.add(
      [&](schema::Record::Builder record) { record.initGuestPanicked().setText(as_data(evil)); });
  builder.step_finished(0, false);
  builder.scheduler_attached(1);
  builder.add([&](schema::Record::Builder record) {
    auto exited = record.initSchedulerExited();
    exited.setId(1);
    exited.setKind(1026);
    exited.setReason(as_data(evil));
    exited.setMessage(as_data(evil));
  });
  return builder.seal().path;
}

}  // namespace

TEST_CASE("on a terminal check prints a line for each assertion, and --ktap prints KTAP") {
  TempDir folder;
  const std::string tape = make_tape(folder.file("run.ktape")).path;
  const TerminalRun people = on_terminal("ktape-check", {tape});
  CHECK(people.exit_status == 0);
  CHECK_THAT(people.output, !ContainsSubstring("KTAP"));
  CHECK_THAT(people.output, ContainsSubstring(": intact, losses: none\n"));
  CHECK_THAT(people.output, ContainsSubstring("op-pairing"));
  CHECK_THAT(people.output, ContainsSubstring("seq "));
  CHECK_THAT(people.output, ContainsSubstring("not asked"));
  CHECK_THAT(people.output, ContainsSubstring("it needs --max-ns"));
  CHECK_THAT(people.output, ContainsSubstring(" assertions passed; not asked: "));

  const TerminalRun ktap = on_terminal("ktape-check", {tape, "--ktap"});
  CHECK(ktap.output == run_program("ktape-check", {tape}).output);
  CHECK_THAT(run_program("ktape-check", {tape, "--ktap"}).output, StartsWith("KTAP version 1\n"));
  CHECK(on_terminal("ktape-check", {tape, "--json", "-"}).output ==
        run_program("ktape-check", {tape, "--json", "-"}).output);
}

TEST_CASE("what failed comes last, with all that it found") {
  TempDir folder;
  const std::string tape = make_tape(folder.file("run.ktape")).path;
  make_analyzer(folder.file("ktape-assert-a-fails"),
                "printf 'KTAP version 1\\n1..1\\n# violated, seq 3: first\\n# violated, seq 4: "
                "second\\n# and 5 is fine\\nnot ok 1 x\\n'; exit 1");
  make_analyzer(
      folder.file("ktape-assert-b-open"),
      "printf 'KTAP version 1\\n1..1\\nok 1 x # SKIP inconclusive: no clock\\n'; exit 77");
  make_analyzer(folder.file("ktape-assert-c-crash"), "echo half a line; kill -SEGV $$");
  make_analyzer(folder.file("ktape-assert-d-inner"),
                "printf 'KTAP version 1\\n1..2\\nok 1 y\\nnot ok 2 z\\n'; exit 1");
  const TerminalRun run = on_terminal("ktape-check", {tape, "--analyzers", folder.path(), "--only",
                                                      "[abcd]-*", "--only", "run-completed"});
  CHECK(run.exit_status == 4);
  CHECK_THAT(run.output, ContainsSubstring("inconclusive  b-open         no clock\n"
                                           "ERROR         c-crash        killed by signal "
                                           "11 (Segmentation fault)\n"
                                           "              half a line\n"
                                           "VIOLATED      a-fails        seq 3: first\n"
                                           "              violated, seq 4: second\n"
                                           "              and 5 is fine\n"
                                           "VIOLATED      d-inner        not ok 2 z\n"
                                           "\n1 of 5 assertions passed; violated: "));
  CHECK(run.output.find("pass          run-completed") < run.output.find("b-open"));
}

TEST_CASE("an assertion that is required and could not judge is shown with why") {
  TempDir folder;
  const TerminalRun run = on_terminal("ktape-check", {make_tape(folder.file("run.ktape")).path,
                                                      "--only", "value", "--require", "value"});
  CHECK(run.exit_status == 1);
  CHECK_THAT(run.output,
             ContainsSubstring("VIOLATED      value  required, but not asked: it needs --tag"));
}

TEST_CASE("of several tapes each has a heading, and one that is altered says why") {
  TempDir folder;
  const std::string good = make_tape(folder.file("a.ktape")).path;
  const std::string altered = make_tape(folder.file("b.ktape")).path;
  damage(altered, "verify_jiffies_64");
  const TerminalRun run =
      on_terminal("ktape-check", {good, altered, "--only", "run-completed", "--only", "value"});
  CHECK(run.exit_status == 3);
  CHECK_THAT(run.output, ContainsSubstring(good + ": intact, losses: none\nhead "));
  CHECK_THAT(run.output,
             ContainsSubstring("\n\n" + altered + ": altered\nERROR         verify  the tape is"));
  CHECK_THAT(run.output, ContainsSubstring("b.ktape' is altered: "));  // on standard error
}

TEST_CASE("verdicts, records and differences have colours on a terminal, and none in a pipe") {
  TempDir folder;
  const std::string tape = make_tape(folder.file("run.ktape")).path;
  const std::map<std::string, std::vector<std::string>> calls = {
      {"ktape-check", {tape}}, {"ktape-show", {tape}}, {"ktape-diff", {tape, tape}}};
  for (const auto& [name, arguments] : calls) {
    INFO(name);
    const auto with = [&, words = arguments](const std::string& when) {
      std::vector<std::string> all = words;
      all.insert(all.end(), {"--color", when});
      return all;
    };
    const std::string plain = on_terminal(name, with("never")).output;
    const std::string colored = on_terminal(name, arguments, {{"PAGER", "cat"}}).output;
    CHECK_FALSE(has_escapes(plain));
    CHECK(has_escapes(colored));
    CHECK(without_colors(colored) == plain);
    CHECK_FALSE(has_escapes(run_program(name, arguments).output));
    for (const std::map<std::string, std::string>& environment :
         {std::map<std::string, std::string>{{"PAGER", "cat"}, {"NO_COLOR", "1"}},
          std::map<std::string, std::string>{{"TERM", "dumb"}}}) {
      CHECK_FALSE(has_escapes(on_terminal(name, arguments, environment).output));
    }
    CHECK(has_escapes(on_terminal(name, arguments, {{"PAGER", "cat"}, {"NO_COLOR", ""}}).output));
    CHECK(on_terminal(name, with("always"), {{"TERM", "dumb"}, {"NO_COLOR", "1"}}).output ==
          colored);
  }
  CHECK(has_escapes(run_program("ktape-show", {tape, "--color", "always"}).output));
}

TEST_CASE("a hostile tape writes nothing to the terminal but text") {
  TempDir folder;
  const std::string tape = make_hostile_tape(folder.file("run.ktape"));
  const std::string other = make_tape(folder.file("other.ktape")).path;
  make_analyzer(
      folder.file("ktape-assert-evil"),
      "printf 'KTAP version 1\\n1..1\\n# violated, \\033[2J\\n# \\033]0;x\\007\\nnot ok 1 "
      "\\033c\\n'; printf '\\033[2J' >&2; exit 1");
  const std::vector<std::pair<std::string, std::vector<std::string>>> calls = {
      {"ktape-check", {tape, "--analyzers", folder.path()}},
      {"ktape-show", {tape, "--console"}},
      {"ktape-show", {tape, "--console", "--from", "1"}},
      {"ktape-diff", {tape, other, "--all"}},
      {"ktape-info", {tape}},
      {"ktape-report", {tape}},
  };
  for (const auto& [name, arguments] : calls) {
    const std::string text = on_terminal(name, arguments, {{"PAGER", "cat"}}).output;
    INFO(name << ": " << text);
    CHECK_THAT(text, ContainsSubstring("\\x1b[2J"));
    const std::string plain = without_colors(text);
    CHECK_FALSE(has_escapes(plain));
    CHECK(plain.find('\x07') == std::string::npos);
    CHECK(plain.find('\r') == std::string::npos);
    CHECK(plain.find("\u202e") == std::string::npos);
  }
}

TEST_CASE("the user's pager gets the output of a terminal") {
  TempDir folder;
  const std::string tape = make_tape(folder.file("run.ktape")).path;
  const std::string seen = folder.file("seen");
  const std::string pager = make_pager(folder, "cat >'" + seen + "'; echo $LESS >>'" + seen + "'");
  const std::map<std::string, std::vector<std::string>> calls = {
      {"ktape-check", {tape, "--color", "never"}},
      {"ktape-diff", {tape, tape, "--color", "never"}},
      {"ktape-info", {tape}},
      {"ktape-read", {tape}},
      {"ktape-replay", {tape, "--state-at", "3"}},
      {"ktape-report", {tape}},
      {"ktape-show", {tape, "--color", "never"}}};
  for (const auto& [name, arguments] : calls) {
    INFO(name);
    const TerminalRun direct = on_terminal(name, arguments);
    CHECK_FALSE(direct.output.empty());
    const TerminalRun paged =
        on_terminal(name, arguments, {{"KTAPE_PAGER", pager}, {"PAGER", "false"}});
    CHECK(paged.output.empty());
    CHECK(text_of(seen) == direct.output + "FRX\n");
    CHECK(paged.exit_status == direct.exit_status);

    std::filesystem::remove(seen);
    std::vector<std::string> no_pager = arguments;
    no_pager.emplace_back("--no-pager");
    CHECK(on_terminal(name, no_pager, {{"PAGER", pager}}).output == direct.output);
    CHECK_FALSE(std::filesystem::exists(seen));
  }
  (void)on_terminal("ktape-info", {tape}, {{"PAGER", pager}, {"LESS", "S"}});
  CHECK_THAT(text_of(seen), Catch::Matchers::EndsWith("\nS\n"));
}

TEST_CASE("a help that is longer than the terminal is paged") {
  TempDir folder;
  const std::string seen = folder.file("seen");
  TerminalSetting setting;
  setting.environment = {{"PAGER", make_pager(folder, "cat >'" + seen + "'")}};
  for (const char* name : {"ktape", "ktape-show"}) {
    INFO(name);
    setting.rows = 10;
    CHECK(run_on_terminal(std::string(KTAPE_BIN "/") + name, {"--help"}, setting).output.empty());
    CHECK(text_of(seen) == run_program(name, {"--help"}).output);
    std::filesystem::remove(seen);
    setting.rows = 200;
    const TerminalRun run = run_on_terminal(std::string(KTAPE_BIN "/") + name, {"--help"}, setting);
    CHECK(run.output == run_program(name, {"--help"}).output);
    CHECK_FALSE(std::filesystem::exists(seen));
  }
}

TEST_CASE("there is no pager in a pipe, on a dumb terminal, or before an error") {
  TempDir folder;
  const std::string tape = make_tape(folder.file("run.ktape")).path;
  const std::string pager = make_pager(folder, "touch '" + folder.file("seen") + "'");
  ::setenv("KTAPE_PAGER", pager.c_str(), 1);
  CHECK(run_program("ktape-info", {tape}).exit_status == 0);
  ::unsetenv("KTAPE_PAGER");
  const TerminalRun dumb =
      on_terminal("ktape-info", {tape}, {{"KTAPE_PAGER", pager}, {"TERM", "dumb"}});
  CHECK_THAT(dumb.output, StartsWith("tape "));
  const TerminalRun error =
      on_terminal("ktape-info", {folder.file("none.ktape")}, {{"KTAPE_PAGER", pager}});
  CHECK(error.exit_status == 3);
  CHECK_THAT(error.output, StartsWith("ktape info: cannot open "));
  CHECK_FALSE(std::filesystem::exists(folder.file("seen")));
}

TEST_CASE("a pager that cannot be run leaves the output where it is, and is named") {
  TempDir folder;
  const std::string tape = make_tape(folder.file("run.ktape")).path;
  const std::string direct = on_terminal("ktape-info", {tape}).output;
  const TerminalRun run = on_terminal("ktape-info", {tape}, {{"PAGER", "no-such-pager -x"}});
  CHECK(run.exit_status == 0);
  CHECK(run.output ==
        "ktape: no pager: cannot run 'no-such-pager': No such file or directory\n" + direct);
  // The usual one is not missed.
  CHECK(on_terminal("ktape-info", {tape}, {{"PATH", folder.path()}}).output == direct);
}

TEST_CASE("a pager that is left early is no error, and the verdict is the exit status") {
  TempDir folder;
  const std::string path = folder.file("run.ktape");
  {
    TapeBuilder builder(path);
    record_sample_run(builder);
    for (int i = 0; i < 20'000; ++i) builder.step_started(1, "one of many");
    builder.seal(schema::Outcome::SCENARIO_FAILED, 1);
  }
  const std::map<std::string, std::string> left = {{"PAGER", "head -1"}};
  const TerminalRun show = on_terminal("ktape-show", {path, "--color", "never"}, left);
  CHECK(show.exit_status == 0);
  CHECK_THAT(show.output, StartsWith("tape "));
  CHECK(show.output.find('\n') == show.output.size() - 1);
  const TerminalRun check = on_terminal("ktape-check", {path, "--only", "run-completed"}, left);
  CHECK(check.exit_status == 1);
  CHECK(on_terminal("ktape-show", {path, "--from", "1"}, {{"PAGER", "sh -c 'exec true'"}})
            .exit_status == 0);
}

TEST_CASE("a shell runs a pager that needs one") {
  TempDir folder;
  const std::string tape = make_tape(folder.file("run.ktape")).path;
  CHECK(on_terminal("ktape-info", {tape}, {{"PAGER", "wc -l | tr -d '\\n'"}}).output ==
        std::to_string(std::ranges::count(run_program("ktape-info", {tape}).output, '\n')));
  CHECK(on_terminal("ktape-info", {tape}, {{"PAGER", "SEEN=5 sh -c 'echo $SEEN'"}}).output ==
        "5\n");
}

TEST_CASE("when ktape is interrupted it ends after its pager") {
  TempDir folder;
  const std::string tape = make_tape(folder.file("run.ktape")).path;
  const TerminalRun run =
      on_terminal("ktape-info", {tape},
                  {{"PAGER", make_pager(folder,
                                        "kill -INT $PPID; cat >/dev/null; sleep "
                                        "0.2; echo the pager has ended")}});
  CHECK(run.output == "the pager has ended\n");
  CHECK(run.exit_status == -1);
}

}  // namespace ktape::test
