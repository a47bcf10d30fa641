// SPDX-License-Identifier: Apache-2.0

// ktape-read: reads kernel state at a freeze, from the memory that the tape kept.

#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "replay/read/answers.h"
#include "replay/read/freeze_choice.h"
#include "replay/read/read_output.h"
#include "replay/read/target_lines.h"
#include "replay/read/view.h"
#include "replay/read/view_output.h"
#include "replay/tape/tape_kernel.h"
#include "replay/text/integrity_text.h"
#include "schema/base/command/command_line.h"
#include "schema/base/command/pager.h"
#include "schema/base/command/standard_output.h"
#include "schema/base/exit_code.h"
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
  task:147.comm                    a task by its pid
  task:147@5230000000.comm         a task by its pid and its start time in ns
  task:pid=147.comm                the same, if there is a worker named '147'
  '(struct rq)0xffff888012345680.curr->pid'
                                   an object at an address; without a type, only bytes can be read
  '(struct task_struct)init_task.comm'
                                   an object at a symbol
  '((struct scx_sched *)scx_root)->exit_kind'
                                   an object that the pointer at a symbol points to
A path has members, '->' to follow a pointer, '[i]', '{cpu N}' for a CPU's instance of a
per-CPU pointer, and '{list TYPE LINK LIMIT}' to walk a list; 'hlist', 'llist', 'rbtree' and
'rhashtable' walk what these are, and '{xarray TYPE LIMIT}' an xarray or IDR of pointers. A path
may walk several lists: the next one in each entry of the one before. The width is u8, u16,
u32, u64, bytes(N), whole, or auto: the type's width, which is the default. Targets may also be
written as 'ktape show' prints them.

A view is a table of everything of one kind: dsqs, tasks, workers, runqueues, maps or cgroups.)";

constexpr char kFooter[] = R"(Examples:
  ktape read run.ktape
      lists the freezes
  ktape read run.ktape --at freeze:last cpu0:runqueues.scx:whole
      a whole struct, member by member
  ktape read run.ktape --at freeze:2 \
      'cpu1:runqueues.scx.runnable_list{list struct task_struct scx.runnable_node 100}.comm'
      the names of the tasks in a list
  ktape read run.ktape --at all --csv task:sleeper.scx.dsq_vtime cpu0:runqueues.nr_running
      a table: a row for each value, at every freeze
  ktape read run.ktape --at freeze:error dsqs tasks
      tables of the DSQs and of the tasks
  ktape read run.ktape --at freeze:2 --batch --json <targets
      many targets, with one verification of the tape
  ktape read run.ktape --at freeze:2 --json task:sleeper.scx.dsq_vtime | jq -r .reply.value.u64

For a target on a task, the gates that passed are shown; reads need only the first ones, which
identify the task. Memory that the tape does not have is reported as not captured, with
the physical address. If a list is longer than its limit, or an entry cannot be reached, the
other entries are shown. The tape is verified first.

--at names several freezes with 'all', 'trigger' (those by a trigger) or 'N-M'. Their targets are
then shown without place and gates. 'freeze:' may be left out everywhere.

--batch reads targets from standard input, one in each line; empty lines and lines that begin with
'#' are skipped. A mistake in one does not keep the others from being read. At a single freeze each
is answered at once.

Exit status: 0 read; 77 something was not captured, does not exist, or is only a part of a
list or view; 2 usage, including a symbol or member that the kernel does not have; 3 the tape is
altered or unusable.)";

struct Options {
  std::string tape;
  std::string at;
  std::vector<std::string> targets;
  bool batch = false;
  bool json = false;
  bool csv = false;
  bool views = false;

  [[nodiscard]] bool reads() const { return batch || !targets.empty(); }
};

Result<ExitCode> list_freezes(const TapeIndex& index, const Verification& found,
                              const Options& options) {
  for (const Freeze& freeze : index.freezes())
    KTAPE_TRY(write_output(options.json ? freeze_json(freeze, found) : freeze_line(freeze)));
  if (index.freezes().empty()) {
    return Error{ErrorCode::kNotApplicable, "the machine was never frozen in this run", ""};
  }
  return ExitCode::kGood;
}

