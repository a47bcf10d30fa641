// SPDX-License-Identifier: Apache-2.0
#include "capture/io/kernel_complaints.h"

#include <algorithm>
#include <array>
#include <utility>

#include "capture/io/console_log.h"

namespace ktape {

namespace {

using schema::OopsKind;

constexpr std::string_view kCutHere = "------------[ cut here ]------------";
constexpr std::string_view kEndTrace = "---[ end trace";  // kernel/panic.c, print_oops_end_marker
constexpr std::string_view kEndCallTrace = "</TASK>";     // arch/x86/kernel/dumpstack.c
constexpr std::string_view kOops = "Oops: ";
// Lines after which a complaint without an end marker is closed.
constexpr size_t kMaxLines = 200;
// Only a warning has a message between the cut line and its first line (lib/bug.c).
constexpr size_t kMaxLinesOfCut = 8;

struct Sign {
  std::string_view start;
  OopsKind kind;
  std::string_view also = "";  // text that must follow later in the line
};
// How the first line begins, after its time stamp. The first match counts.
constexpr std::array kSigns = {
    Sign{"kernel BUG at ", OopsKind::BUG},                         // lib/bug.c
    Sign{"BUG: kernel NULL pointer dereference", OopsKind::OOPS},  // arch/x86/mm/fault.c
    Sign{"BUG: unable to handle ", OopsKind::OOPS},                // arch/x86/mm/fault.c
    Sign{"BUG: soft lockup", OopsKind::LOCKUP},                    // kernel/watchdog.c
    Sign{"watchdog: BUG: soft lockup", OopsKind::LOCKUP},          // the same
    Sign{"watchdog: CPU", OopsKind::LOCKUP},                       // kernel/watchdog.c, hard lockup
    Sign{"watchdog: Watchdog detected hard LOCKUP", OopsKind::LOCKUP},
    Sign{"NMI watchdog: Watchdog detected hard LOCKUP", OopsKind::LOCKUP},
    Sign{"BUG: workqueue lockup", OopsKind::LOCKUP},     // kernel/workqueue.c
    Sign{"rcu: INFO: ", OopsKind::LOCKUP, "detected "},  // kernel/rcu/tree_stall.h, tree_exp.h
    Sign{"INFO: rcu_tasks", OopsKind::LOCKUP, "detected stalls"},  // kernel/rcu/tasks.h
    Sign{"INFO: task ", OopsKind::LOCKUP, " for more than "},      // kernel/hung_task.c
    Sign{"general protection fault", OopsKind::OOPS},              // arch/x86/kernel/traps.c
    Sign{kOops, OopsKind::OOPS},                                   // arch/x86/kernel/dumpstack.c
    Sign{"WARNING: CPU: ", OopsKind::WARNING},                     // kernel/panic.c, __warn
    Sign{"BUG: ", OopsKind::WARNING},  // e.g. "scheduling while atomic"; the kernel continues
};
constexpr std::string_view kWarning = "WARNING: ";

// The text of a line without "[   12.345678] " and its line end.
std::string_view without_stamp(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  if (!line.starts_with('[')) return line;
  const size_t close = line.find("] ");
  const bool stamp =
      close != std::string_view::npos &&
      std::all_of(line.begin() + 1, line.begin() + static_cast<std::ptrdiff_t>(close),
                  [](char c) { return (c >= '0' && c <= '9') || c == ' ' || c == '.'; });
  return stamp ? line.substr(close + 2) : line;
}

// The kind of complaint that this line begins, if any. `after_cut`: "[ cut here ]" was just before
// it.
OopsKind kind_of(std::string_view line, bool after_cut) {
  for (const Sign& sign : kSigns) {
    if (line.starts_with(sign.start) && line.find(sign.also) != std::string_view::npos)
      return sign.kind;
  }
  // Later kernels print "WARNING: FILE:LINE at ..."; without the cut line anything may have printed
  // it.
  return after_cut && line.starts_with(kWarning) ? OopsKind::WARNING : OopsKind::NOT_SAID;
}

}  // namespace

void KernelComplaints::line(const std::string& text) {
  // Signs are compared without the time stamp, which CONFIG_PRINTK_TIME may leave out.
  const std::string_view plain = without_stamp(text);
  const OopsKind kind = kind_of(plain, !cut_here_.empty());
  // A panic line belongs to no complaint: ConsoleLog keeps it.
  if (open_ && (plain.starts_with(kPanic) || is_next(plain, kind))) end();
  if (open_) {
    // For a stack overflow the kernel prints "BUG: " first (arch/x86/kernel/traps.c). `BUG: ` alone
    // is a warning that the kernel survives; the oops that follows makes it one.
    if (open_->kind == OopsKind::WARNING && plain.starts_with(kOops)) open_->kind = OopsKind::OOPS;
    add(text);
    const bool marked = open_->kind == OopsKind::LOCKUP
                            ? plain.find(kEndCallTrace) != std::string_view::npos
                            : plain.starts_with(kEndTrace);
    if (marked || ++lines_ >= kMaxLines) end();
    return;
  }
  if (kind != OopsKind::NOT_SAID) {
    begin(kind, plain);
    add(text);
  } else if (plain == kCutHere) {
    cut_here_ = text;
    lines_ = 1;
  } else if (!cut_here_.empty()) {
    cut_here_ += text;
    // No complaint came: the line was printed by something else.
    if (++lines_ > kMaxLinesOfCut) cut_here_.clear();
  }
}

// Whether a line does not belong to the open complaint. Lockups have no reliable end marker.
bool KernelComplaints::is_next(std::string_view line, OopsKind kind) const {
  return open_->kind == OopsKind::LOCKUP &&
         (line == kCutHere || kind == OopsKind::OOPS || kind == OopsKind::BUG);
}

void KernelComplaints::begin(OopsKind kind, std::string_view headline) {
  open_ = KernelComplaint{kind, std::string(headline), ""};
  lines_ = 1;
  // The cut line and what followed it belong to the complaint.
  add(std::exchange(cut_here_, ""));
}

void KernelComplaints::add(const std::string& text) {
  if (open_->text.size() + text.size() <= kMaxTextBytes) {
    open_->text += text;
  } else {
    // Lines are dropped whole, so that the text stays readable.
    losses_.text_bytes += text.size();
  }
}

void KernelComplaints::end() {
  if (!open_) return;
  if (++complaints_ <= kMaxComplaints) {
    complete_.push_back(std::move(*open_));
  } else {
    ++losses_.complaints;
  }
  open_.reset();
}

std::vector<KernelComplaint> KernelComplaints::take() { return std::exchange(complete_, {}); }

KernelComplaints::Losses KernelComplaints::take_losses() { return std::exchange(losses_, {}); }

}  // namespace ktape
