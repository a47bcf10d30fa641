// SPDX-License-Identifier: Apache-2.0
#include "replay/report/report_html.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>

#include "replay/report/report_spans.h"
#include "replay/text/html.h"
#include "schema/wire/data.h"
#include "tests/replay/programs.h"
#include "tests/replay/report/hostile_run.h"
#include "tests/support/must.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

// The page of a tape, with one verdict beside it.
std::string page_of(const std::string& path, const std::string& label = "an-assertion") {
  auto tape = must(TapeReader::open(path));
  AssertionVerdict verdict;
  verdict.result.kind = CheckResult::Kind::kViolated;
  verdict.result.reason = "<b>why</b>";
  verdict.findings = {"record 5 </script>"};
  return must(report_html(*tape, must(inspect_readable(path)), {{label, verdict}}));
}

// Reads a page as a browser would, with Python's own parser, and prints its relevant parts.
constexpr char kReader[] = R"(
import base64, hashlib, html.parser, json, re, sys
text = open(sys.argv[1], encoding="utf-8", errors="strict").read()

class Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.events, self.policy, self.raw, self.inside = {}, [], "", [], None
    def handle_starttag(self, tag, attributes):
        self.tags[tag] = self.tags.get(tag, 0) + 1
        names = [name for name, _ in attributes]
        self.events += [name for name in names if name.startswith("on") or name in ("src", "style")]
        attributes = dict(attributes)
        if attributes.get("http-equiv") == "Content-Security-Policy":
            self.policy = attributes["content"]
        if tag in ("script", "style"):
            self.inside = [tag, attributes.get("type"), ""]
    def handle_data(self, data):
        if self.inside: self.inside[2] += data
    def handle_endtag(self, tag):
        if self.inside and tag == self.inside[0]:
            self.raw.append(self.inside)
            self.inside = None

page = Reader()
page.feed(text)
page.close()
def digest(content):
    return "'sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() + "'"
scripts = [content for tag, kind, content in page.raw if tag == "script" and kind is None]
styles = [content for tag, kind, content in page.raw if tag == "style"]
data = [json.loads(content) for tag, kind, content in page.raw if kind == "application/json"]
rules = dict(rule.strip().split(" ", 1) for rule in page.policy.split(";"))
print("scripts", len(scripts), "styles", len(styles), "data", len(data))
print("script allowed", rules["script-src"] == digest(scripts[0]))
print("style allowed", rules["style-src"] == digest(styles[0]))
print("else", rules["default-src"])
print("img", page.tags.get("img", 0), "events", page.events)
print("network", re.findall(r"(?i)https?:|url\s*\(|@import|import\s*\(", text))
print("lanes", [lane["name"] for lane in data[0]["lanes"] if lane["items"]])
)";

std::string read_page(const TempDir& folder, const std::string& html) {
  std::ofstream(folder.file("page.html"), std::ios::binary) << html;
  return python(kReader, {folder.file("page.html")});
}

}  // namespace

TEST_CASE("nothing on a hostile tape becomes markup, script or a link in its page") {
  TempDir folder;
  std::string html = page_of(make_hostile_tape(folder.file("run.ktape")), "<i>label</i>");
  CHECK(read_page(folder, html) ==
        "scripts 1 styles 1 data 1\n"
        "script allowed True\n"
        "style allowed True\n"
        "else 'none'\n"
        "img 0 events []\n"
        "network []\n"
        "lanes ['schedulers', 'workers', 'steps', 'requests', 'freezes', 'incidents']\n");
  CHECK_THAT(html, !ContainsSubstring("<script>alert") && !ContainsSubstring("<img") &&
                       !ContainsSubstring("<b>why"));
  CHECK_THAT(html, ContainsSubstring("&lt;b&gt;why&lt;/b&gt;") &&
                       ContainsSubstring("&lt;i&gt;label&lt;/i&gt;"));
  CHECK_THAT(html, ContainsSubstring(
                       "&lt;script&gt;alert(3)&lt;/script&gt;\\xff\\xfe\\x1b[2J\n&lt;/pre&gt;"));
}

