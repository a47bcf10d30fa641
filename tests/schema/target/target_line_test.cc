// SPDX-License-Identifier: Apache-2.0
#include "schema/target/target_line.h"

#include <capnp/message.h>

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "schema/target/target_path.h"

using namespace ktape;
using schema::ValueKind;

namespace {

// A line, parsed.
class Line {
 public:
  explicit Line(std::string_view text) {
    const auto parsed = parse_target_line(text, message_.initRoot<schema::OpEntry>());
    INFO((parsed.ok() ? "" : parsed.error().message));
    REQUIRE(parsed.ok());
  }
  schema::OpEntry::Reader entry() { return message_.getRoot<schema::OpEntry>().asReader(); }
  schema::Target::Reader target() { return entry().getTarget(); }
  std::string text() { return target_text(target()); }

 private:
  capnp::MallocMessageBuilder message_;
};

std::string error_of(std::string_view text) {
  capnp::MallocMessageBuilder message;
  const auto parsed = parse_target_line(text, message.initRoot<schema::OpEntry>());
  REQUIRE_FALSE(parsed.ok());
  CHECK(parsed.error().code == ErrorCode::kUsage);
  return parsed.error().message;
}

}  // namespace

TEST_CASE("a symbol is named with its width") {
  Line line("jiffies_64:u64");
  CHECK(std::string(line.target().getSymbol()) == "jiffies_64");
  CHECK(line.entry().getRead() == ValueKind::U64);
  CHECK(Line("jiffies_64:bytes(16)").entry().getLength() == 16);
  CHECK(Line("jiffies_64").entry().getRead() == ValueKind::AUTO);
}

TEST_CASE("a target that was wrapped is read as if it were not") {
  const char* wrapped =
      "cpu1:runqueues.scx.runnable_list{list struct task_struct\n"
      "      scx.runnable_node 100}.pid";
  CHECK(Line(wrapped).text() ==
        Line("cpu1:runqueues.scx.runnable_list{list struct task_struct scx.runnable_node 100}.pid")
            .text());
}

TEST_CASE("a CPU's instance of a per-CPU variable is named with the CPU in front") {
  Line line("cpu12:runqueues.scx.nr_running:u32");
  CHECK(line.text() == "runqueues[cpu 12].scx.nr_running");
  CHECK(line.entry().getRead() == ValueKind::U32);
  CHECK(Line("cpu0:runqueues:whole").entry().getRead() == ValueKind::WHOLE);
}

TEST_CASE("a symbol named like a CPU is a symbol") {
  CHECK(std::string(Line("cpu0:u64").target().getSymbol()) == "cpu0");
  CHECK(std::string(Line("cpu0").target().getSymbol()) == "cpu0");
}

