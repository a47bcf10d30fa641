// SPDX-License-Identifier: Apache-2.0

// ktape-read: reads kernel state at a freeze, from the memory that the tape kept.

#include <fmt/format.h>

#include <algorithm>

#include "replay/read/target_read.h"
#include "replay/tape/tape_kernel.h"
#include "replay/text/entry_text.h"
#include "replay/text/integrity_text.h"
#include "replay/text/json_lines.h"
#include "replay/text/record_text.h"
#include "replay/text/text_writer.h"
#include "schema/base/command/command_line.h"
#include "schema/base/command/pager.h"
#include "schema/base/command/standard_output.h"
#include "schema/base/exit_code.h"
#include "schema/base/json_format.h"
#include "schema/base/json_writer.h"
#include "schema/base/text.h"
#include "schema/tape/reading/reader.h"
#include "schema/tape/verify/verify.h"

namespace ktape {

namespace {

constexpr char kProgram[] = "ktape read";

constexpr char kHelp[] =
    R"(Reads kernel state at a freeze of a run from the memory that its tape kept, as it was
before the freeze's own request wrote anything. It also answers questions that nobody
asked during the capture.

A target is a root and a path in C syntax, and after a colon the width:
  jiffies_64:u64                   a symbol; BTF has no types of plain symbols, so give its width
  cpu0:runqueues.nr_running        a CPU's instance of a per-CPU variable
  task:sleeper.scx.dsq_vtime       a worker of the scenario, by its name
  task:147.comm                    a task by its pid; task:147@5230000000 also by its start time in ns
  task:pid=147.comm                the same, if there is a worker named '147'
  '(struct rq)0xffff888012345680.curr->pid'
                                   an object at an address; without a type, only bytes can be read
  '(struct task_struct)init_task.comm'
                                   an object at a symbol
  '((struct scx_sched *)scx_root)->exit_kind'
                                   an object that the pointer at a symbol points to
A path has members, '->' to follow a pointer, '[i]', '{cpu N}' for a CPU's instance of a
per-CPU pointer, and '{list TYPE LINK LIMIT}' to walk a list. The width is u8, u16, u32,
u64, bytes(N), whole, or auto: the type's width, which is the default. Targets may also be
written as 'ktape show' prints them.)";

constexpr char kFooter[] = R"(Examples:
  ktape read run.ktape
      lists the freezes
  ktape read run.ktape --at freeze:last cpu0:runqueues.scx:whole
      a whole struct, member by member
  ktape read run.ktape --at freeze:2 \
      'cpu1:runqueues.scx.runnable_list{list struct task_struct scx.runnable_node 100}.comm'
      the names of the tasks in a list
  ktape read run.ktape --at freeze:2 --json task:sleeper.scx.dsq_vtime | jq -r .reply.value.u64

For a target on a task, the gates that passed are shown; reads need only the first ones, which
identify the task. Memory that the tape does not have is reported as not captured, with
the physical address. If a list is longer than its limit, or leads to memory that was not
captured, the entries before that are shown. The tape is verified first.

Exit status: 0 read; 77 something was not captured, does not exist, or is only a part of a
list; 2 usage, including a symbol or member that the kernel does not have; 3 the tape is
altered or unusable.)";

struct Options {
  std::string tape;
  std::string at;
  std::vector<std::string> targets;
  bool json = false;
};

// "for request 7 in step 'write'"
std::string why_text(const Freeze& freeze) {
  const std::string cause = cause_text(freeze);
  return freeze.step.empty() ? cause : cause + " in step " + in_quotes(freeze.step);
}

std::string memory_text(const Freeze& freeze) {
  if (!freeze.pages_digest) return "no memory was kept";
  return count_text(freeze.pages, "page") + " kept";
}

std::string freeze_json(const Freeze& freeze, const Verification& found) {
  JsonWriter json;
  json.object()
      .field("format", JsonFormat::kFreeze)
      .field("freeze", JsonDigits{freeze.id})
      .field("seq", JsonDigits{freeze.began.value})
      .field("hostNs", JsonDigits{freeze.at.value})
      .field("cause", enum_words(freeze.cause))
      .field("op", JsonDigits{freeze.op})
      .field("trigger", freeze.hits.empty() ? "" : freeze.hits.front().trigger)
      .key("hits")
      .list();
  for (const FreezeHit& hit : freeze.hits)
    json.object().field("vcpu", hit.vcpu).field("trigger", hit.trigger).end();
  json.end()
      .field("step", freeze.step)
      .field("memoryKept", freeze.pages_digest.has_value())
      .field("pages", JsonDigits{freeze.pages});
  put_integrity(json, found);
  return json.end().newline().take();
}

Result<ExitCode> list_freezes(const TapeIndex& index, const Verification& found,
                              const Options& options) {
  TextWriter writer;
  for (const Freeze& freeze : index.freezes()) {
    if (options.json) {
      KTAPE_TRY(write_output(freeze_json(freeze, found)));
      continue;
    }
    writer.event(
        freeze.began, freeze.at,
        fmt::format("freeze:{}  {}, {}", freeze.id, why_text(freeze), memory_text(freeze)));
    KTAPE_TRY(write_output(writer.take()));
  }
  if (index.freezes().empty()) {
    return Error{ErrorCode::kNotApplicable, "the machine was never frozen in this run", ""};
  }
  return ExitCode::kGood;
}

