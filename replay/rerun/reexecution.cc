// SPDX-License-Identifier: Apache-2.0
#include "replay/rerun/reexecution.h"

#include <capnp/message.h>
#include <fmt/format.h>

#include <algorithm>

#include "guest/kernel/ops/gate_words.h"
#include "guest/kernel/ops/op_records.h"
#include "replay/tape/tape_kernel.h"
#include "schema/base/text.h"
#include "schema/wire/data.h"

namespace ktape {

namespace {

// The number of fields that these structs had in ktape's first release. Fields beyond these are
// compared only where the recorder wrote them.
constexpr unsigned kEntryReplyFields = 12;
constexpr unsigned kGateCheckedFields = 7;
constexpr unsigned kVcpuStateFields = 11;

// Bounds the memory that an untrusted tape can make us use; far above the fields of any run.
constexpr size_t kMaxLayouts = size_t{1} << 16;
constexpr size_t kMaxNameBytes = 4096;

std::string entry_name(const ServedRequest& served, uint32_t entry) {
  const auto request = served.request.get();
  std::string name = fmt::format("request {} entry {}", request.getOp(), entry);
  if (entry >= request.getEntries().size()) return name;
  return name + fmt::format(" ({})", in_quotes(chars(request.getEntries()[entry].getTag())));
}

bool all_done(const std::vector<OpResult>& results) {
  return std::ranges::all_of(
      results, [](const OpResult& r) { return r.status == schema::EntryStatus::DONE; });
}

std::string truth(bool value) { return value ? "true" : "false"; }

void add(std::vector<ReplayDifference>& to, Seq seq, const std::string& what,
         FieldDifference field) {
  to.push_back({seq, what, std::move(field)});
}

void add_all(std::vector<ReplayDifference>& to, Seq seq, const std::string& what,
             std::vector<FieldDifference> fields) {
  for (FieldDifference& field : fields) add(to, seq, what, std::move(field));
}

// A recorder that tried once did not record the freeze.
bool is_of_freeze(schema::GateChecked::Reader gate, uint64_t freeze) {
  return gate.getFreeze() == freeze || gate.getFreeze() == 0;
}

// Returns how many gates are on both sides.
size_t compare_gates(const ServedRequest& served, uint64_t freeze, uint32_t entry,
                     const std::string& name, const std::vector<GateResult>& gates,
                     std::vector<ReplayDifference>& to) {
  // By gate and not by position: a recorder may have had fewer.
  std::map<schema::Gate, const RecordedGate*> recorded;
  for (const RecordedGate& gate : served.gates) {
    const auto of = gate.gate.get();
    if (of.getEntry() == entry && is_of_freeze(of, freeze)) recorded.emplace(of.getGate(), &gate);
  }
  size_t compared = 0;
  for (const GateResult& gate : gates) {
    const std::string what = fmt::format("gate {} of {}", gate_name(gate.gate), name);
    const auto found = recorded.find(gate.gate);
    if (found == recorded.end()) {
      add(to, served.replied, what, {"outcome", "no record", "checked"});
      continue;
    }
    capnp::MallocMessageBuilder message;
    auto computed = message.initRoot<schema::GateChecked>();
    write_gate(served.request.get().getOp(), entry, gate, computed);
    // Where and when the gate was evaluated is the tape's own fact, not something that is computed.
    computed.setFreeze(found->second->gate.get().getFreeze());
    computed.setTry(found->second->gate.get().getTry());
    ++compared;
    add_all(to, found->second->seq, what,
            differences(found->second->gate.get(), computed.asReader(), {}, kGateCheckedFields));
    // What is left over was recorded, and not evaluated now.
    recorded.erase(found);
  }
  for (const auto& [gate, unmatched] : recorded) {
    add(to, unmatched->seq, fmt::format("gate {} of {}", gate_name(gate), name),
        {"outcome", "checked", "not checked"});
  }
  return compared;
}

}  // namespace

Reexecution::Reexecution(const TapeReader& tape, const TapeIndex& index, const Kernel& kernel)
    : tape_(tape),
      index_(index),
      kernel_(kernel),
      executor_(kernel),
      evidence_(kernel),
      requests_([this](const ServedRequest& request) { return served(request); }) {
  for (const Freeze& freeze : index.freezes()) {
    if (freeze.op != 0) freezes_[freeze.op].push_back(&freeze);
  }
}

Result<void> Reexecution::visit(const RecordView& view) {
  if (!view.known) return {};
  if (view.record.isFrozen()) return frozen(view.seq, view.record.getFrozen());
  if (view.record.isLayoutUsed()) layout_used(view.seq, view.record.getLayoutUsed());
  return requests_.visit(view);
}

ReplayReport Reexecution::finish() {
  compare_layouts();
  report_.unanswered = requests_.waiting().size();
  return std::move(report_);
}

// The memory of a freeze, with what its requests have written so far; nullptr if none was kept.
Result<RecordedMemory*> Reexecution::memory_of(uint64_t freeze) {
  // One memory at a time, in the order of the records. Requests of one freeze share it, so that a
  // later one sees what an earlier one wrote.
  if (memory_freeze_ != freeze) {
    memory_freeze_ = freeze;
    memory_.reset();
    const Freeze* recorded = index_.freeze(freeze);
    Result<RecordedMemory> memory =
        recorded != nullptr
            ? memory_at(tape_, *recorded)
            : Error{ErrorCode::kBadInput, fmt::format("there is no freeze {}", freeze), ""};
    if (memory.ok()) {
      memory_.emplace(std::move(*memory));
    } else if (memory.error().code != ErrorCode::kNotApplicable) {
      // No memory was kept: nothing to replay, and no error.
      return memory.error();
    }
  }
  return memory_ ? &*memory_ : nullptr;
}

Result<void> Reexecution::frozen(Seq seq, schema::Frozen::Reader recorded) {
  const Freeze* of = index_.freeze(recorded.getFreeze());
  // Kept only for freezes of requests, whose ops need to know where the CPUs stood.
  if (of != nullptr && of->op != 0) {
    std::vector<StoppedCpu>& stopped = stopped_[of->id];
    stopped.clear();
    for (auto vcpu : recorded.getVcpus()) {
      stopped.push_back({vcpu.getKnown(), GuestVirtual(vcpu.getRip()), vcpu.getCpl(),
                         vcpu.getInterruptsEnabled()});
    }
  }
  KTAPE_ASSIGN(RecordedMemory * memory, memory_of(recorded.getFreeze()));
  if (memory == nullptr) return {};
  (void)memory->take_missing();
  // Older recorders did not read the scheduling of current tasks, and did not keep that memory.
  bool with_scheduling = false;
  for (const auto vcpu : recorded.getVcpus())
    with_scheduling = with_scheduling || vcpu.getCurrentPolicy() >= 0;
  const Evidence evidence = evidence_.read(*memory, with_scheduling);
  // A page of the tape that does not match its hash makes everything read from it worthless.
  KTAPE_TRY(memory->intact());
  // The evidence needed memory that was not captured, so a difference would mean nothing.
  if (memory->take_missing()) return {};
  ++report_.freezes;
  Found found;
  const std::string name = fmt::format("freeze {}", recorded.getFreeze());
  if (recorded.getBypassDepth() != evidence.bypass_depth) {
    add(found, seq, name,
        {"bypassDepth", std::to_string(recorded.getBypassDepth()),
         std::to_string(evidence.bypass_depth)});
  }
  const auto vcpus = recorded.getVcpus();
  for (uint32_t cpu = 0; cpu < vcpus.size() && cpu < evidence.cpus.size(); ++cpu) {
    const CpuEvidence& seen = evidence.cpus[cpu];
    capnp::MallocMessageBuilder message;
    message.setRoot(vcpus[cpu]);  // registers come from the machine, the rest from memory
    auto computed = message.getRoot<schema::VcpuState>();
    write_evidence(kernel_, seen, computed);
    add_all(found, seq, fmt::format("{} CPU {}", name, cpu),
            differences(vcpus[cpu], computed.asReader(), {}, kVcpuStateFields));
  }
  report(std::move(found));
  return {};
}

Result<void> Reexecution::served(const ServedRequest& served) {
  const auto request = served.request.get();
  if (request.getMode() == schema::OpMode::HOT) {
    ++report_.hot;
    return {};
  }
  const uint64_t freeze = served.reply.getFreeze();
  if (freeze == 0) {
    ++report_.refused;
    return {};
  }
  ++report_.requests;
  if (served.deferred) ++report_.deferred;
  KTAPE_TRY(replay_earlier_tries(served));
  KTAPE_ASSIGN(RecordedMemory * memory, memory_of(freeze));
  if (memory != nullptr) {
    KTAPE_TRY(replay(served, *memory));
  } else {
    ++report_.no_memory;
  }
  // From here on no record of the request can come.
  for (const Freeze* attempt : freezes_[served.request.get().getOp()]) stopped_.erase(attempt->id);
  return {};
}

// All tries but the last; the request was refused in them, and nothing was written.
Result<void> Reexecution::replay_earlier_tries(const ServedRequest& served) {
  const auto request = served.request.get();
  const Result<std::vector<Op>> ops = read_ops(request.getEntries(), request.getMode());
  if (!ops.ok()) return {};  // reported for the last try
  for (const Freeze* attempt : freezes_[request.getOp()]) {
    if (attempt->id == served.reply.getFreeze() || attempt->attempt == 0) continue;
    KTAPE_ASSIGN(RecordedMemory * memory, memory_of(attempt->id));
    if (memory == nullptr) continue;
    const Execution execution = execute(*ops, *memory, moment_of(attempt->id, *memory));
    KTAPE_TRY(memory->intact());
    compare_try(served, *attempt, execution);
  }
  return {};
}

void Reexecution::compare_try(const ServedRequest& served, const Freeze& freeze,
                              const Execution& execution) {
  const std::string which = fmt::format("try {} of ", freeze.attempt);
  Found found;
  size_t gates = 0;
  for (uint32_t entry = 0; entry < execution.results.size(); ++entry) {
    // An entry that saw less than the capture did says nothing about the try.
    if (execution.blind[entry]) return;
    gates += compare_gates(served, freeze.id, entry, which + entry_name(served, entry),
                           execution.results[entry].gates, found);
  }
  // The recorder tried again, so it must have found that another try may help.
  if (!execution.may_pass)
    add(found, freeze.began, which + fmt::format("request {}", served.request.get().getOp()),
        {"outcome", "to be tried again",
         all_done(execution.results) ? "done" : "refused for good"});
  ++report_.tries;
  report_.gates += gates;
  report(std::move(found));
}

StopMoment Reexecution::moment_of(uint64_t freeze, const RecordedMemory& memory) const {
  const auto stopped = stopped_.find(freeze);
  return {stopped != stopped_.end() ? stopped->second : std::vector<StoppedCpu>(),
          evidence_.read(memory)};
}

Reexecution::Execution Reexecution::execute(const std::vector<Op>& ops, RecordedMemory& memory,
                                            const StopMoment& moment) {
  // Forgets what earlier reads missed.
  (void)memory.take_missing();
  Execution execution;
  if (std::holds_alternative<WriteAction>(ops.front().action)) {
    // The first entry that is not done stops the rest: they are written together.
    const std::vector<PreparedOp> prepared = executor_.prepare(ops);
    ServedOps served = executor_.serve_writes(memory, prepared);
    execution.may_pass = served.may_pass;
    execution.results = executor_.describe(prepared, std::move(served), moment);
    execution.blind.assign(ops.size(), memory.take_missing().has_value());
    return execution;
  }
  // One by one, so that it is known which entry missed something.
  for (const Op& op : ops) {
    const std::vector<Op> alone{op};
    const std::vector<PreparedOp> prepared = executor_.prepare(alone);
    ServedOps served = executor_.serve_reads(memory, prepared, moment);
    execution.may_pass = execution.may_pass || served.may_pass;
    execution.results.push_back(executor_.describe(prepared, std::move(served), moment).at(0));
    execution.blind.push_back(memory.take_missing().has_value());
  }
  return execution;
}

// As in recorders that tried once: each write of a batch was checked by its gates when its turn
// came.
Reexecution::Execution Reexecution::execute_in_order(const std::vector<Op>& ops,
                                                     RecordedMemory& memory) {
  if (std::holds_alternative<ReadAction>(ops.front().action)) return execute(ops, memory, {});
  (void)memory.take_missing();
  Execution execution;
  bool stopped = false;
  for (const Op& op : ops) {
    OpResult& result = execution.results.emplace_back();
    if (stopped) {
      result.reason = kStoppedBefore;
      continue;
    }
    result = executor_.write(memory, {op}).at(0);
    result.lock_users.clear();  // which no recorder reported then
    stopped = result.status != schema::EntryStatus::DONE;
  }
  execution.blind.assign(ops.size(), memory.take_missing().has_value());
  return execution;
}

Result<void> Reexecution::replay(const ServedRequest& served, RecordedMemory& memory) {
  const auto request = served.request.get();
  const std::string name = fmt::format("request {}", request.getOp());
  const Result<std::vector<Op>> ops = read_ops(request.getEntries(), request.getMode());
  if (!ops.ok()) {
    ++report_.replayed;
    report({{served.replied, name, {"error", "served", in_quotes(ops.error().message)}}});
    return {};
  }
  // Without a number of tries the recorder is one that tried once, and checked gates write by
  // write.
  const bool recorded_tries = served.reply.getTries() > 0;
  Execution execution = recorded_tries
                            ? execute(*ops, memory, moment_of(served.reply.getFreeze(), memory))
                            : execute_in_order(*ops, memory);
  KTAPE_TRY(memory.intact());
  const bool done = all_done(execution.results);
  const bool whole = compare_entries(served, std::move(execution));
  ++(whole ? report_.replayed : report_.not_captured);
  // Only if everything was captured: else `done` may be wrong for lack of memory.
  if (whole && served.reply.getOk() != done) {
    report({{served.replied, name, {"ok", truth(served.reply.getOk()), truth(done)}}});
  }
  return {};
}

// False if an entry differs and what it needed was not captured: that says nothing about today's
// code.
bool Reexecution::compare_entries(const ServedRequest& served, Execution execution) {
  const std::vector<OpResult>& results = execution.results;
  const auto recorded = served.reply.getEntries();
  if (recorded.size() != results.size()) {
    report({{served.replied,
             fmt::format("request {}", served.request.get().getOp()),
             {"entries", std::to_string(recorded.size()), std::to_string(results.size())}}});
    return true;
  }
  bool whole = true;
  for (uint32_t entry = 0; entry < results.size(); ++entry) {
    const std::string name = entry_name(served, entry);
    Found found;
    const size_t gates =
        compare_gates(served, served.reply.getFreeze(), entry, name, results[entry].gates, found);
    capnp::MallocMessageBuilder message;
    auto computed = message.initRoot<schema::EntryReply>();
    write_result(results[entry], computed);
    // Later versions of ktape note more than the recorder did.
    const bool noted = recorded[entry].getNote().size() > 0;
    add_all(found, served.replied, name,
            differences(recorded[entry], computed.asReader(), {"elapsedNs", noted ? "" : "note"},
                        kEntryReplyFields));
    if (execution.blind[entry] && !found.empty()) {
      whole = false;
      continue;
    }
    ++report_.entries;
    report_.gates += gates;
    report(std::move(found));
  }
  return whole;
}

void Reexecution::layout_used(Seq seq, schema::LayoutUsed::Reader recorded) {
  // An index of names from the tape: bounded in number and length.
  const bool is_plausible =
      recorded.getType().size() <= kMaxNameBytes && recorded.getPath().size() <= kMaxNameBytes;
  if (layouts_.size() == kMaxLayouts || !is_plausible) return;
  layouts_.emplace_back(
      seq, UsedLayout{std::string(chars(recorded.getType())),
                      std::string(chars(recorded.getPath())), recorded.getOffsetBytes(),
                      recorded.getSizeBytes(), std::string(chars(recorded.getEncoding()))});
}

// Where today's code finds each field that the capture used. Looked up by name, so that fields of
// hot requests and of those that cannot be replayed are also checked.
void Reexecution::compare_layouts() {
  Found found;
  for (const auto& [seq, layout] : layouts_) {
    // Arrays, and types without a name, are reached only from others.
    if (!kernel_.btf().type(layout.type).ok()) continue;
    const Result<FieldInfo> field = kernel_.btf().field(layout.type, layout.path);
    const std::string name =
        fmt::format("layout of {} {}", printable(layout.type), printable(layout.path));
    ++report_.layouts;
    if (!field.ok()) {
      add(found, seq, name, {"path", "found", in_quotes(field.error().message)});
      continue;
    }
    if (layout.offset_bytes != field->offset_bytes) {
      add(found, seq, name,
          {"offsetBytes", std::to_string(layout.offset_bytes),
           std::to_string(field->offset_bytes)});
    }
    if (layout.size_bytes != field->type.size_bytes) {
      add(found, seq, name,
          {"sizeBytes", std::to_string(layout.size_bytes), std::to_string(field->type.size_bytes)});
    }
    if (layout.encoding != field->type.name) {
      add(found, seq, name, {"encoding", in_quotes(layout.encoding), in_quotes(field->type.name)});
    }
  }
  report(std::move(found));
}

void Reexecution::report(Found found) {
  // All are counted, the first are kept.
  report_.difference_count += found.size();
  for (ReplayDifference& difference : found) {
    if (report_.differences.size() == kDifferencesKept) return;
    report_.differences.push_back(std::move(difference));
  }
}

}  // namespace ktape
