// SPDX-License-Identifier: Apache-2.0
// The op matrix: every kind of target with every kind of value, good and bad, on the recorded
// memory of three real kernels. The results are in op_matrix-VERSION.txt: under each target, the
// status, and the value or the reason. A change of the engine that changes a line shows here.
#include <capnp/message.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <fstream>
#include <map>

#include "guest/kernel/ops/op_executor.h"
#include "guest/kernel/ops/op_records.h"
#include "replay/text/record_text.h"
#include "schema/base/digest.h"
#include "schema/base/file.h"
#include "schema/base/text.h"
#include "schema/target/target_line.h"
#include "tests/golden/recorded_kernel.h"
#include "tests/support/agreed_text.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

// {curr} means the address of CPU 0's running task, {scx} that of the root scheduler.
constexpr std::array kTargets = {
    // symbols
    "jiffies_64",
    "jiffies_64.low",
    "jifies_64",
    "runqueues",
    // per-CPU variables
    "cpu0:runqueues",
    "cpu0:runqueues.nr_running",
    "cpu1:runqueues.scx.nr_running",
    "cpu0:runqueues.curr",
    "cpu0:runqueues.curr->pid",
    "cpu0:runqueues.curr->comm",
    "cpu0:runqueues.curr.pid",
    "cpu0:runqueues.curr[0].on_cpu",
    "cpu0:runqueues.__lock.raw_lock.val.counter",
    "cpu0:runqueues.__lock.raw_lock.locked",
    "cpu0:runqueues.__lock.raw_lock.locked_pending",
    "cpu0:runqueues.scx.local_dsq.list{list struct task_struct scx.dsq_list.node 8}.pid",
    "cpu0:runqueues.nr_runing",
    "cpu0:runqueues.nr_running->pid",
    "cpu9:runqueues.nr_running",
    "cpu0:jiffies_64",
    "cpu0:__preempt_count",
    // tasks
    "task:sleeper",
    "task:sleeper.pid",
    "task:sleeper.comm",
    "task:sleeper.comm[0]",
    "task:sleeper.comm[16]",
    "task:sleeper.on_rq",
    "task:sleeper.__state",
    "task:sleeper.scx",
    "task:sleeper.scx.dsq_vtime",
    "task:sleeper.scx.dsq_vtim",
    "task:sleeper.scx.runnable_node.next",
    "task:sleeper.scx.dsq->id",
    "task:sleeper.sched_class",
    "task:sleeper.sched_class->enqueue_task",
    "task:sleeper.cpus_mask.bits[0]",
    "task:sleeper.parent->pid",
    "task:sleeper.sched_reset_on_fork",
    "task:sleeper.no_such_member",
    "task:sleeper.children{list struct task_struct sibling 16}.pid",
    "task:sleeper.children{list struct task_struct siblings 16}.pid",
    "task:sleeper.pid{list struct task_struct sibling 16}.pid",
    "task:sleeper.real_parent->children{list struct task_struct sibling 64}.pid",
    "task:sleeper.real_parent->children{list struct task_struct sibling 1}.pid",
    "task:sleeper.tasks{list struct task_struct tasks 500}.pid",
    "task:sleeper.tasks{list struct task_struct tasks 3}.pid",
    "task:sleeper.pid{cpu 0}",
    "task:sleeper.scx.sched->pcpu{cpu 0}.event_stats.SCX_EV_BYPASS_ACTIVATE",
    "task:sleeper.scx.sched->pcpu{cpu 9}.event_stats.SCX_EV_BYPASS_ACTIVATE",
    "task:2147483647@10000000.pid",
    "task:sleeper@10000000.pid",
    // addresses
    "(struct task_struct){curr}.pid",
    "(struct task_struct){curr}.scx.flags",
    "(struct task_strict){curr}.pid",
    "(struct scx_sched){scx}.event_stats_cpu{cpu 0}.SCX_EV_BYPASS_ACTIVATE",
    "(struct scx_sched){scx}.event_stats_cpu{cpu 9}.SCX_EV_BYPASS_ACTIVATE",
    "(struct scx_sched){scx}.pcpu{cpu 1}.event_stats.SCX_EV_BYPASS_ACTIVATE",
    "(struct scx_sched){scx}.pcpu{cpu 9}.event_stats.SCX_EV_BYPASS_ACTIVATE",
    "(struct scx_sched){scx}.global_dsqs[0]->nr",
    "(struct scx_sched){scx}.pnode[0]->global_dsq.nr",
    "{curr}",
    "{curr}.pid",
    "0x1000",
    "0xffffffffffffffff",
    "(struct rq)0x7fffdeadbee0.nr_running",
};