TEST_CASE("a task is named by worker, by pid, and by pid and start time") {
  Line worker("task:sleeper.scx.dsq_vtime");
  CHECK(std::string(worker.target().getTask().getWorker()) == "sleeper");
  CHECK(std::string(worker.target().getPath()) == "scx.dsq_vtime");
  Line pid("task:147.comm");
  CHECK(pid.target().getTask().getPid() == 147);
  CHECK(pid.target().getTask().getStartBoottimeNs() == 0);
  CHECK(Line("task:147@5230000000.comm").target().getTask().getStartBoottimeNs() == 5'230'000'000);
  CHECK(std::string(Line("task:'7 of: 9'.comm").target().getTask().getWorker()) == "7 of: 9");
  CHECK(std::string(Line("task:'it''s'.comm").target().getTask().getWorker()) == "it's");
  CHECK(std::string(Line("task:rt-hog.comm").target().getTask().getWorker()) == "rt-hog");
  CHECK(std::string(Line("task:hog->pid").target().getTask().getWorker()) == "hog");
  CHECK(Line("task:pid=147.comm").target().getTask().getPid() == 147);
  CHECK(std::string(Line("task:'147'.comm").target().getTask().getWorker()) == "147");
}

TEST_CASE("an address is untyped, or has its type in front") {
  Line bytes("0xffff888012345680:bytes(16)");
  CHECK(bytes.target().getVirtual().getAddress() == 0xffff888012345680);
  CHECK(bytes.target().getVirtual().getType().size() == 0);
  Line typed("(struct rq)0xffff888012345680.curr->pid");
  CHECK(std::string(typed.target().getVirtual().getType()) == "struct rq");
  CHECK(std::string(typed.target().getPath()) == "curr->pid");
}

TEST_CASE("a symbol with a type in front is an address that is looked up later") {
  capnp::MallocMessageBuilder message;
  auto entry = message.initRoot<schema::OpEntry>();
  const auto symbol = parse_target_line("(struct task_struct)init_task.comm", entry);
  REQUIRE(symbol.ok());
  CHECK(*symbol == "init_task");
  CHECK(std::string(entry.asReader().getTarget().getVirtual().getType()) == "struct task_struct");
  CHECK(std::string(entry.asReader().getTarget().getPath()) == "comm");
}

TEST_CASE("a pointer at a symbol is cast and followed as in C, with and without parentheses") {
  for (const char* text : {"((struct scx_sched *)scx_root)->exit_info->kind",
                           "(struct scx_sched *)scx_root->exit_info->kind",
                           "(( struct scx_sched* )'scx_root')->exit_info->kind:u32"}) {
    capnp::MallocMessageBuilder message;
    auto entry = message.initRoot<schema::OpEntry>();
    const auto symbol = parse_target_line(text, entry);
    REQUIRE(symbol.ok());
    CHECK(*symbol == "scx_root");
    const auto target = entry.asReader().getTarget();
    CHECK(std::string(target.getVirtual().getType()) == "struct scx_sched *");
    CHECK(std::string(target.getPath()) == "->exit_info->kind");
  }
}

TEST_CASE("a number that is cast to a pointer is the address of the object, as in C") {
  for (const char* text : {"((struct rq *)0xffff888012345680)->curr->pid",
                           "(struct rq *)0xffff888012345680->curr->pid"}) {
    Line line(text);
    CHECK(line.target().getVirtual().getAddress() == 0xffff888012345680);
    CHECK(line.text() == "(struct rq)0xffff888012345680.curr->pid");
  }
}

TEST_CASE("a path has the steps that scenarios have, lists included") {
  Line line(
      "cpu1:runqueues.scx.runnable_list{list struct task_struct scx.runnable_node 100}.pid:u32");
  CHECK(line.target().getSteps().size() == 4);
  CHECK(line.entry().getRead() == ValueKind::U32);
}

TEST_CASE("a target is accepted in the form in which it is shown") {
  for (const char* text :
       {"jiffies_64", "runqueues[cpu 0].nr_running", "task 'sleeper' scx.dsq->id",
        "task 'a worker'", "task 147 scx.dsq_vtime", "(struct rq)0xffff888012345680.cpu",
        "0xffff888012345680", "runqueues[cpu 3].cpu_mask[2]"}) {
    CHECK(Line(text).text() == text);
  }
}

TEST_CASE(
    "a type in place of a symbol, an offset and half a list are answered with the correct form") {
  const auto error = [](std::string_view text) {
    capnp::MallocMessageBuilder message;
    return parse_target_line(text, message.initRoot<schema::OpEntry>()).error();
  };
  for (const char* text : {"struct rq", "'struct rq':whole"}) {
    CHECK(error(text).message.ends_with(
        "expected a symbol, 'cpuN:', 'task:' or an address, not a type"));
    CHECK(
        error(text).hint.starts_with("write '(struct rq)0xffff...' for the object at an address"));
  }
  CHECK(error("cpu0:runqueues+8").hint == "use member names: offsets differ between kernels");
  CHECK(error("cpu0:runqueues.scx.runnable_list{list}")
            .hint.starts_with("e.g. '{list struct task_struct scx.runnable_node 100}'"));
}

TEST_CASE("a mistake is reported with its column and what was expected") {
  CHECK(error_of("") ==
        "target '': column 1: got the end, expected a symbol, 'cpuN:', 'task:' or an address");
  CHECK(error_of("jiffies_64:u46") ==
        "target 'jiffies_64:u46': column 12: got 'u', expected u8, u16, u32, u64, bytes(N), whole "
        "or auto");
  CHECK(error_of("cpu0:.nr") ==
        "target 'cpu0:.nr': column 6: got '.', expected a per-CPU variable");
  CHECK(error_of("runqueues[cpu x]") ==
        "target 'runqueues[cpu x]': column 15: got 'x', expected a CPU's number");
  CHECK(error_of("task:.comm") ==
        "target 'task:.comm': column 6: got '.', expected a worker's name or a pid");
  CHECK(error_of("task:0") ==
        "target 'task:0': column 6: got '0', expected a pid from 1 to 2147483647");
  CHECK(error_of("task:147@0.comm") ==
        "target 'task:147@0.comm': column 10: got '0', expected a start time in ns, above 0");
  CHECK(error_of("(struct rq)") ==
        "target '(struct rq)': column 12: got the end, expected an address or a symbol");
  CHECK(error_of("()jiffies_64") ==
        "target '()jiffies_64': column 2: got ')', expected a type in parentheses");
  CHECK(error_of("((struct rq *)scx_root->x") ==
        "target '((struct rq *)scx_root->x': column 23: got '-', expected ')'");
  CHECK(error_of("((struct rq **)scx_root)->x") ==
        "target '((struct rq **)scx_root)->x': column 13: got '*', expected a type with one '*' at "
        "most");
  CHECK(error_of("((*)scx_root)->x") ==
        "target '((*)scx_root)->x': column 3: got '*', expected a type in parentheses");
  CHECK(error_of("((struct rq *)0x10).x") ==
        "target '((struct rq *)0x10).x': column 20: got '.', expected '->'");
  CHECK(error_of("((struct rq *)0x10)->") ==
        "target '((struct rq *)0x10)->': column 22: got the end, expected a member's name");
  CHECK(error_of("((struct rq *)0x10)->->x") ==
        "target '((struct rq *)0x10)->->x': column 22: got '-', expected a member's name");
  CHECK(error_of("((struct rq") ==
        "target '((struct rq': column 3: got 's', expected a type in parentheses");
  CHECK(error_of("jiffies_64:bytes(0)") ==
        "target 'jiffies_64:bytes(0)': got 0 bytes, expected 1 to 65536");
  CHECK(error_of("jiffies_64:bytes(99999999999)") ==
        "target 'jiffies_64:bytes(99999999999)': got 99999999999 bytes, expected 1 to 65536");
  CHECK(error_of("jiffies_64:bytes(8") ==
        "target 'jiffies_64:bytes(8': column 19: got the end, expected ')' and the end after "
        "'bytes(N'");
  CHECK(error_of("task:'x") ==
        "target 'task:'x': column 7: got 'x', expected a name and its closing quote");
  CHECK(error_of("a b") == "target 'a b': column 2: got ' ', expected '.', '->', '[', '{' or ':'");
  CHECK(error_of("cpu0:runqueues.") ==
        "target 'cpu0:runqueues.': column 16: got the end, expected a member's name");
}

TEST_CASE("a NUL in a target is a mistake, since a name would end there") {
  CHECK(error_of(std::string_view("task:a\0b", 8)) ==
        "target 'task:a\\x00b': column 7: got a NUL, expected text");
  CHECK(error_of(std::string_view("jiffies_64:u64\0", 15)).ends_with("got a NUL, expected text"));
}