std::string read_json(const TargetRead& read, const Freeze& freeze, const Verification& found) {
  JsonWriter json;
  json.object()
      .field("format", JsonFormat::kTarget)
      .field("freeze", JsonDigits{freeze.id})
      .field("target", read.line)
      .key("notCaptured")
      .value_or_null(read.missing ? fmt::format("{:#x}", read.missing->value) : "")
      .key("notAll")
      .value_or_null(printable(read.broke_off))
      .field("reply", JsonText{json_text(read.reply.get())})
      .key("decoded")
      .values(read.decoded)
      .key("gates")
      .list();
  for (const auto& gate : read.gates) json.value(JsonText{json_text(gate.get())});
  json.end();
  put_integrity(json, found);
  return json.end().newline().take();
}

// "5"; "{ ... }" over several lines; "2 entries: 77, 78", or one per line if they are long.
std::string value_text(const TargetRead& read) {
  const auto value = read.reply.get().getValue();
  if (read.decoded.empty()) return shown_value(value);
  if (!value.isList()) return read.decoded.front();
  const bool is_short = std::ranges::all_of(
      read.decoded, [](const std::string& text) { return text.find('\n') == text.npos; });
  std::string text = count_text(read.decoded.size(), "entry", "entries");
  if (!read.broke_off.empty()) text += " and more";
  text += ":";
  for (size_t i = 0; i < read.decoded.size(); ++i) {
    text += is_short ? (i == 0 ? " " : ", ") : fmt::format("\n[{}] ", i);
    text += read.decoded[i];
  }
  return text;
}

std::string read_text(const TargetRead& read) {
  const auto reply = read.reply.get();
  std::string text = printable(read.line);
  if (reply.getStatus() == schema::EntryStatus::DONE) {
    text += " = " + value_text(read) + "\n";
    if (!read.broke_off.empty()) text += "  incomplete: " + printable(read.broke_off) + "\n";
  } else if (read.missing) {
    text += fmt::format(": not captured\n  {}\n", printable(chars(reply.getReason())));
  } else {
    text += fmt::format(": {}: {}\n", enum_words(reply.getStatus()),
                        printable(chars(reply.getReason())));
  }
  const std::string place = place_text(reply);
  if (!place.empty()) text += "  " + place + "\n";
  if (reply.getNote().size() > 0) text += "  note: " + printable(chars(reply.getNote())) + "\n";
  if (read.gates.empty()) return text;
  for (const std::string& line : gate_lines(read.gates)) text += "  " + line + "\n";
  return text;
}

Result<ExitCode> read_targets(const TapeReader& tape, const TapeIndex& index,
                              const Verification& found, const Options& options) {
  KTAPE_ASSIGN(const Freeze* freeze, index.freeze_at(options.at));
  KTAPE_ASSIGN(const RecordedMemory memory, memory_at(tape, *freeze));
  KTAPE_ASSIGN(const Kernel kernel, restore_kernel(tape, index));
  ExitCode code = ExitCode::kGood;
  for (const std::string& target : options.targets) {
    KTAPE_ASSIGN(const TargetRead read, read_target(kernel, memory, index, *freeze, target));
    KTAPE_TRY(write_output(options.json ? read_json(read, *freeze, found) : read_text(read)));
    code = worst(code, read.code());
  }
  return code;
}

Result<ExitCode> run(const Options& options) {
  if (options.at.empty() != options.targets.empty()) {
    return Error{ErrorCode::kUsage,
                 options.at.empty() ? "targets need --at" : "--at without a target",
                 options.at.empty() ? "list the freezes with 'ktape read TAPE'"
                                    : "see 'ktape read --help' for targets"};
  }
  KTAPE_ASSIGN(auto tape, TapeReader::open(options.tape));
  KTAPE_ASSIGN(const Verification found, verify(options.tape, std::nullopt));
  KTAPE_ASSIGN(const TapeIndex index, TapeIndex::make(*tape));
  KTAPE_ASSIGN(ExitCode code, options.targets.empty() ? list_freezes(index, found, options)
                                                      : read_targets(*tape, index, found, options));
  if (!options.json) KTAPE_TRY(write_output(integrity_lines(found)));
  KTAPE_TRY(flush_output());
  return with_integrity(code, found);
}

}  // namespace

}  // namespace ktape

int main(int argc, char** argv) {
  ktape::Program program(ktape::kProgram, ktape::kHelp, ktape::kFooter);
  ktape::Options options;
  program.add("TAPE", options.tape, "A tape, or the .partial left by a recorder").required();
  program.add("TARGET", options.targets, "What to read; without targets, the freezes are listed");
  program.add("--at", options.at, "The freeze: freeze:N or freeze:last").value_name("FREEZE");
  program.add_flag("--json", options.json, "Print a line of JSON for each target, or freeze");
  const ktape::PagerOption pager(program);
  return program.run(argc, argv, [&] { return pager.paged([&] { return ktape::run(options); }); });
}
