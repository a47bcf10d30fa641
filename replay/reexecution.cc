// SPDX-License-Identifier: Apache-2.0
#include "replay/reexecution.h"

#include <capnp/message.h>
#include <fmt/format.h>

#include <algorithm>

#include "guest/kernel/gate_words.h"
#include "guest/kernel/op_records.h"
#include "replay/tape_kernel.h"
#include "schema/base/text.h"
#include "schema/wire/data.h"

namespace ktape {

namespace {

// How many fields these structs had in ktape's first release.
constexpr unsigned kEntryReplyFields = 12;
constexpr unsigned kGateCheckedFields = 7;
constexpr unsigned kVcpuStateFields = 11;

// Bounds what a stranger's tape can make us keep; far above the fields of any run.
constexpr size_t kMaxLayouts = size_t{1} << 16;
constexpr size_t kMaxNameBytes = 4096;

std::string entry_name(const ServedRequest& served, uint32_t entry) {
  const auto request = served.request.get();
  std::string name = fmt::format("request {} entry {}", request.getOp(), entry);
  if (entry >= request.getEntries().size()) return name;
  return name + fmt::format(" ({})", in_quotes(chars(request.getEntries()[entry].getTag())));
}

bool all_done(const std::vector<OpResult>& results) {
  return std::ranges::all_of(results,
                             [](const OpResult& r) { return r.status == schema::EntryStatus::DONE; });
}

std::string truth(bool value) { return value ? "true" : "false"; }

void add(std::vector<ReplayDifference>& to, Seq seq, const std::string& what, FieldDifference field) {
  to.push_back({seq, what, std::move(field)});
}

void add_all(std::vector<ReplayDifference>& to, Seq seq, const std::string& what,
             std::vector<FieldDifference> fields) {
  for (FieldDifference& field : fields) add(to, seq, what, std::move(field));
}

// Returns how many gates stand on both sides.
size_t compare_gates(const ServedRequest& served, uint32_t entry, const std::string& name,
                     const std::vector<GateResult>& gates, std::vector<ReplayDifference>& to) {
  std::map<schema::Gate, const RecordedGate*> recorded;
  for (const RecordedGate& gate : served.gates) {
    if (gate.gate.get().getEntry() == entry) recorded.emplace(gate.gate.get().getGate(), &gate);
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
    ++compared;
    add_all(to, found->second->seq, what,
            differences(found->second->gate.get(), computed.asReader(), {}, kGateCheckedFields));
    recorded.erase(found);
  }
  for (const auto& [gate, unmatched] : recorded) {
    add(to, unmatched->seq, fmt::format("gate {} of {}", gate_name(gate), name),
        {"outcome", "checked", "not checked"});
  }
  return compared;
}

}  // namespace

Reexecution::Reexecution(const JournalReader& tape, const TapeIndex& index, const Kernel& kernel)
    : tape_(tape),
      index_(index),
      kernel_(kernel),
      executor_(kernel),
      evidence_(kernel),
      requests_([this](const ServedRequest& request) { return served(request); }) {}

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

// The memory of a freeze, with what its requests have written so far; nullptr when none was kept.
Result<RecordedMemory*> Reexecution::memory_of(uint64_t freeze) {
  if (memory_freeze_ != freeze) {
    memory_freeze_ = freeze;
    memory_.reset();
    const RecordedFreeze* recorded = index_.freeze(freeze);
    Result<RecordedMemory> memory =
        recorded != nullptr ? memory_at(tape_, *recorded)
                            : Error{ErrorCode::kBadInput, fmt::format("there is no freeze {}", freeze), ""};
    if (memory.ok()) {
      memory_.emplace(std::move(*memory));
    } else if (memory.error().code != ErrorCode::kNotApplicable) {
      return memory.error();
    }
  }
  return memory_ ? &*memory_ : nullptr;
}

Result<void> Reexecution::frozen(Seq seq, schema::Frozen::Reader recorded) {
  KTAPE_ASSIGN(RecordedMemory * memory, memory_of(recorded.getFreeze()));
  if (memory == nullptr) return {};
  (void)memory->take_missing();
  bool with_scheduling = false;
  for (const auto vcpu : recorded.getVcpus())
    with_scheduling = with_scheduling || vcpu.getCurrentPolicy() >= 0;
  const Evidence evidence = evidence_.read(*memory, with_scheduling);
  KTAPE_TRY(memory->intact());
  if (memory->take_missing()) return {};
  ++report_.freezes;
  Found found;
  const std::string name = fmt::format("freeze {}", recorded.getFreeze());
  if (recorded.getBypassDepth() != evidence.bypass_depth) {
    add(found, seq, name,
        {"bypassDepth", std::to_string(recorded.getBypassDepth()), std::to_string(evidence.bypass_depth)});
  }
  const auto vcpus = recorded.getVcpus();
  for (uint32_t cpu = 0; cpu < vcpus.size() && cpu < evidence.cpus.size(); ++cpu) {
    const CpuEvidence& seen = evidence.cpus[cpu];
    capnp::MallocMessageBuilder message;
    message.setRoot(vcpus[cpu]);  // registers are the machine's; the rest is what memory says
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
  KTAPE_ASSIGN(RecordedMemory * memory, memory_of(freeze));
  if (memory == nullptr) {
    ++report_.no_memory;
    return {};
  }
  return replay(served, *memory);
}

// `blind`: entries that needed something that was not captured, and may differ for that.
void Reexecution::execute(const std::vector<Op>& ops, RecordedMemory& memory, std::vector<OpResult>& results,
                          std::vector<bool>& blind) {
  (void)memory.take_missing();
  if (std::holds_alternative<WriteAction>(ops.front().action)) {
    // The first that is not done stops the rest: they go together.
    results = executor_.write(memory, ops);
    blind.assign(ops.size(), memory.take_missing().has_value());
    return;
  }
  for (const Op& op : ops) {
    results.push_back(executor_.read(memory, {op}).at(0));
    blind.push_back(memory.take_missing().has_value());
  }
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
  std::vector<OpResult> results;
  std::vector<bool> blind;
  execute(*ops, memory, results, blind);
  KTAPE_TRY(memory.intact());
  const bool whole = compare_entries(served, results, blind);
  ++(whole ? report_.replayed : report_.not_captured);
  if (whole && served.reply.getOk() != all_done(results)) {
    report({{served.replied, name, {"ok", truth(served.reply.getOk()), truth(all_done(results))}}});
  }
  return {};
}

// False when an entry differs, and what it needed was not captured: that says nothing about today's code.
bool Reexecution::compare_entries(const ServedRequest& served, const std::vector<OpResult>& results,
                                  const std::vector<bool>& blind) {
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
    const size_t gates = compare_gates(served, entry, name, results[entry].gates, found);
    capnp::MallocMessageBuilder message;
    auto computed = message.initRoot<schema::EntryReply>();
    write_result(results[entry], computed);
    // Later ktapes note more than the recorder did.
    const bool noted = recorded[entry].getNote().size() > 0;
    add_all(found, served.replied, name,
            differences(recorded[entry], computed.asReader(), {"elapsedNs", noted ? "" : "note"},
                        kEntryReplyFields));
    if (blind[entry] && !found.empty()) {
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
  const bool is_plausible =
      recorded.getType().size() <= kMaxNameBytes && recorded.getPath().size() <= kMaxNameBytes;
  if (layouts_.size() == kMaxLayouts || !is_plausible) return;
  layouts_.emplace_back(seq, UsedLayout{std::string(chars(recorded.getType())),
                                        std::string(chars(recorded.getPath())), recorded.getOffsetBytes(),
                                        recorded.getSizeBytes(), std::string(chars(recorded.getEncoding()))});
}

// Where today's code finds each field that the capture used. Looked up by name, so that the fields of hot
// requests and of those that cannot be replayed count as well.
void Reexecution::compare_layouts() {
  Found found;
  for (const auto& [seq, layout] : layouts_) {
    // An array, or a type without a name, is reached from others only.
    if (!kernel_.btf().type(layout.type).ok()) continue;
    const Result<FieldInfo> field = kernel_.btf().field(layout.type, layout.path);
    const std::string name = fmt::format("layout of {} {}", printable(layout.type), printable(layout.path));
    ++report_.layouts;
    if (!field.ok()) {
      add(found, seq, name, {"path", "found", in_quotes(field.error().message)});
      continue;
    }
    if (layout.offset_bytes != field->offset_bytes) {
      add(found, seq, name,
          {"offsetBytes", std::to_string(layout.offset_bytes), std::to_string(field->offset_bytes)});
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
  report_.difference_count += found.size();
  for (ReplayDifference& difference : found) {
    if (report_.differences.size() == kDifferencesKept) return;
    report_.differences.push_back(std::move(difference));
  }
}

}  // namespace ktape