TEST_CASE("a page's tables have what the tape has, without a script") {
  TempDir folder;
  SealedTape tape = make_tape(folder.file("run.ktape"));
  std::string html = page_of(tape.path);
  CHECK_THAT(html, ContainsSubstring("<td class=\"mono short\">2592000000000000</td>"));
  CHECK_THAT(html, ContainsSubstring("11 of 12") &&
                       ContainsSubstring("gate 4, off runqueue: failed, on_rq 1, on_cpu 0"));
  CHECK_THAT(html, ContainsSubstring("kernel in default_idle+0xf") &&
                       ContainsSubstring("ktape-agent (1)"));
  CHECK_THAT(html, ContainsSubstring("unregistered from user space") &&
                       ContainsSubstring("Linux version 6.16.12"));
  CHECK_THAT(html, ContainsSubstring("scx.dsq_vtime</td><td class=\"number\">848</td>"));
  CHECK_THAT(html,
             ContainsSubstring("violated</span>") && ContainsSubstring("record 5 &lt;/script&gt;"));
  CHECK_THAT(html,
             ContainsSubstring(to_hex(tape.head)) && ContainsSubstring("completed, exit code 0"));
}

TEST_CASE("a page of a huge tape stays small and says what is left out") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started();
  for (int i = 0; i < 2'100; ++i)
    builder.op({{.tag = "t", .target = symbol_target("jiffies_64"), .value = 1}});
  for (int i = 0; i < 400; ++i) {
    builder.add([&](schema::Record::Builder record) {
      auto text = record.initConsole().initText(1024);
      std::fill(text.begin(), text.end(), 'x');
      text[1023] = '\n';
    });
  }
  std::string html = page_of(builder.seal().path);
  CHECK(html.size() < size_t{4} << 20);
  CHECK_THAT(html, ContainsSubstring(">100 rows more left out."));
  CHECK_THAT(
      html, ContainsSubstring("Left out of this page: 100 freezes, 100 requests on the timeline."));
  CHECK_THAT(html, ContainsSubstring(">1800 freezes more left out."));
  CHECK_THAT(html, ContainsSubstring("bytes left out]"));
}

TEST_CASE("a page has the freeze with a cause, whatever froze before it") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started();
  for (uint64_t freeze = 1; freeze <= 2'101; ++freeze) {
    const bool last = freeze == 2'101;
    builder.add([&](schema::Record::Builder record) {
      auto began = record.initFreezeBegan();
      began.setFreeze(freeze);
      began.setCause(last ? schema::FreezeCause::TRIGGER : schema::FreezeCause::PERIODIC);
      began.setTrigger(last ? "scx-error" : "");
    });
    builder.add([&](schema::Record::Builder record) {
      auto frozen = record.initFrozen();
      frozen.setFreeze(freeze);
      auto vcpu = frozen.initVcpus(1)[0];
      vcpu.setKnown(true);
      vcpu.setKernelStateKnown(true);
      vcpu.setCurrentPid(124);
      vcpu.setCurrentComm(as_data(std::string_view("rthog")));
      vcpu.setCurrentPolicy(1);
      vcpu.setCurrentRtPriority(99);
      vcpu.setCurrentClass("rt_sched_class");
    });
  }
  const std::string html = page_of(builder.seal().path);
  CHECK_THAT(
      html,
      ContainsSubstring(
          "<h3>Freeze 2101 <span class=\"soft\">for trigger &#39;scx-error&#39;</span></h3>"));
  CHECK_THAT(html, ContainsSubstring("rthog (124)</td><td class=\"short\">fifo 99</td>"));
  CHECK_THAT(html, ContainsSubstring(">1801 freezes more left out."));
}

TEST_CASE("a page says how many points its charts leave out") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started();
  for (int i = 0; i < 10'010; ++i)
    builder.op({{.tag = "t", .target = symbol_target("jiffies_64"), .value = 1}});
  CHECK_THAT(page_of(builder.seal().path), ContainsSubstring("10 points of the charts"));
}

TEST_CASE("JSON in a page cannot end its script element") {
  CHECK(html_json(R"({"a":"</script><!--&"})") == R"({"a":"\u003c/script\u003e\u003c!--\u0026"})");
  CHECK(html_text("<a href=\"x\" title='y'>&") ==
        "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;");
}

TEST_CASE("workers whose names differ beyond what is shown of them have spans of their own") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.run_started();
  const std::string same(500, 'x');
  for (const char* last : {"a", "b"}) builder.worker_started(same + last, 147, 1);
  builder.add([&](schema::Record::Builder record) {
    auto report = record.initWorkerReport();
    report.setName(same + "a");
    report.setEvent(schema::WorkerEvent::EXITED);
  });
  auto tape = must(TapeReader::open(builder.seal().path));
  const std::vector<Span> workers = must(gather_report_spans(*tape)).workers;
  REQUIRE(workers.size() == 2);
  CHECK_THAT(workers[0].text, ContainsSubstring(", exited with 0"));
  CHECK_THAT(workers[1].text, !ContainsSubstring("exited"));
}

}  // namespace ktape::test
