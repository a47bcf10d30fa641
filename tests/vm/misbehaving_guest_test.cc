// SPDX-License-Identifier: Apache-2.0
// Guests and machines that misbehave, on a real kernel: each has its own outcome, on a sealed tape.
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "capture/verbs/kernel_source.h"
#include "guest/machine/child_process.h"
#include "guest/machine/io.h"
#include "schema/tape/reading/reader.h"
#include "schema/wire.capnp.h"
#include "schema/wire/data.h"
#include "schema/wire/frame.h"
#include "tests/support/kernel/stock_kernel.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/temp_dir.h"
#include "tests/vm/checks/capture_fixture.h"

namespace ktape::test {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using schema::OopsKind;
using schema::Outcome;

namespace {

constexpr char kTestedKernel[] = "6.16";
constexpr int kViolated = 1;
constexpr int kMachineLost = 4;
constexpr int kStatusInconclusive = 77;

bool has_part(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// An external scheduler's program that does what its argument says, within a minute.
std::string with_program(const std::string& more) {
  return R"((
    name = "misbehaving", watchdogMs = 5000,
    scheduler = (external = (program = "misbehave", attachDeadlineMs = 60000)),
    workers = [(name = "victim", policy = normal, phases = [(sleepMs = 600000)])],
    steps = [(name = "long", actions = [)" +
         more + R"(])],
  ))";
}

class Misbehaving : public CaptureFixture {
 public:
  // Captures a run in which the program does `what`.
  Captured misbehave(const std::string& what, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"--scheduler",
                                          std::string(KTAPE_VM_PROGRAMS "/misbehave ") + what};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return capture_text(
        "misbehaving",
        with_program("(wait = (worker = \"victim\", state = stopped, deadlineMs = 600000))"),
        kTestedKernel, arguments);
  }

  static void check_outcome(const Captured& captured, Outcome outcome, int exit_status,
                            int check_status) {
    INFO(captured.program.output);
    CHECK(captured.program.exit_status == exit_status);
    CHECK(captured.facts.outcome == outcome);
    CHECK(run_built("ktape-verify", {captured.tape}).exit_status == 0);
    const ChildResult check = run_built("ktape-check", {captured.tape});
    INFO(check.output);
    CHECK(check.exit_status == check_status);
  }

  TempDir overlay;
};

// The records of a kind, each converted by `of`.
template <typename T>
std::vector<T> from_records(const std::string& tape, schema::Record::Which kind,
                            const std::function<T(schema::Record::Reader)>& of) {
  std::vector<T> found;
  must(must(TapeReader::open(tape))->for_each([&](const RecordView& view) -> Result<void> {
    if (view.record.which() == kind) found.push_back(of(view.record));
    return {};
  }));
  return found;
}

// Where a CPU is that waits for a spinlock forever: it spins, or, under KVM, sleeps until the
// lock's holder wakes it (arch/x86/kernel/kvm.c, kvm_wait()).
bool waits_for_spinlock(schema::VcpuState::Reader vcpu) {
  const std::string symbol = vcpu.getSymbol().cStr();
  return has_part(symbol, "queued_spin_lock_slowpath") || has_part(symbol, "kvm_wait") ||
         symbol.starts_with("native_halt") || symbol.starts_with("pv_native_halt");
}

struct LockedUp {
  bool locked = false;  // a CPU waits for a spinlock with interrupts off
  // Another CPU waits, with preemption off, until every CPU has done what it requested.
  bool other_waits = false;
};

LockedUp locked_up(schema::Record::Reader record) {
  LockedUp seen;
  for (auto vcpu : record.getFrozen().getVcpus()) {
    seen.locked |= !vcpu.getInterruptsEnabled() && waits_for_spinlock(vcpu);
    seen.other_waits |= has_part(vcpu.getSymbol().cStr(), "smp_call_function");
  }
  return seen;
}

}  // namespace

TEST_CASE_METHOD(
    Misbehaving,
    "a CPU that locks up with interrupts off is on the tape, and the watchdog ends the run",
    "[kvm]") {
  // As a real-time task the grace-period thread leaves the CPU that the agent keeps:
  // kernel/sched/rt.c, select_task_rq_rt. Under KVM each freeze restarts the stall detection, so
  // intervals are longer than its timeouts.
  const Captured captured = capture("kernel_lockup", kTestedKernel,
                                    {"--freeze-every", "4500", "--append",
                                     "rcupdate.rcu_cpu_stall_timeout=3 rcutree.kthread_prio=2"});
  check_outcome(captured, Outcome::RUN_TIMED_OUT, kViolated, kViolated);
  CHECK(captured.facts.watchdog == "run");
  CHECK(has_part(captured.facts.detail, "in step 'wake'"));
  const auto lockups =
      from_records<std::string>(captured.tape, schema::Record::GUEST_OOPS, [](auto record) {
        auto oops = record.getGuestOops();
        return oops.getKind() == OopsKind::LOCKUP ? std::string(as_text(oops.getText()))
                                                  : std::string();
      });
  const bool reported = std::any_of(lockups.begin(), lockups.end(), [](const std::string& text) {
    return has_part(text, "rcu: INFO: ");
  });
  // In each freeze with a CPU that is locked up: whether the other waits for its answer to an
  // interrupt.
  std::vector<bool> both;
  for (const auto& vcpus :
       from_records<LockedUp>(captured.tape, schema::Record::FROZEN, locked_up)) {
    if (vcpus.locked) both.push_back(vcpus.other_waits);
  }
  CHECK(!both.empty());
  // The other CPU misses it, unless it was caught in turn when the "leaver" ended: then no CPU is
  // left to report it.
  CHECK((reported || std::ranges::all_of(both, std::identity())));
}

TEST_CASE_METHOD(Misbehaving,
                 "an agent that is killed takes its kernel with it: a panic, with its reason") {
  const Captured captured = misbehave("kill-agent");
  check_outcome(captured, Outcome::GUEST_PANICKED, kViolated, kViolated);
  CHECK(has_part(captured.facts.panic, "Attempted to kill init! exitcode=0x0000000b"));
}

TEST_CASE_METHOD(Misbehaving, "a guest that ends before its agent is done has not completed") {
  const Captured captured = misbehave("power-off");
  check_outcome(captured, Outcome::GUEST_EXITED, kViolated, kViolated);
  CHECK(has_part(captured.facts.detail, "the guest ended before the agent was done"));
}

TEST_CASE_METHOD(Misbehaving,
                 "an agent that hangs in a step that never ends meets the run watchdog") {
  const std::string simple = example_schedulers(kTestedKernel) + "/scx_simple";
  fs::create_directory(overlay.file("opt"));
  fs::copy_file(simple, overlay.file("opt/scx_simple"));
  const Captured captured = misbehave("stop-agent", {"--overlay", overlay.path()});
  check_outcome(captured, Outcome::RUN_TIMED_OUT, kViolated, kViolated);
  CHECK(has_part(captured.facts.detail, "in step 'long'"));
}

TEST_CASE_METHOD(
    Misbehaving,
    "messages of a hostile guest over the agent's port are answered, recorded, and end its run") {
  // Requests for targets that do not exist, reports about no one, and garbage.
  std::string bytes;
  const auto add = [&](const std::function<void(schema::FromAgent::Builder)>& fill) {
    capnp::MallocMessageBuilder message;
    fill(message.initRoot<schema::FromAgent>());
    for (const std::byte b : must(encode_frame(message))) bytes += static_cast<char>(b);
  };
  constexpr uint64_t kEach = 100;
  for (uint64_t i = 0; i < kEach; ++i) {
    add([&](schema::FromAgent::Builder message) {
      auto request = message.initRequest();
      request.setId(~i);
      auto entry = request.initEntries(1)[0];
      entry.setTag("absurd");
      entry.initTarget().initVirtual().setAddress(i << 48);
      entry.initWrite().setU64(i);
    });
    add([](schema::FromAgent::Builder message) { message.initWorkerReport().setName("nobody"); });
  }
  bytes += std::string("\x05\x00\x00\x00garbage", 11);
  fs::create_directory(overlay.file("opt"));
  std::ofstream(overlay.file("opt/bytes"), std::ios::binary) << bytes;

  const Captured captured =
      misbehave("send /opt/bytes", {"--overlay", overlay.path(), "--memory", "none"});
  check_outcome(captured, Outcome::PROTOCOL_BROKEN, kViolated, kStatusInconclusive);
  CHECK(has_part(captured.facts.detail, "it begins 05 00 00 00 67 61 72 62 61 67 65"));
  CHECK(captured.facts.requests == kEach);
  CHECK(captured.facts.replies == kEach);
  CHECK(captured.facts.entries.at("absurd").status != schema::EntryStatus::DONE);
  CHECK(sql_rows(captured.tape, "SELECT count(*) FROM event WHERE kind = 9") ==
        std::vector<std::string>{std::to_string(kEach)});  // WorkerReport
}

TEST_CASE_METHOD(
    Misbehaving,
    "a scheduler that the verifier refuses ends the run, with the verifier's log on the tape") {
  fs::create_directory(overlay.file("opt"));
  fs::copy_file(KTAPE_VTIME_OBJECT, overlay.file("opt/ktape_vtime.bpf.o"));
  const Captured captured = capture_text(
      "refused", with_program("(sleepMs = 1)"), kTestedKernel,
      {"--scheduler", KTAPE_VM_PROGRAMS "/refused_scheduler", "--overlay", overlay.path()});
  check_outcome(captured, Outcome::SCENARIO_FAILED, kViolated, kViolated);
  // The last line says that it failed; the reason is above it.
  CHECK(has_part(captured.facts.detail,
                 "exited with status 1 and has not attached a scheduler: libbpf: "));
  CHECK(has_part(captured.facts.detail, " | invalid read from stack R10 off=8 size=8 | "));
  CHECK(has_part(captured.facts.detail, " | the scheduler was not loaded: Permission denied"));
  std::string output;
  for (const std::string& line : sql_rows(captured.tape, "SELECT text FROM scheduler_output"))
    output += line + "\n";
  CHECK(has_part(output, "-- BEGIN PROG LOAD LOG --"));
  CHECK(has_part(output, "invalid read from stack R10 off=8 size=8"));
}

namespace {

// A capture that runs beside the test, until something happens to its QEMU.
class BesideUs : public Misbehaving {
 public:
  BesideUs() : tape(overlay.file("run.ktape")) {
    if (!is_cached(kTestedKernel)) SKIP(not_cached(kTestedKernel));
    const std::string scenario = overlay.file("hold.scenario");
    std::ofstream(scenario) << R"((
      name = "hold", durationMs = 600000, watchdogMs = 700000,
      workers = [(name = "sleeper", phases = [(sleepMs = 600000)])],
      steps = [(name = "hold", actions = [(hold = void)])],
    ))";
    capture_ = must(ChildProcess::start(
        KTAPE_BIN "/ktape-capture",
        {scenario, "-o", tape, "--kernel", version_for(kTestedKernel), "--accel", "tcg"}, {}));
    while (!has_part(output(), "step 1 of 1")) REQUIRE_FALSE(ended(100ms));
    std::ifstream children("/proc/" + std::to_string(capture_->pid()) + "/task/" +
                           std::to_string(capture_->pid()) + "/children");
    children >> qemu_;
    REQUIRE(qemu_ > 0);
    qemu_process_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, qemu_, 0)));
    REQUIRE(qemu_process_.valid());
  }

  void signal_qemu(int signal) {
    REQUIRE(::syscall(SYS_pidfd_send_signal, qemu_process_.get(), signal, nullptr, 0) == 0);
  }

  // The capture ends by itself, and its QEMU is gone.
  Captured finish() {
    REQUIRE(ended(180s));
    pollfd end{qemu_process_.get(), POLLIN, 0};
    CHECK(must(poll_until({&end, 1}, std::chrono::steady_clock::now())));
    Captured captured;
    captured.tape = tape;
    captured.program.output = output();
    captured.program.exit_status =
        capture_->how_it_ended() == "exited with status 4" ? kMachineLost : -1;
    captured.facts = must(gather_facts(tape));
    return captured;
  }

  std::string tape;

 private:
  bool ended(std::chrono::milliseconds within) {
    return capture_->wait_for_end(std::chrono::steady_clock::now() + within);
  }
  const std::string& output() {
    capture_->drain_output();
    return capture_->output();
  }

  std::unique_ptr<ChildProcess> capture_;
  pid_t qemu_ = 0;
  UniqueFd qemu_process_;
};

}  // namespace

TEST_CASE_METHOD(
    BesideUs,
    "a QEMU that is killed is a lost machine, no failed assertion, and the tape is sealed") {
  signal_qemu(SIGKILL);
  const Captured captured = finish();
  check_outcome(captured, Outcome::MACHINE_LOST, kMachineLost, kStatusInconclusive);
  CHECK(captured.facts.detail == "QEMU was killed by signal 9 (Killed)");
}

TEST_CASE_METHOD(
    BesideUs,
    "a QEMU that is stopped is a lost machine, long before the watchdog, and none is left behind") {
  signal_qemu(SIGSTOP);
  const Captured captured = finish();
  check_outcome(captured, Outcome::MACHINE_LOST, kMachineLost, kStatusInconclusive);
  CHECK(captured.facts.detail ==
        "QEMU did not send an answer to 'query-status' in time: it is stopped by signal 19 "
        "(Stopped (signal))");
}

}  // namespace ktape::test
