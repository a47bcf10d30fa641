// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/qemu_machine.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <utility>

#include "guest/machine/io.h"
#include "guest/machine/qemu_arguments.h"
#include "schema/base/pipe.h"

namespace ktape {

namespace {

using namespace std::chrono_literals;

constexpr size_t kMaxEventBytes = size_t{64} << 10;
// How long QEMU may take to exit after its last event or the loss of a channel.
constexpr auto kEndGrace = 3s;
constexpr int kConsolePipeBytes = 1 << 20;
// Number of vCPUs shown for a guest that prints nothing.
constexpr size_t kVcpusDescribed = 4;
// Maximum number of steps to get a vCPU past a breakpoint; normally one is enough.
constexpr int kMaxSteps = 8;
// QEMU's serial port sends single bytes. Read them after this delay, so that a line does not become
// one event per byte.
constexpr auto kConsoleGather = 20ms;
// QEMU answers slowly while it sets up the machine.
constexpr auto kStartUp = 60s;

// kEnded counts, too: a guest that panicked and reset did run. It need not have printed, if its
// command line names another console.
bool shows_life(const MachineEvent& event) {
  return event.kind == MachineEventKind::kConsoleBytes ||
         event.kind == MachineEventKind::kAgentBytes || event.kind == MachineEventKind::kEnded;
}

// The guest must not wait for us when it prints: its serial driver drops what it cannot send.
Result<Pipe> console_pipe() {
  KTAPE_ASSIGN(Pipe pipe, make_pipe());
  if (::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK) != 0) {
    return system_error(ErrorCode::kHost, "cannot make a pipe non-blocking");
  }
  // If the host refuses a larger pipe, the usual 64 KiB must do.
  (void)::fcntl(pipe.write.get(), F_SETPIPE_SZ, kConsolePipeBytes);
  return pipe;
}

// A missing field is empty: callers compare with what they expect, so it never matches by chance.
std::string field(const QmpFields& fields, const std::string& name) {
  auto found = fields.find(name);
  return found == fields.end() ? std::string() : found->second;
}

std::optional<uint64_t> number_field(const QmpFields& fields, const std::string& name) {
  const std::string text = field(fields, name);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Result<std::unique_ptr<QemuMachine>> QemuMachine::launch(const MachineConfig& config,
                                                         Accelerator accelerator) {
  std::unique_ptr<QemuMachine> machine(new QemuMachine(config));
  Result<void> up = machine->bring_up(accelerator);
  if (up.ok()) return machine;
  // An error of the set-up itself already names its cause. Everything else (a refused command, a
  // closed channel) is a symptom of a QEMU that exits, whose last words say more.
  if (up.error().code == ErrorCode::kHost || !machine->process_) return up.error();
  return Error{
      ErrorCode::kHost, "cannot start the machine: " + machine->broken(up.error()).message,
      "run `ktape doctor` to check this host; give the guest less memory with --memory-mb"};
}

Result<void> QemuMachine::bring_up(Accelerator accelerator) {
  // Before QEMU starts, which inherits it.
  KTAPE_ASSIGN(GuestRam ram, GuestRam::create(config_.memory_bytes));
  ram_.emplace(std::move(ram));
  auto deadline = Clock::now() + kStartUp;
  UniqueFd qmp;
  UniqueFd gdb;
  KTAPE_TRY(spawn(accelerator, qmp, gdb));
  KTAPE_ASSIGN(qmp_, QmpClient::connect(std::move(qmp), deadline));
  facts_.accelerator_used = accelerator;
  facts_.emulator_version = qmp_->version().text();
  // Before anything is asked that an old QEMU does not know.
  KTAPE_TRY(check_version(qmp_->version(), accelerator));
  KTAPE_TRY(map_memory(deadline));
  KTAPE_TRY(watch_threads(deadline));
  // After the memory, before the guest runs: connecting the gdbstub pauses a running machine, and
  // here it is stopped anyway.
  KTAPE_ASSIGN(gdb_, GdbClient::connect(std::move(gdb), deadline));
  KTAPE_TRY(qmp_->execute("cont", {}, deadline));
  return {};
}

Result<void> QemuMachine::spawn(Accelerator accelerator, UniqueFd& qmp, UniqueFd& gdb) {
  using Fd = QemuDescriptors;
  KTAPE_ASSIGN(Pipe console, console_pipe());
  ChildProcess::Inherited inherited = {{ram_->fd(), Fd::kRam}, {console.write.get(), Fd::kConsole}};
  console_ = std::move(console.read);
  std::array<UniqueFd, 3> theirs;
  const std::array<std::pair<UniqueFd*, int>, 3> channels = {
      {{&qmp, Fd::kQmp}, {&gdb, Fd::kGdb}, {&agent_, Fd::kAgent}}};
  for (size_t i = 0; i < channels.size(); ++i) {
    KTAPE_ASSIGN(SocketPair pair, socket_pair());
    // `theirs` lives until the process has started, then closes our copies: otherwise a QEMU that
    // exits would not close the channels for us.
    *channels[i].first = std::move(pair.ours);
    theirs[i] = std::move(pair.theirs);
    inherited.emplace_back(theirs[i].get(), channels[i].second);
  }
  facts_.emulator_arguments = qemu_arguments(config_, accelerator, __builtin_cpu_is("amd") != 0);
  auto process = ChildProcess::start(config_.qemu_program, facts_.emulator_arguments, inherited);
  if (!process.ok())
    return Error{ErrorCode::kHost, process.error().message,
                 "install QEMU, or name another program with --qemu"};
  process_ = std::move(process).value();
  return {};
}

Result<void> QemuMachine::map_memory(Clock::time_point deadline) {
  // Where the hole below 4 GiB begins depends on the machine type and on its size (2 GiB on q35 if
  // RAM does not fit below), so QEMU is asked.
  QmpArguments where = {{"path", "/machine/q35"}, {"property", "below-4g-mem-size"}};
  KTAPE_ASSIGN(QmpFields reply, qmp_->execute("qom-get", where, deadline));
  const uint64_t low_bytes = number_field(reply, "").value_or(0);
  if (low_bytes == 0 || low_bytes > config_.memory_bytes) {
    return Error{ErrorCode::kHost,
                 fmt::format("QEMU reports '{}' as the size of low memory", field(reply, "")), ""};
  }
  memory_.emplace(ram_->bytes(), low_bytes, [this] { return ram_->data_extents(); });
  return {};
}

// If QEMU does not report the thread of a vCPU, only its times are unknown.
Result<void> QemuMachine::watch_threads(Clock::time_point deadline) {
  // An emulator that has no such command is usable; one that does not answer is not.
  Result<QmpFields> fields = qmp_->execute("query-cpus-fast", {}, deadline);
  if (!fields.ok())
    return fields.error().code == ErrorCode::kRefused ? Result<void>() : fields.error();
  std::vector<pid_t> threads(config_.cpus);
  for (uint32_t i = 0; i < config_.cpus; ++i) {
    const size_t cpu = number_field(*fields, fmt::format("{}.cpu-index", i)).value_or(config_.cpus);
    const uint64_t thread = number_field(*fields, fmt::format("{}.thread-id", i)).value_or(0);
    if (cpu < threads.size()) threads[cpu] = static_cast<pid_t>(thread);
  }
  host_ = HostWatch(process_->pid(), threads);
  return {};
}

Result<void> QemuMachine::prove_kernel_runs(bool proof_needed) {
  auto deadline = Clock::now() + config_.kvm_prints_within;
  // `lost_` is set by pump(). Events are looked at, not taken: wait() returns them later.
  while (!lost_ && Clock::now() < deadline) {
    if (std::any_of(events_.begin(), events_.end(), shows_life)) return {};
    KTAPE_TRY(pump(deadline, -1));
  }
  if (lost_) return lost_error();
  if (!proof_needed) return {};
  const double seconds = std::chrono::duration<double>(config_.kvm_prints_within).count();
  return Error{
      ErrorCode::kHost,
      fmt::format("it printed nothing on its console within {:g} s; {}", seconds, what_it_does()),
      ""};
}

std::string QemuMachine::what_it_does() {
  // A machine whose vCPU cannot continue is "paused" or "internal-error" here; one that spins is
  // "running" and only its RIPs say where.
  const auto status = qmp_->execute("query-status", {}, answer_deadline());
  if (!status.ok()) return status.error().message;
  std::string text = fmt::format("QEMU reports status '{}'", field(*status, "status"));
  // Leaves the guest stopped: the caller destroys it.
  if (const auto registers = gdb_->stop(config_.cpus, answer_deadline()); registers.ok()) {
    for (size_t cpu = 0; cpu < std::min(registers->size(), kVcpusDescribed); ++cpu)
      text += fmt::format(", vCPU {} is at {:#x}", cpu, (*registers)[cpu].rip);
  }
  process_->drain_output();
  const std::string said = error_line(process_->output());
  return said.empty() ? text : text + "; QEMU printed: " + said;
}

// Here, where the members' types are complete. `process_` is destroyed before the RAM, which kills
// QEMU.
QemuMachine::~QemuMachine() = default;

Result<MachineEvent> QemuMachine::wait(Clock::time_point deadline, int wake_fd) {
  for (;;) {
    if (!events_.empty()) {
      MachineEvent event = std::move(events_.front());
      events_.pop_front();
      at_breakpoint_ |= event.kind == MachineEventKind::kBreakpoint;
      return event;
    }
    // Only once the queue is empty: what the guest printed before its end comes first.
    if (lost_) return MachineEvent{MachineEventKind::kLost, {}, *lost_};
    KTAPE_ASSIGN(bool woken, pump(deadline, wake_fd));
    if (!events_.empty()) continue;
    if (woken) return MachineEvent{MachineEventKind::kWoken, {}, ""};
    if (Clock::now() >= deadline) return MachineEvent{};
  }
}

Result<void> QemuMachine::send_to_agent(std::span<const std::byte> bytes) {
  if (lost_) return lost_error();
  return to_agent_.push(bytes);
}

Result<void> QemuMachine::check() {
  KTAPE_CHECK(!frozen_);
  // A pending event shows that the machine was alive, or how it ended.
  if (!events_.empty()) return {};
  // After the events: kLost itself is one of them.
  if (lost_) return lost_error();
  auto status = qmp_->execute("query-status", {}, answer_deadline());
  if (!status.ok()) return broken(status.error());
  while (auto event = qmp_->next_event()) take_control_event(*event);
  return {};
}

Result<Frozen> QemuMachine::freeze() {
  KTAPE_CHECK(!frozen_);
  // Events from before the freeze. A panic or reset that QEMU has already reported makes the freeze
  // pointless; and a STOP that is still queued would later be taken for one of a breakpoint.
  if (!lost_) take_control_messages();
  if (lost_) return lost_error();
  auto began = Clock::now();
  auto stopped = gdb_->stop(config_.cpus, answer_deadline());
  auto latency = Clock::now() - began;
  if (!stopped.ok()) return broken(stopped.error());
  registers_ = std::move(*stopped);
  frozen_ = true;
  return Frozen(this, latency);
}

Result<std::vector<VcpuRegisters>> QemuMachine::registers() {
  if (lost_) return lost_error();
  return registers_;
}

Result<void> QemuMachine::set_breakpoint(GuestVirtual address) {
  if (lost_) return lost_error();
  if (breakpoints_.size() >= kMaxBreakpoints)
    return Error{ErrorCode::kOutOfRange, "all breakpoints are in use", ""};
  KTAPE_CHECK(!breakpoints_.contains(address.value));
  KTAPE_TRY(gdb_->set_breakpoint(address, answer_deadline()));
  breakpoints_.insert(address.value);
  return {};
}

Result<void> QemuMachine::clear_breakpoint(GuestVirtual address) {
  if (lost_) return lost_error();
  // Erased first: after a failure the machine counts as lost, and nobody clears it again.
  KTAPE_CHECK(breakpoints_.erase(address.value) == 1);
  return gdb_->clear_breakpoint(address, answer_deadline());
}

// A pending stop event, from another vCPU at a breakpoint, may end a step before it began.
Result<void> QemuMachine::step_past(GuestVirtual at, std::vector<uint32_t> cpus) {
  for (int attempt = 0; attempt < kMaxSteps && !cpus.empty(); ++attempt) {
    for (const uint32_t cpu : cpus) KTAPE_TRY(gdb_->step(cpu, answer_deadline()));
    KTAPE_ASSIGN(const std::vector<VcpuRegisters> now,
                 gdb_->registers(config_.cpus, answer_deadline()));
    // A vCPU that was not stepped is still at the breakpoint; it gets another try.
    std::erase_if(cpus, [&](uint32_t cpu) { return now[cpu].rip != at.value; });
  }
  facts_.not_stepped += cpus.size();
  return {};
}

Result<void> QemuMachine::step_over_breakpoints() {
  KTAPE_ASSIGN(const std::vector<VcpuRegisters> registers,
               gdb_->registers(config_.cpus, answer_deadline()));
  std::map<uint64_t, std::vector<uint32_t>> standing;  // vCPUs at each breakpoint
  for (uint32_t cpu = 0; cpu < registers.size(); ++cpu) {
    if (breakpoints_.contains(registers[cpu].rip)) standing[registers[cpu].rip].push_back(cpu);
  }
  // QEMU does not step a vCPU past a breakpoint by itself. Under TCG (accel/tcg/cpu-exec.c,
  // check_for_breakpoints()) and under KVM, where the fault leaves RFLAGS.RF clear, a vCPU hits the
  // breakpoint at its RIP again, whether it has reported it or only happens to be there. So step
  // exactly those vCPUs, once each. During a step the others stay stopped and interrupts are held
  // back (gdbstub, SSTEP_NOIRQ).
  for (const auto& [at, cpus] : standing) {
    KTAPE_TRY(gdb_->clear_breakpoint(GuestVirtual(at), answer_deadline()));
    KTAPE_TRY(step_past(GuestVirtual(at), cpus));
    KTAPE_TRY(gdb_->set_breakpoint(GuestVirtual(at), answer_deadline()));
  }
  // Each step resumed and stopped the machine. The reply comes after the events for that.
  KTAPE_TRY(qmp_->execute("query-status", {}, answer_deadline()));
  while (auto event = qmp_->next_event()) {
    if (event->name != "STOP") take_control_event(*event);
  }
  return {};
}

Result<void> QemuMachine::thaw() {
  frozen_ = false;
  if (lost_) return lost_error();
  // Only after kBreakpoint was reported: the caller has seen those hits, so they must not come
  // again.
  if (std::exchange(at_breakpoint_, false)) {
    if (auto stepped = step_over_breakpoints(); !stepped.ok()) return broken(stepped.error());
  } else {
    // A vCPU that hit a breakpoint unnoticed during this freeze will hit it again.
    std::erase_if(events_,
                  [](const MachineEvent& e) { return e.kind == MachineEventKind::kBreakpoint; });
  }
  auto resumed = resume();
  if (!resumed.ok()) return broken(resumed.error());
  // A breakpoint may have been hit by now: its STOP came behind RESUME and was read with it.
  while (auto event = qmp_->next_event()) take_control_event(*event);
  return {};
}

Result<void> QemuMachine::resume() {
  const auto deadline = answer_deadline();
  KTAPE_TRY(gdb_->go_on(deadline));
  // Earlier STOP events belong to this freeze.
  for (;;) {
    // Waits for the confirmation, so that a thaw that has returned means a running guest and the
    // frozen time ends here.
    KTAPE_ASSIGN(const QmpEvent event, qmp_->wait_for_event(deadline));
    if (event.name == "RESUME") return {};
    if (event.name != "STOP") take_control_event(event);
  }
}

void QemuMachine::end() { lose("ktape ended the machine"); }

Result<bool> QemuMachine::pump(Clock::time_point deadline, int wake_fd) {
  flush_to_agent();
  // A stopped guest does not read: what is queued goes out after the thaw.
  bool to_send = !frozen_ && !to_agent_.empty();
  auto agent_wants = static_cast<short>(POLLIN | (to_send ? POLLOUT : 0));
  std::array<pollfd, 6> fds = {};
  // poll() ignores a descriptor of -1, which is what a closed channel has.
  auto& [console, agent, control, output, exit, wake] = fds;
  console = {console_due_ ? -1 : console_.get(), POLLIN, 0};
  agent = {agent_.get(), agent_wants, 0};
  control = {qmp_->fd(), POLLIN, 0};
  output = {process_->output_fd(), POLLIN, 0};
  exit = {process_->exit_fd(), POLLIN, 0};
  wake = {wake_fd, POLLIN, 0};
  KTAPE_TRY(poll_until(fds, console_due_ ? std::min(deadline, *console_due_) : deadline));
  bool agent_spoke = (agent.revents & ~POLLOUT) != 0;
  if (console.revents != 0) console_due_ = Clock::now() + kConsoleGather;
  // Console first: output of a panicking kernel precedes its reset.
  bool others = agent_spoke || control.revents != 0 || exit.revents != 0;
  if (console_due_ && (others || Clock::now() >= *console_due_)) take_console();
  if (agent_spoke) take_bytes(agent_, MachineEventKind::kAgentBytes);
  if (output.revents != 0) process_->drain_output();
  // The exit first: take_end() reads the control channel itself, to its end. Otherwise its closing
  // would be reported as the cause.
  if (exit.revents != 0) {
    take_end();
  } else if (control.revents != 0) {
    take_control_messages();
  }
  return wake.revents != 0;
}

void QemuMachine::take_console() {
  console_due_.reset();
  take_bytes(console_, MachineEventKind::kConsoleBytes);
}

void QemuMachine::flush_to_agent() {
  if (frozen_ || to_agent_.empty()) return;
  // What does not fit stays queued; POLLOUT wakes pump() when there is room.
  Result<size_t> written = write_some(agent_.get(), to_agent_.pending());
  if (written.ok()) to_agent_.consume(*written);
  // A broken channel means that QEMU is exiting; its exit says more.
}

bool QemuMachine::take_bytes(UniqueFd& fd, MachineEventKind kind) {
  if (!fd.valid()) return false;
  Result<ReadResult> got = read_some(fd.get(), kMaxEventBytes);
  // The end of the console or of the agent's channel is no event: QEMU's exit explains it.
  if (!got.ok() || got->ended) fd.reset();
  if (!got.ok() || got->bytes.empty()) return false;
  events_.push_back(MachineEvent{kind, std::move(got->bytes), ""});
  return true;
}

void QemuMachine::take_control_messages() {
  Result<bool> open = qmp_->receive();
  while (auto event = qmp_->next_event()) take_control_event(*event);
  if (lost_) return;
  if (!open.ok()) {
    (void)broken(open.error());
  } else if (!*open) {
    (void)broken(Error{ErrorCode::kMachineLost, "QEMU closed its control channel", ""});
  }
}

void QemuMachine::take_control_event(const QmpEvent& event) {
  if (lost_) return;
  if (event.name == "STOP") {
    take_stop();
  } else if (event.name == "SHUTDOWN") {
    // QEMU exits by itself now; handle its remaining output first.
    std::string reason = field(event.data, "reason");
    if (field(event.data, "guest") == "true") {
      shutdown_reason_ = reason;
    } else {
      lose(fmt::format("QEMU was told to quit ({})", reason));
    }
  }
}

// STOP does not say why. The run state does; asking is safe here, because take_control_event() is
// called only between commands.
void QemuMachine::take_stop() {
  // Asked while the guest may have been resumed since: "running" means that this stop is over.
  auto status = qmp_->execute("query-status", {}, answer_deadline());
  if (!status.ok()) {
    (void)broken(status.error());
    return;
  }
  std::string state = field(*status, "status");
  if (state == "running") return;
  // Even without any breakpoint left: a second vCPU may have hit the last one at the same time.
  if (state == "debug") {
    events_.push_back(MachineEvent{MachineEventKind::kBreakpoint, {}, ""});
    return;
  }
  if (state != "internal-error") {
    events_.push_back(MachineEvent{MachineEventKind::kStopped, {}, state});
    return;
  }
  // KVM_EXIT_INTERNAL_ERROR and the like: QEMU prints the reason and the registers to stderr.
  process_->drain_output();
  lose(
      fmt::format("the accelerator cannot continue the guest: {}", error_line(process_->output())));
}

// Not an exit after all, or an exit that is already known.
void QemuMachine::take_end() {
  if (lost_ || !process_->wait_for_end(Clock::now() + kEndGrace)) return;
  process_->drain_output();
  // The pipes hold what the guest printed last, which explains a panic. QEMU has exited, so this
  // ends.
  while (take_bytes(console_, MachineEventKind::kConsoleBytes)) {
  }
  while (take_bytes(agent_, MachineEventKind::kAgentBytes)) {
  }
  if (qmp_) {
    for (Result<bool> open = qmp_->receive(); open.ok() && *open;) open = qmp_->receive();
    // A guest that ended by itself said so in SHUTDOWN. Without it, QEMU crashed or was killed.
    while (auto event = qmp_->next_event()) {
      if (event->name == "SHUTDOWN") take_control_event(*event);
    }
  }
  if (lost_) return;
  if (shutdown_reason_) {
    events_.push_back(MachineEvent{MachineEventKind::kEnded, {}, *shutdown_reason_});
    lost_ = fmt::format("the guest ended ({})", *shutdown_reason_);
    return;
  }
  std::string said = error_line(process_->output());
  lose(fmt::format("QEMU {}{}{}", process_->how_it_ended(), said.empty() ? "" : ": ", said));
}

void QemuMachine::lose(std::string text) {
  if (lost_) return;
  // Killed before its channels are read to their end, so that the end exists.
  process_->kill();
  while (take_bytes(console_, MachineEventKind::kConsoleBytes)) {
  }
  while (take_bytes(agent_, MachineEventKind::kAgentBytes)) {
  }
  events_.push_back(MachineEvent{MachineEventKind::kLost, {}, text});
  lost_ = std::move(text);
}

Error QemuMachine::broken(const Error& cause) {
  // A stopped QEMU (SIGSTOP, a terminal's ^Z) answers nothing, and would otherwise look like one
  // that hangs.
  const std::string stopped = process_->how_it_stopped();
  if (!stopped.empty()) {
    lose(fmt::format("{}: it {}", cause.message, stopped));
  } else if (process_->wait_for_end(Clock::now() + kEndGrace)) {
    // It is exiting: its status and last line are a better cause than the closed channel.
    take_end();
  } else {
    process_->drain_output();
    lose(cause.message);
  }
  return lost_error();
}

}  // namespace ktape
