// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/ops/lock_users.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "schema/base/text.h"

namespace ktape {

namespace {

// Candidates named in the text. A machine with many CPUs may have more; the list has them all.
constexpr size_t kMaxInWords = 4;

// The layout of a qspinlock on a kernel for fewer than 16 Ki CPUs, such as x86
// (asm-generic/qspinlock_types.h).
struct LockWord {
  bool locked = false;
  bool pending = false;          // one CPU spins on the word itself, and is next
  std::optional<uint32_t> tail;  // the CPU that queued last
};

LockWord lock_word(uint64_t word) {
  constexpr unsigned kTailCpuShift = 18;
  LockWord seen{(word & 0xff) != 0, (word >> 8 & 1) != 0, std::nullopt};
  // The tail has 2 bits of nesting level below the CPU: a CPU may wait for several locks, one per
  // context (task, softirq, hardirq, NMI).
  const uint64_t cpu = (word & 0xffffffff) >> kTailCpuShift;  // 1-based
  if (cpu != 0) seen.tail = static_cast<uint32_t>(cpu - 1);
  return seen;
}

class Finder {
 public:
  Finder(const Kernel& kernel, const StopMoment& moment) : kernel_(kernel), moment_(moment) {}

  void add(const std::string& lock, const LockWord& word) {
    lock_ = lock;
    if (word.locked) add_holders(word.tail);
    if (word.pending) add(schema::LockRole::WAITER, schema::Basis::OBSERVED, std::nullopt);
    if (word.tail) add(schema::LockRole::WAITER, schema::Basis::OBSERVED, word.tail);
  }

  std::vector<LockUser> take() { return std::move(users_); }

 private:
  // `waiter` waits, so it does not hold the lock. CPUs that wait for a lock, this one or another,
  // come last, because they may still hold this one.
  void add_holders(const std::optional<uint32_t>& waiter) {
    std::vector<uint32_t> waiting;
    const size_t before = users_.size();
    for (uint32_t cpu = 0; cpu < moment_.cpus.size(); ++cpu) {
      const StoppedCpu& at = moment_.cpus[cpu];
      // Runqueue locks and pi_lock are taken with interrupts off, so whoever holds one is in the
      // kernel like this. User mode, or interrupts on, excludes a CPU.
      if (!at.known || at.cpl != 0 || at.interrupts_enabled || waiter == cpu) continue;
      if (waits_for_a_lock(at)) {
        waiting.push_back(cpu);
      } else {
        add(schema::LockRole::HOLDER, schema::Basis::INFERRED, cpu);
      }
    }
    for (const uint32_t cpu : waiting) add(schema::LockRole::HOLDER, schema::Basis::INFERRED, cpu);
    if (users_.size() == before)
      add(schema::LockRole::HOLDER, schema::Basis::INFERRED, std::nullopt);
  }

  // native_ or __pv_queued_spin_lock_slowpath (kernel/locking/qspinlock.c).
  [[nodiscard]] bool waits_for_a_lock(const StoppedCpu& at) const {
    return kernel_.describe(at.rip).find("queued_spin_lock_slowpath") != std::string::npos;
  }

  void add(schema::LockRole role, schema::Basis basis, const std::optional<uint32_t>& cpu) {
    LockUser& user = users_.emplace_back();
    user.lock = lock_;
    user.role = role;
    user.basis = basis;
    if (!cpu) return;
    user.cpu = static_cast<int32_t>(*cpu);
    if (*cpu < moment_.cpus.size() && moment_.cpus[*cpu].known && moment_.cpus[*cpu].cpl == 0)
      user.symbol = kernel_.describe(moment_.cpus[*cpu].rip);
    if (*cpu >= moment_.evidence.cpus.size() || !moment_.evidence.cpus[*cpu].known) return;
    user.pid = moment_.evidence.cpus[*cpu].current_pid;
    user.comm = moment_.evidence.cpus[*cpu].current_comm;
  }

  const Kernel& kernel_;
  const StopMoment& moment_;
  std::string lock_;
  std::vector<LockUser> users_;
};

std::string user_text(const LockUser& user) {
  std::string text = fmt::format("CPU {}", user.cpu);
  if (!user.symbol.empty()) text += " in " + user.symbol;
  if (!user.comm.empty())
    text += fmt::format(" running {}[{}]", printable(user.comm), user.pid.value);
  return text;
}

// The text about one lock.
struct LockText {
  std::string holders, waiters;
  size_t held_by = 0;
};

std::string holders_text(const LockText& lock) {
  if (lock.held_by == 0)
    return "its holder is not known: no CPU was seen in the kernel with interrupts off";
  std::string more;
  if (lock.held_by > kMaxInWords) more = fmt::format(" or {} more", lock.held_by - kMaxInWords);
  return fmt::format("may be held by {}{} (inferred: in the kernel with interrupts off)",
                     lock.holders, more);
}

}  // namespace

std::vector<LockUser> lock_users(const Kernel& kernel, const std::vector<ProtectorSeen>& locks,
                                 const StopMoment& moment) {
  Finder finder(kernel, moment);
  for (const ProtectorSeen& lock : locks) {
    if (lock.free || lock.kind == ProtectorKind::kOwnCpu) continue;
    // A seqcount has no waiters in it, and any odd value means a writer: it reads as a lock that is
    // just held.
    const bool counts = lock.kind == ProtectorKind::kSeqcount;
    finder.add(protector_name(lock), counts ? LockWord{.locked = true} : lock_word(lock.word));
  }
  return finder.take();
}

std::string lock_users_text(const std::vector<LockUser>& users) {
  std::string text;
  for (size_t i = 0; i < users.size();) {
    const std::string& name = users[i].lock;
    LockText lock;
    bool held = false;
    for (; i < users.size() && users[i].lock == name; ++i) {
      const LockUser& user = users[i];
      if (user.role == schema::LockRole::WAITER) {
        // `pending` is one bit: it proves that a CPU spins on the word, but not which.
        lock.waiters += user.cpu < 0 ? ", one CPU waits to be the next (observed)"
                                     : ", " + user_text(user) + " waits (observed)";
        continue;
      }
      held = true;
      if (user.cpu < 0 || ++lock.held_by > kMaxInWords) continue;
      lock.holders += (lock.holders.empty() ? "" : " or ") + user_text(user);
    }
    text += fmt::format("{}{}: {}{}", text.empty() ? "" : "; ", name,
                        held ? holders_text(lock) : "nobody holds it just then", lock.waiters);
  }
  return text;
}

}  // namespace ktape
