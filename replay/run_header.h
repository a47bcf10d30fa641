// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "replay/kept.h"
#include "replay/page.h"
#include "replay/run_delays.h"
#include "schema/journal/lockup_sight.h"
#include "schema/journal/losses.h"
#include "schema/journal/reader.h"
#include "schema/journal/verify.h"

namespace ktape {

// What a run was: folded from all of its records, shown above its time line.
class RunHeader {
 public:
  void visit(const RecordView& view);

  // `tape` and `found`: which file, and whether it is as it was recorded.
  void show(const std::string& tape, const Verification& found, Page& page) const;
  // What the kernel's types are kept under; nothing when the tape does not say.
  [[nodiscard]] std::optional<Digest> types() const;
  // What was lost, and how the run ended: shown below the time line.
  void show_end(const Verification& found, Page& page) const;

 private:
  void show_run(Page& page) const;
  void show_kernel(Page& page) const;
  void show_schedulers(Page& page) const;
  void show_layouts(Page& page) const;
  void show_freezes_planned(Page& page) const;
  void show_triggers(Page& page) const;
  void show_host(Page& page) const;
  void clocksource_seen(schema::ClocksourceSeen::Reader seen);
  void freeze_began(schema::FreezeBegan::Reader began);
  [[nodiscard]] std::string periodic_text() const;
  void show_losses(Page& page) const;

  uint64_t records_ = 0;
  uint64_t periodic_ = 0;  // freezes
  uint64_t last_interval_ = 0;
  uint64_t unknown_ = 0;
  uint64_t console_bytes_ = 0;
  Kept<schema::RunStarted> run_;
  Kept<schema::KernelIdentified> kernel_;
  Kept<schema::Sealed> sealed_;
  LossTally losses_;
  LockupSight lockups_;
  RunDelayFold delays_;
  uint64_t clocksources_ = 0;
  std::string clock_;  // the first of them, in their order
  std::vector<Kept<schema::SchedulerAttached>> schedulers_;
  std::vector<Kept<schema::LayoutUsed>> layouts_;
};

}  // namespace ktape