Result<ExitCode> read_targets(const TapeReader& tape, const TapeIndex& index,
                              const Verification& found, const Options& options) {
  KTAPE_ASSIGN(const FreezeChoice at, choose_freezes(index, options.at));
  KTAPE_ASSIGN(const Kernel kernel, restore_kernel(tape, index));
  Answers answers(tape, index, kernel, found,
                  {options.json, options.csv, options.batch, at.is_series});
  TargetLines input(std::cin);
  if (options.batch && !at.is_series) {
    KTAPE_TRY(answers.batch_at(*at.freezes.front(), input));
    return answers.code();
  }
  std::vector<std::string> lines = options.targets;
  if (options.batch) {
    KTAPE_ASSIGN(lines, input.all());
  } else {
    KTAPE_TRY(answers.check(at.freezes, lines));
  }
  for (const Freeze* freeze : at.freezes) KTAPE_TRY(answers.at(*freeze, lines));
  return answers.code();
}

Result<void> check_options(const Options& options) {
  if (options.tape.empty())
    return Error{ErrorCode::kUsage, "TAPE is required", "see 'ktape read --help'"};
  constexpr char kTargets[] = "see 'ktape read --help' for targets";
  if (options.batch && !options.targets.empty()) {
    return Error{ErrorCode::kUsage, "--batch reads the targets from standard input",
                 "give none on the command line"};
  }
  if (options.reads() && options.at.empty()) {
    return Error{ErrorCode::kUsage, "targets need --at", "list the freezes with 'ktape read TAPE'"};
  }
  if (options.reads()) return {};
  if (options.csv) return Error{ErrorCode::kUsage, "--csv needs targets", kTargets};
  if (!options.at.empty()) return Error{ErrorCode::kUsage, "--at without a target", kTargets};
  return {};
}

std::vector<std::string> view_names() {
  std::vector<std::string> names;
  for (const View& view : views()) names.emplace_back(view.name);
  return names;
}

Result<ExitCode> list_views() {
  KTAPE_TRY(write_output(views_text()));
  KTAPE_TRY(flush_output());
  return ExitCode::kGood;
}

Result<ExitCode> run(const Options& options) {
  if (options.views) return list_views();
  KTAPE_TRY(check_options(options));
  KTAPE_ASSIGN(auto tape, TapeReader::open(options.tape));
  KTAPE_ASSIGN(const Verification found, verify(options.tape, std::nullopt));
  KTAPE_ASSIGN(const TapeIndex index, TapeIndex::make(*tape));
  KTAPE_ASSIGN(ExitCode code, options.reads() ? read_targets(*tape, index, found, options)
                                              : list_freezes(index, found, options));
  if (!options.json && !options.csv) KTAPE_TRY(write_output(integrity_lines(found)));
  KTAPE_TRY(flush_output());
  // CSV has no place for it.
  if (options.csv && found.integrity == Integrity::kAltered) {
    return Error{ErrorCode::kBadInput,
                 in_quotes(options.tape) + " is altered: " + printable(found.finding), ""};
  }
  return with_integrity(code, found);
}

}  // namespace

}  // namespace ktape

int main(int argc, char** argv) {
  ktape::Program program(ktape::kProgram, ktape::kHelp, ktape::kFooter);
  ktape::Options options;
  program.add("TAPE", options.tape, "A tape, or the .partial left by a recorder");
  program
      .add("TARGET", options.targets,
           "What to read, or a view; without targets, the freezes are listed")
      .suggests(ktape::view_names());
  program
      .add("--at", options.at,
           "The freeze: freeze:N, freeze:last or freeze:error; several: all, trigger or N-M")
      .value_name("FREEZE");
  const ktape::Option json = program.add_flag(
      "--json", options.json, "Print a line of JSON for each target, view or freeze");
  program.add_flag("--csv", options.csv, "Print a row of CSV for each value, or row of a view")
      .excludes(json);
  program.add_flag("--batch", options.batch, "Read the targets from standard input, one per line");
  program.add_flag("--views", options.views, "List the views");
  const ktape::PagerOption pager(program);
  const auto run = [&] { return ktape::run(options); };
  // A pager would take the terminal from the user who types targets.
  return program.run(argc, argv, [&] { return options.batch ? run() : pager.paged(run); });
}
