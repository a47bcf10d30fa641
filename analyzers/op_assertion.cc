// SPDX-License-Identifier: Apache-2.0
#include "analyzers/op_assertion.h"

#include <fmt/format.h>

#include <algorithm>

#include "schema/base/text.h"
#include "schema/target/target_path.h"

namespace ktape {

namespace {

std::string status_text(schema::EntryStatus status) {
  switch (status) {
    case schema::EntryStatus::NOT_SAID: return "was not answered";
    case schema::EntryStatus::DONE: return "was done";
    case schema::EntryStatus::REFUSED: return "was refused";
    case schema::EntryStatus::FAILED: return "failed";
    case schema::EntryStatus::NOT_REACHED: return "was not reached";
  }
  return fmt::format("has the unknown status {}", static_cast<unsigned>(status));
}

}  // namespace

std::string AnsweredEntry::failure() const {
  std::string text = fmt::format("{} as {} {}", asked.isRead() ? "the read" : "the write",
                                 in_quotes(chars(asked.getTag())), status_text(got.getStatus()));
  std::string reason = got.getReason().size() > 0 ? std::string(chars(got.getReason())) : error;
  return reason.empty() ? text : text + ": " + printable(reason);
}

std::unique_ptr<capnp::MallocMessageBuilder> copy_of(schema::OpRequested::Reader request) {
  // One word more than the content: the root pointer.
  auto copy = std::make_unique<capnp::MallocMessageBuilder>(
      static_cast<uint>(request.totalSize().wordCount + 1));
  copy->setRoot(request);
  return copy;
}

void OpAssertion::visit(const RecordView& view) {
  switch (view.record.which()) {
    case schema::Record::OP_REQUESTED: return take_request(view);
    case schema::Record::GATE_CHECKED: return take_gate(view);
    case schema::Record::OP_REPLIED: return take_reply(view);
    // The tape may have the record, the seal, or both.
    case schema::Record::MACHINE_LOST: machine_lost_ = true; break;
    case schema::Record::SEALED:
      machine_lost_ |= view.record.getSealed().getOutcome() == schema::Outcome::MACHINE_LOST;
      break;
    default: break;
  }
  other(view);
}

void OpAssertion::take_request(const RecordView& view) {
  schema::OpRequested::Reader request = view.record.getOpRequested();
  for (auto entry : request.getEntries()) tags_.emplace(chars(entry.getTag()));
  // The reader is valid only during the visit, but the request is needed until its reply.
  auto copy = copy_of(request);
  pending_[request.getOp()] = Pending{view.seq, std::move(copy), {}};
}

void OpAssertion::take_gate(const RecordView& view) {
  schema::GateChecked::Reader gate = view.record.getGateChecked();
  // A gate that passed, or had nothing to look at, changes no judgement.
  if (gate.getOutcome() != schema::GateOutcome::FAILED) return;
  auto it = pending_.find(gate.getOp());
  // Paired by op-pairing and gates-complete; here it is of no use.
  if (it == pending_.end()) return;
  it->second.failed_gates[gate.getEntry()].push_back(
      {view.seq, gate.getFreeze(), gate.getGate(), printable(chars(gate.getObserved()))});
}

void OpAssertion::take_reply(const RecordView& view) {
  schema::OpReplied::Reader reply = view.record.getOpReplied();
  auto it = pending_.find(reply.getOp());
  if (it == pending_.end()) {
    note(view.seq, fmt::format("a reply to request {}, which is not on the tape", reply.getOp()));
    return;
  }
  Pending pending = std::move(it->second);
  pending_.erase(it);
  auto asked = pending.request->getRoot<schema::OpRequested>().asReader().getEntries();
  auto got = reply.getEntries();
  for (unsigned i = 0; i < asked.size(); ++i) {
    if (!concerns(asked[i])) continue;
    any_ = true;
    // A reply with fewer entries than its request: status and value are then unset.
    schema::EntryReply::Reader nothing;
    std::vector<FailedGate> failed = std::move(pending.failed_gates[i]);
    // Gates of earlier tries say nothing about the one that was served.
    std::erase_if(failed, [&](const FailedGate& gate) {
      return gate.freeze != 0 && gate.freeze != reply.getFreeze();
    });
    answered({pending.seq, view.seq, reply.getFreeze(), asked[i], i < got.size() ? got[i] : nothing,
              std::string(chars(reply.getError())), std::move(failed), reply.getAsExpected()});
  }
}

void OpAssertion::finish(TapeState) {
  for (const auto& [op, pending] : pending_) {
    for (auto entry : pending.request->getRoot<schema::OpRequested>().asReader().getEntries()) {
      if (!concerns(entry)) continue;
      any_ = true;
      leave_undecided(pending.seq, fmt::format("request {} ({}) was never answered", op,
                                               in_quotes(chars(entry.getTag()))));
    }
  }
  if (!any_) {
    leave_undecided(Seq(0),
                    fmt::format("the tape has no {}; tags found: {}", subject(), tags_found()));
    return;
  }
  concluded();
}

std::string OpAssertion::tags_found() const {
  std::string text;
  for (const auto& tag : tags_) text += (text.empty() ? "" : ", ") + in_quotes(tag);
  return text.empty() ? "none" : text;
}

std::optional<uint64_t> width_bytes(schema::Value::Reader value) {
  switch (value.which()) {
    case schema::Value::U8: return 1;
    case schema::Value::U16: return 2;
    case schema::Value::U32: return 4;
    case schema::Value::U64: return 8;
    case schema::Value::BYTES: return value.getBytes().size();
    default: return std::nullopt;
  }
}

bool path_is(schema::Target::Reader target, std::initializer_list<std::string_view> members) {
  // The host records the parsed steps; a request that it could not parse has only its text.
  bool parsed = target.getSteps().size() > 0 || target.getPath().size() == 0;
  auto steps = parsed ? read_steps(target) : parse_target_path(chars(target.getPath()));
  if (!steps.ok() || steps->size() != members.size()) return false;
  auto same = [](const PathStep& step, std::string_view member) {
    return step == PathStep(MemberStep{std::string(member)});
  };
  return std::equal(steps->begin(), steps->end(), members.begin(), same);
}

}  // namespace ktape
