// SPDX-License-Identifier: Apache-2.0
#include "capture/freeze/request_server.h"

#include <fmt/format.h>

#include <algorithm>

#include "guest/kernel/ops/op_records.h"
#include "schema/scenario/retry.h"
#include "schema/wire/data.h"

namespace ktape {

namespace {

// A well-behaved guest waits for each reply before the next request. Others must not fill the
// host's memory. A hostile guest sends requests without waiting; each one holds its entries in
// memory.
constexpr size_t kMaxDeferred = 64;
// An error may quote guest data.
constexpr size_t kMaxErrorBytes = 4096;
// How long the guest runs before the first retry of a request; doubles with each retry.
constexpr std::chrono::milliseconds kFirstWait{1};

bool all_done(const std::vector<OpResult>& results) {
  return std::all_of(results.begin(), results.end(),
                     [](const OpResult& r) { return r.status == schema::EntryStatus::DONE; });
}

// Whether its only entry was refused by that gate.
bool refused_by(const std::vector<OpResult>& results, schema::Gate gate) {
  if (gate == schema::Gate::NOT_SAID || results.size() != 1) return false;
  if (results[0].status != schema::EntryStatus::REFUSED) return false;
  return std::ranges::any_of(results[0].gates, [&](const GateResult& seen) {
    return seen.gate == gate && seen.enforced && seen.outcome == schema::GateOutcome::FAILED;
  });
}

void write_reply(uint64_t op, uint64_t freeze, const std::vector<OpResult>& results,
                 schema::OpReplied::Builder reply) {
  reply.setOp(op);
  reply.setFreeze(freeze);
  reply.setOk(all_done(results));
  auto entries = reply.initEntries(static_cast<unsigned>(results.size()));
  for (unsigned i = 0; i < results.size(); ++i) write_result(results[i], entries[i]);
}

uint64_t ns(std::chrono::nanoseconds time) { return static_cast<uint64_t>(time.count()); }

}  // namespace

Result<void> RequestServer::request(schema::OpRequest::Reader request, GuestNs guest) {
  Request accepted;
  // Numbers are ours and dense; the guest's own number is data, since it may repeat or skip.
  accepted.op = ++last_op_;
  accepted.guest_request = request.getId();
  accepted.mode = request.getMode();
  accepted.retry_ms = request.getRetryMs() < 0 ? kDefaultRetryMs : request.getRetryMs();
  if (request.getExpect().isRefused()) accepted.refused_by = request.getExpect().getRefused();
  // A request that cannot be read is still recorded and answered.
  Result<std::vector<Op>> ops = read_ops(request.getEntries(), request.getMode());

  KTAPE_TRY(record_request(accepted, request, ops, recorder_.now(), guest));
  // A write must be on the tape before it changes the guest.
  KTAPE_TRY(recorder_.commit());

  if (!ops.ok()) return refuse(accepted, ops.error().message.substr(0, kMaxErrorBytes));
  if (ops->empty()) return refuse(accepted, "the request has no entries");
  // With several entries it would be open which of them is to be refused.
  if (accepted.refused_by != schema::Gate::NOT_SAID && ops->size() != 1)
    return refuse(accepted, "a request that expects a refusal must have exactly one entry");
  accepted.ops = std::move(ops).value();
  if (failure_) return refuse(accepted, *failure_);
  // In order of arrival: a request never overtakes one that is deferred or waits for a retry.
  if (!kernel_ || !waiting_.empty()) return defer(std::move(accepted));
  waiting_.push_back(std::move(accepted));
  return serve_waiting();
}

// The kernel is not adopted yet, or an earlier request waits.
Result<void> RequestServer::defer(Request request) {
  if (waiting_.size() >= kMaxDeferred) {
    const std::string what = kernel_ ? fmt::format("request {} to be served", waiting_.front().op)
                                     : std::string("the kernel to be adopted");
    return refuse(request,
                  fmt::format("{} requests are already waiting for {}", kMaxDeferred, what));
  }
  const std::string why = kernel_
                              ? fmt::format("request {} must be retried first", waiting_.front().op)
                              : std::string("the kernel is not adopted yet");
  KTAPE_TRY(recorder_.record([&](schema::Record::Builder record) {
    auto to = record.initOpDeferred();
    to.setOp(request.op);
    to.setReason(why);
  }));
  waiting_.push_back(std::move(request));
  return {};
}

Result<void> RequestServer::record_request(const Request& request, schema::OpRequest::Reader from,
                                           const Result<std::vector<Op>>& ops, HostNs host,
                                           GuestNs guest) {
  return recorder_.record_at(host, guest, [&](schema::Record::Builder record) {
    auto to = record.initOpRequested();
    to.setOp(request.op);
    to.setGuestRequest(from.getId());
    to.setStep(from.getStep());
    to.setFirstAction(from.getFirstAction());
    to.setInterval(from.getInterval());
    to.setMode(from.getMode());
    to.setRetryMs(request.retry_ms);
    if (from.getExpect().isRefused()) to.initExpect().setRefused(from.getExpect().getRefused());
    if (!ops.ok()) {
      to.setEntries(from.getEntries());  // unmodified: the reply says what is wrong with it
      return;
    }
    // Read once: each traversal counts against the message's read limit.
    const auto asked = from.getEntries();
    // Steps are written out, so that a reader of the tape need not parse paths.
    auto entries = to.initEntries(asked.size());
    for (unsigned i = 0; i < entries.size(); ++i) write_op(asked[i], (*ops)[i], entries[i]);
  });
}

Result<void> RequestServer::freeze_for_host(StoppedMachine at, FreezeReason reason,
                                            schema::OpRequest::Reader reads) {
  // Our own reads; see HostReads, whose number of entries is far below the limit.
  Result<std::vector<Op>> ops = read_ops(reads.getEntries(), schema::OpMode::COLD);
  KTAPE_CHECK(ops.ok());
  Request request;
  if (!ops->empty()) {
    request.op = ++last_op_;
    request.tries = 1;
    // During the freeze, because the stop comes first here; its time is that of the stop. Nothing
    // is committed before the thaw.
    KTAPE_TRY(record_request(request, reads, ops, recorder_.at(at.began), GuestNs(0)));
  }
  reason.op = request.op;
  reason.attempt = request.tries;
  KTAPE_ASSIGN(const Served served,
               serve_stopped(std::move(at), reason, executor_->prepare(*ops), false));
  if (request.op != 0) KTAPE_TRY(record_reply(request, served.freeze.id, served.results));
  KTAPE_TRY(recorder_.commit());
  // The tape has everything, whether or not the machine resumed.
  return served.freeze.thaw;
}

Result<void> RequestServer::adopted(Kernel kernel) {
  kernel_ = std::make_unique<Kernel>(std::move(kernel));
  executor_ = std::make_unique<OpExecutor>(*kernel_);
  // Before any request is served: the server's freezes take the evidence of this kernel.
  KTAPE_TRY(freezer_.adopted(*kernel_));
  return serve_waiting();
}

Result<void> RequestServer::adoption_failed(const Error& error) {
  failure_ = "the guest's kernel could not be adopted: " + error.message;
  while (!waiting_.empty()) {
    Request next = std::move(waiting_.front());
    waiting_.pop_front();
    KTAPE_TRY(refuse(next, *failure_));
  }
  return {};
}

Result<void> RequestServer::on_time() {
  if (!pause_ || ran(*pause_) < pause_->wait) return {};
  return serve_waiting();
}

RequestServer::Clock::time_point RequestServer::due() const {
  // Time that the machine was frozen by others meanwhile (a trigger, an interval) does not count as
  // waiting: the guest did not run.
  if (!pause_) return Clock::time_point::max();
  return pause_->since + pause_->wait + (freezer_.frozen_time() - pause_->frozen_before);
}

// A request that must be retried blocks those behind it.
Result<void> RequestServer::serve_waiting() {
  while (!waiting_.empty()) {
    KTAPE_ASSIGN(const bool served, serve(waiting_.front()));
    if (!served) return {};
    waiting_.pop_front();
  }
  return {};
}

Result<bool> RequestServer::serve(Request& request) {
  if (request.mode == schema::OpMode::COLD) return serve_cold(request);
  KTAPE_TRY(serve_hot(request));
  return true;
}

Result<RequestServer::Served> RequestServer::serve_stopped(StoppedMachine at,
                                                           const FreezeReason& reason,
                                                           const std::vector<PreparedOp>& prepared,
                                                           bool writes) {
  Served served{freezer_.begin(std::move(at)), {}};
  FreezeInProgress& freeze = served.freeze;
  // Nothing but memory is touched between begin() and thaw(): no text, no record.
  ServedOps ops = writes ? executor_->serve_writes(*freeze.memory, prepared)
                         : executor_->serve_reads(*freeze.memory, prepared, freeze.stop);
  freezer_.thaw(freeze);
  served.may_pass = ops.may_pass;
  served.results = executor_->describe(prepared, std::move(ops), freeze.stop);
  KTAPE_TRY(freezer_.record(freeze, reason, served.results));
  KTAPE_TRY(freezer_.record_layouts(executor_->take_used_layouts()));
  return served;
}

Result<bool> RequestServer::serve_cold(Request& request) {
  // How long the guest really ran, which may be more than was planned.
  if (pause_) request.waited += ran(*pause_);
  pause_.reset();
  // Resolve names now, before the freeze.
  const std::vector<PreparedOp> prepared = executor_->prepare(request.ops);
  const bool writes = std::holds_alternative<WriteAction>(request.ops.front().action);
  const FreezeReason reason{schema::FreezeCause::REQUEST, request.op, {}, 0, ++request.tries};
  Result<StoppedMachine> at = freezer_.stop();
  if (!at.ok()) {
    // The request was committed, so it gets a reply on the tape, even though the guest cannot read
    // it.
    KTAPE_TRY(record_refusal(request, at.error().message));
    return at.error();
  }
  KTAPE_ASSIGN(const Served served, serve_stopped(std::move(at).value(), reason, prepared, writes));
  const FreezeInProgress& freeze = served.freeze;
  if (!freeze.thaw.ok()) {
    KTAPE_TRY(record_reply(request, freeze.id, served.results));
    return freeze.thaw.error();
  }
  // A refusal that the scenario expects ends the request at once.
  const bool is_wanted = refused_by(served.results, request.refused_by);
  if (served.may_pass && !is_wanted && pause(request, freeze)) return false;
  KTAPE_TRY(finish(request, freeze.id, served.results));
  return true;
}

bool RequestServer::pause(const Request& request, const FreezeInProgress& freeze) {
  // retryMs counts time in which the guest ran, not the time that it stood still for our tries.
  const std::chrono::nanoseconds left =
      std::chrono::milliseconds(request.retry_ms) - request.waited;
  if (left <= std::chrono::nanoseconds(0)) return false;
  std::chrono::nanoseconds wait = kFirstWait;
  for (uint32_t i = 1; i < request.tries && wait < left; ++i) wait *= 2;
  // From the thaw, so that recording this try counts as the guest's time, too.
  pause_ = Pause{freeze.thawed, freezer_.frozen_time(), std::min(wait, left)};
  return true;
}

std::chrono::nanoseconds RequestServer::ran(const Pause& pause) const {
  return Clock::now() - pause.since - (freezer_.frozen_time() - pause.frozen_before);
}

Result<void> RequestServer::serve_hot(const Request& request) {
  std::vector<OpResult> results;
  // No freeze, so each op is read for itself, and the results are not coherent (liveNotCoherent).
  for (const Op& op : request.ops)
    results.push_back(executor_->read_hot(machine_.live_memory(), op));
  KTAPE_TRY(freezer_.record_layouts(executor_->take_used_layouts()));
  return finish(request, 0, results);
}

void RequestServer::fill_reply(const Request& request, uint64_t freeze,
                               const std::vector<OpResult>& results,
                               schema::OpReplied::Builder reply) {
  write_reply(request.op, freeze, results, reply);
  reply.setLiveNotCoherent(request.mode == schema::OpMode::HOT);
  reply.setTries(request.tries);
  reply.setWaitedNs(ns(request.waited));
  reply.setAsExpected(refused_by(results, request.refused_by));
}

Result<void> RequestServer::record_reply(const Request& request, uint64_t freeze,
                                         const std::vector<OpResult>& results) {
  return recorder_.record([&](schema::Record::Builder record) {
    fill_reply(request, freeze, results, record.initOpReplied());
  });
}

Result<void> RequestServer::finish(const Request& request, uint64_t freeze,
                                   const std::vector<OpResult>& results) {
  KTAPE_TRY(record_reply(request, freeze, results));
  // The reply is on the tape before the guest can act on it.
  KTAPE_TRY(recorder_.commit());
  Result<void> sent = agent_.send([&](schema::FromHost::Builder message) {
    auto reply = message.initReply();
    reply.setRequest(request.guest_request);
    fill_reply(request, freeze, results, reply.initResult());
  });
  // Only a reply too large for a frame can be answered otherwise; a lost machine cannot.
  if (sent.ok() || sent.error().code != ErrorCode::kOutOfRange) return sent;
  return send_error(request, "the reply does not fit into a message; it is on the tape");
}

Result<void> RequestServer::record_refusal(const Request& request, const std::string& reason) {
  KTAPE_TRY(recorder_.record([&](schema::Record::Builder record) {
    auto reply = record.initOpReplied();
    reply.setOp(request.op);
    reply.setError(reason);
    // The earlier tries were refused, and this one never happened.
    reply.setTries(request.tries > 0 ? request.tries - 1 : 0);
    reply.setWaitedNs(ns(request.waited));
  }));
  return recorder_.commit();
}

Result<void> RequestServer::refuse(const Request& request, const std::string& reason) {
  KTAPE_TRY(record_refusal(request, reason));
  return send_error(request, reason);
}

Result<void> RequestServer::send_error(const Request& request, const std::string& error) {
  return agent_.send([&](schema::FromHost::Builder message) {
    auto reply = message.initReply();
    reply.setRequest(request.guest_request);
    reply.initResult().setOp(request.op);
    reply.getResult().setError(error);
  });
}

}  // namespace ktape
