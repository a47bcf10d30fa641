// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "replay/rerun/served_requests.h"
#include "replay/text/text_writer.h"
#include "schema/base/json_writer.h"
#include "schema/tape/reading/reader.h"
#include "schema/wire/owned_message.h"

namespace ktape {

// What was going on at some record of a run: gathered from all records up to it.
class RunState {
 public:
  RunState();
  RunState(const RunState&) = delete;
  RunState& operator=(const RunState&) = delete;

  // Records in order, up to and including the one that is asked about.
  Result<void> visit(const RecordView& view);

  void show(TextWriter& writer) const;
  // One line of JSON, with its line end.
  [[nodiscard]] std::string json() const;

 private:
  struct Step {
    std::string name;
    std::string state;  // "running", "done", "failed"
    std::string detail;
    Seq started, finished;
  };
  struct Worker {
    OwnedMessage<schema::WorkerStarted> started;
    OwnedMessage<schema::WorkerReport> report;
  };
  struct Scheduler {
    OwnedMessage<schema::SchedulerAttempted> attempted;
    OwnedMessage<schema::SchedulerAttached> attached;
    OwnedMessage<schema::SchedulerExited> exited;  // or the failure of its enable
  };

  void fold(Seq seq, schema::Record::Reader record);
  [[nodiscard]] std::string phase() const;
  void put_steps(JsonWriter& json) const;
  void put_workers(JsonWriter& json) const;
  void put_schedulers(JsonWriter& json) const;
  void put_pending(JsonWriter& json) const;

  Seq seq_;
  uint64_t host_ns_ = 0;
  std::string kind_;
  std::string scenario_;
  std::string end_;  // how the guest or the run ended; empty before that
  bool guest_up_ = false;
  bool kernel_known_ = false;
  uint64_t frozen_in_ = 0;  // the current freeze; 0: the machine runs
  std::map<uint32_t, Step> steps_;
  std::map<std::string, Worker> workers_;
  std::map<uint32_t, Scheduler> schedulers_;
  ServedRequests requests_;
  uint64_t served_ = 0;
};

}  // namespace ktape