constexpr std::array kReads = {"auto", "u8",       "u16",         "u32",
                               "u64",  "bytes(8)", "bytes(5000)", "whole"};
constexpr std::array kHotReads = {"auto", "u64", "bytes(3)"};

struct Store {
  const char* name;
  WriteKind kind;
  schema::ValueKind value;
  size_t bytes;
};
constexpr std::array kStores = {
    Store{"write u8", WriteKind::kStore, schema::ValueKind::U8, 1},
    Store{"write u16", WriteKind::kStore, schema::ValueKind::U16, 2},
    Store{"write u32", WriteKind::kStore, schema::ValueKind::U32, 4},
    Store{"write u64", WriteKind::kStore, schema::ValueKind::U64, 8},
    Store{"write bytes(2)", WriteKind::kStore, schema::ValueKind::BYTES, 2},
    Store{"set u32", WriteKind::kSetBits, schema::ValueKind::U32, 4},
    Store{"clear u64", WriteKind::kClearBits, schema::ValueKind::U64, 8},
};

class Matrix {
 public:
  explicit Matrix(const std::string& version)
      : recorded_("kernel-" + version + ".ktape"), executor_(recorded_.kernel()) {
    stands_for_["{curr}"] = address_in("cpu0:runqueues.curr", "");
    stands_for_["{scx}"] = address_in("scx_root", "u64");
  }

  std::string text() {
    std::string text;
    for (const char* target : kTargets) {
      Block block;
      for (const char* kind : kReads) add(block, fmt::format("read {}", kind), read(target, kind));
      for (const Store& store : kStores) add(block, store.name, write(target, store));
      for (const char* kind : kHotReads) add(block, fmt::format("hot {}", kind), hot(target, kind));
      text += fmt::format("\n{}\n", target);
      for (const auto& [result, asked] : block)
        text += fmt::format("  {}: {}\n", fmt::join(asked, ", "), result);
    }
    return text;
  }

 private:
  std::string address_in(const std::string& target, const std::string& kind) {
    return fmt::format("{:#x}",
                       number_of(executor_.read(recorded_.memory(), {op_of(target, kind)}).at(0)));
  }

