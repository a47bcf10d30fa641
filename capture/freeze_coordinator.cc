// SPDX-License-Identifier: Apache-2.0
#include "capture/freeze_coordinator.h"

#include <algorithm>

#include "guest/kernel/op_records.h"
#include "schema/wire/data.h"

namespace ktape {

namespace {

// A guest waits for each reply before it asks again; one that does not must not fill the host's memory.
constexpr size_t kMostDeferred = 64;
// An error may quote what the guest sent.
constexpr size_t kMostErrorBytes = 4096;

bool all_done(const std::vector<OpResult>& results) {
  return std::all_of(results.begin(), results.end(),
                     [](const OpResult& r) { return r.status == schema::EntryStatus::DONE; });
}

void write_reply(uint64_t op, uint64_t freeze, const std::vector<OpResult>& results,
                 schema::OpReplied::Builder reply) {
  reply.setOp(op);
  reply.setFreeze(freeze);
  reply.setOk(all_done(results));
  auto entries = reply.initEntries(static_cast<unsigned>(results.size()));
  for (unsigned i = 0; i < results.size(); ++i) write_result(results[i], entries[i]);
}

}  // namespace

Result<void> FreezeCoordinator::request(schema::OpRequest::Reader request, GuestNs guest) {
  Request accepted;
  accepted.op = ++last_op_;
  accepted.guest_request = request.getId();
  accepted.mode = request.getMode();
  Result<std::vector<Op>> ops = read_ops(request.getEntries(), request.getMode());

  KTAPE_TRY(record_request(accepted, request, ops, recorder_.now(), guest));
  // A write must be on the tape before it touches the guest.
  KTAPE_TRY(recorder_.commit());

  if (!ops.ok()) return refuse(accepted, ops.error().message.substr(0, kMostErrorBytes));
  if (ops->empty()) return refuse(accepted, "the request has no entries");
  accepted.ops = std::move(ops).value();
  if (failure_) return refuse(accepted, *failure_);
  if (kernel_) return serve(accepted);

  if (deferred_.size() >= kMostDeferred) {
    return refuse(accepted,
                  std::to_string(kMostDeferred) + " requests wait already for the kernel to be adopted");
  }
  KTAPE_TRY(recorder_.record([&](schema::Record::Builder record) {
    auto to = record.initOpDeferred();
    to.setOp(accepted.op);
    to.setReason("the kernel is not adopted yet");
  }));
  deferred_.push_back(std::move(accepted));
  return {};
}

Result<void> FreezeCoordinator::record_request(const Request& request, schema::OpRequest::Reader from,
                                               const Result<std::vector<Op>>& ops, HostNs host,
                                               GuestNs guest) {
  return recorder_.record_at(host, guest, [&](schema::Record::Builder record) {
    auto to = record.initOpRequested();
    to.setOp(request.op);
    to.setGuestRequest(from.getId());
    to.setStep(from.getStep());
    to.setFirstAction(from.getFirstAction());
    to.setMode(from.getMode());
    if (!ops.ok()) {
      to.setEntries(from.getEntries());  // as it came: its reply says what is wrong with it
      return;
    }
    // Once: each time that a list is reached counts against what may be read of a message.
    const auto asked = from.getEntries();
    auto entries = to.initEntries(asked.size());
    for (unsigned i = 0; i < entries.size(); ++i) write_op(asked[i], (*ops)[i], entries[i]);
  });
}

Result<void> FreezeCoordinator::freeze_for_host(Standstill at, FreezeReason reason,
                                                schema::OpRequest::Reader reads) {
  Result<std::vector<Op>> ops = read_ops(reads.getEntries(), schema::OpMode::COLD);
  KTAPE_CHECK(ops.ok());
  Request request;
  if (!ops->empty()) {
    request.op = ++last_op_;
    KTAPE_TRY(record_request(request, reads, ops, recorder_.at(at.began), GuestNs(0)));
  }
  reason.op = request.op;
  KTAPE_ASSIGN(const FreezeDone freeze, freezer_.finish(std::move(at), reason, serving(*ops)));
  KTAPE_TRY(freezer_.record_layouts(executor_->take_used_layouts()));
  if (request.op != 0) {
    KTAPE_TRY(recorder_.record([&](schema::Record::Builder record) {
      write_reply(request.op, freeze.id, freeze.results, record.initOpReplied());
    }));
  }
  KTAPE_TRY(recorder_.commit());
  return freeze.thaw;
}

Result<void> FreezeCoordinator::adopted(Kernel kernel) {
  kernel_ = std::make_unique<Kernel>(std::move(kernel));
  executor_ = std::make_unique<OpExecutor>(*kernel_);
  freezer_.adopted(*kernel_);
  while (!deferred_.empty()) {
    Request next = std::move(deferred_.front());
    deferred_.pop_front();
    KTAPE_TRY(serve(next));
  }
  return {};
}

Result<void> FreezeCoordinator::adoption_failed(const Error& error) {
  failure_ = "the guest's kernel could not be adopted: " + error.message;
  while (!deferred_.empty()) {
    Request next = std::move(deferred_.front());
    deferred_.pop_front();
    KTAPE_TRY(refuse(next, *failure_));
  }
  return {};
}

Result<void> FreezeCoordinator::serve(const Request& request) {
  return request.mode == schema::OpMode::HOT ? serve_hot(request) : serve_cold(request);
}

// Names are resolved now: before the freeze, where it has not begun yet.
FreezeWork FreezeCoordinator::serving(const std::vector<Op>& ops) {
  struct Batch {
    PreparedOps prepared;
    ServedOps served;
  };
  auto batch = std::make_shared<Batch>(Batch{executor_->prepare(ops), {}});
  const bool writes = !ops.empty() && std::holds_alternative<WriteAction>(ops.front().action);
  return {[this, batch, writes](WritableGuestMemory& memory) {
            batch->served = writes ? executor_->serve_writes(memory, batch->prepared)
                                   : executor_->serve_reads(memory, batch->prepared);
          },
          [this, batch] { return executor_->tell(batch->prepared, std::move(batch->served)); }};
}

Result<void> FreezeCoordinator::serve_cold(const Request& request) {
  Result<FreezeDone> freeze =
      freezer_.freeze({schema::FreezeCause::REQUEST, request.op, {}}, serving(request.ops));
  if (!freeze.ok()) {
    KTAPE_TRY(record_refusal(request, freeze.error().message));
    return freeze.error();
  }
  KTAPE_TRY(freezer_.record_layouts(executor_->take_used_layouts()));
  if (freeze->thaw.ok()) return finish(request, freeze->id, freeze->results);
  KTAPE_TRY(recorder_.record([&](schema::Record::Builder record) {
    write_reply(request.op, freeze->id, freeze->results, record.initOpReplied());
  }));
  return freeze->thaw.error();
}

Result<void> FreezeCoordinator::serve_hot(const Request& request) {
  std::vector<OpResult> results;
  for (const Op& op : request.ops) results.push_back(executor_->read_hot(machine_.live_memory(), op));
  KTAPE_TRY(freezer_.record_layouts(executor_->take_used_layouts()));
  return finish(request, 0, results);
}

Result<void> FreezeCoordinator::finish(const Request& request, uint64_t freeze,
                                       const std::vector<OpResult>& results) {
  auto fill = [&](schema::OpReplied::Builder reply) {
    write_reply(request.op, freeze, results, reply);
    reply.setLiveNotCoherent(request.mode == schema::OpMode::HOT);
  };
  KTAPE_TRY(recorder_.record([&](schema::Record::Builder record) { fill(record.initOpReplied()); }));
  KTAPE_TRY(recorder_.commit());
  Result<void> sent = agent_.send([&](schema::FromHost::Builder message) {
    auto reply = message.initReply();
    reply.setRequest(request.guest_request);
    fill(reply.initResult());
  });
  if (sent.ok() || sent.error().code != ErrorCode::kOutOfRange) return sent;
  return send_error(request, "the reply is too long for a message; the tape has it");
}

Result<void> FreezeCoordinator::record_refusal(const Request& request, const std::string& reason) {
  KTAPE_TRY(recorder_.record([&](schema::Record::Builder record) {
    auto reply = record.initOpReplied();
    reply.setOp(request.op);
    reply.setError(reason);
  }));
  return recorder_.commit();
}

Result<void> FreezeCoordinator::refuse(const Request& request, const std::string& reason) {
  KTAPE_TRY(record_refusal(request, reason));
  return send_error(request, reason);
}

Result<void> FreezeCoordinator::send_error(const Request& request, const std::string& error) {
  return agent_.send([&](schema::FromHost::Builder message) {
    auto reply = message.initReply();
    reply.setRequest(request.guest_request);
    reply.initResult().setOp(request.op);
    reply.getResult().setError(error);
  });
}

}  // namespace ktape