  static void replace(std::string& text, const std::string& from, const std::string& to) {
    for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
      text.replace(at, from.size(), to);
    }
  }

  Op op_of(std::string target, const std::string& kind) {
    for (const auto& [name, address] : stands_for_) replace(target, name, address);
    // A task of another start time, by the worker's pid.
    const std::string worker = "task:sleeper@";
    if (target.starts_with(worker))
      target.replace(5, 7, fmt::format("{}", recorded_.sleeper().pid.value));
    capnp::MallocMessageBuilder message;
    auto entry = message.initRoot<schema::OpEntry>();
    must(parse_target_line(kind.empty() ? target : target + ":" + kind, entry));
    Op op = must(read_op(entry.asReader(), schema::OpMode::COLD));
    auto* task = std::get_if<TaskRoot>(&op.target.root);
    if (task != nullptr && !task->worker.empty()) *task = recorded_.sleeper();
    return op;
  }

  OpResult read(const std::string& target, const std::string& kind) {
    const Result<Op> op = attempt(target, kind);
    return op.ok() ? executor_.read(recorded_.memory(), {*op}).at(0) : not_an_op(op.error());
  }

  OpResult hot(const std::string& target, const std::string& kind) {
    const Result<Op> op = attempt(target, kind);
    return op.ok() ? executor_.read_hot(recorded_.memory(), *op) : not_an_op(op.error());
  }

  // Each write has its own memory.
  OpResult write(const std::string& target, const Store& store) {
    Result<Op> asked = attempt(target, "");
    if (!asked.ok()) return not_an_op(asked.error());
    Op op = std::move(*asked);
    OpValue value{store.value, std::vector<std::byte>(store.bytes, std::byte{0x11})};
    op.action = WriteAction{store.kind, std::move(value)};
    RecordedMemory memory = recorded_.memory();
    return executor_.write(memory, {op}).at(0);
  }

  Result<Op> attempt(const std::string& target, const std::string& kind) {
    try {
      return op_of(target, kind);
    } catch (const std::runtime_error& e) {
      return Error{ErrorCode::kUsage, e.what(), ""};
    }
  }

  static OpResult not_an_op(const Error& error) {
    OpResult result;
    result.reason = "not an op: " + error.message;
    return result;
  }

  static uint64_t number_of(const OpResult& result) {
    uint64_t number = 0;
    if (result.value)
      std::memcpy(&number, result.value->bytes.data(),
                  std::min<size_t>(8, result.value->bytes.size()));
    return number;
  }

  static std::string value_text(const OpValue& value) {
    const size_t shown = std::min<size_t>(value.bytes.size(), 16);
    if (value.kind != schema::ValueKind::BYTES && value.kind != schema::ValueKind::WHOLE) {
      uint64_t number = 0;
      std::memcpy(&number, value.bytes.data(), value.bytes.size());
      return fmt::format("{} = {}", enum_words(value.kind), number);
    }
    return fmt::format("{} of {} bytes, {}{}", enum_words(value.kind), value.bytes.size(),
                       to_hex(std::span(value.bytes).first(shown)),
                       shown < value.bytes.size() ? "..." : "");
  }

  std::string result_text(const OpResult& result) const {
    if (result.status != schema::EntryStatus::DONE) return result.reason;
    std::string text;
    for (const OpValue& value : result.list) text += (text.empty() ? "" : ", ") + value_text(value);
    if (result.is_list) text = fmt::format("[{}]", text);
    if (result.value) text = value_text(*result.value);
    if (result.before) text += ", was " + value_text(*result.before);
    if (!result.type.empty()) text += fmt::format(", a '{}'", result.type);
    if (!result.width_checked) text += ", width not checked";
    if (result.protecting_cpu >= 0)
      text += fmt::format(", under the lock of CPU {}", result.protecting_cpu);
    if (!result.note.empty()) text += "; " + result.note;
    return text;
  }

  // The results of a target's ops: each result once, with the ops that had it.
  using Block = std::vector<std::pair<std::string, std::vector<std::string>>>;

  void add(Block& block, std::string asked, const OpResult& result) const {
    std::string text =
        fmt::format("{}: {}", enum_words(result.status), printable(result_text(result)));
    for (const auto& [name, address] : stands_for_) replace(text, address, name);
    const auto same = std::find_if(block.begin(), block.end(),
                                   [&](const auto& one) { return one.first == text; });
    if (same == block.end()) {
      block.push_back({std::move(text), {std::move(asked)}});
    } else {
      same->second.push_back(std::move(asked));
    }
  }

  RecordedKernel recorded_;
  OpExecutor executor_;
  std::map<std::string, std::string> stands_for_;
};

void check_matrix(const std::string& version) {
  const std::string file = KTAPE_GOLDEN "/op_matrix-" + version + ".txt";
  const std::string text = Matrix(version).text();
  const std::string expected = agreed_text(file, text);
  size_t same = 0;
  while (same < text.size() && same < expected.size() && text[same] == expected[same]) ++same;
  const auto line_at = [same](const std::string& from) {
    const size_t start = same == 0 ? 0 : from.rfind('\n', same - 1) + 1;
    return from.substr(start, from.find('\n', start) - start);
  };
  INFO("the first line that differs");
  CHECK(line_at(text) == line_at(expected));
  CHECK(text.size() == expected.size());
}

}  // namespace

TEST_CASE("the op matrix on the recorded memory of 6.16.12") { check_matrix("6.16.12"); }
TEST_CASE("the op matrix on the recorded memory of 6.19.14") { check_matrix("6.19.14"); }
TEST_CASE("the op matrix on the recorded memory of 7.3.4") { check_matrix("7.3.4"); }

}  // namespace ktape::test
