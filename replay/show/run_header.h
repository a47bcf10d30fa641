// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "replay/tape/run_delays.h"
#include "replay/text/text_writer.h"
#include "schema/tape/facts/lockup_coverage.h"
#include "schema/tape/losses.h"
#include "schema/tape/reading/reader.h"
#include "schema/tape/verify/verify.h"
#include "schema/wire/owned_message.h"

namespace ktape {

// What a run was: gathered from all its records, shown above its timeline.
class RunHeader {
 public:
  void visit(const RecordView& view);

  // `tape` and `found`: which file, and whether it is intact.
  void show(const std::string& tape, const Verification& found, TextWriter& writer) const;
  // The digest of the kernel's types; nothing if the tape does not say.
  [[nodiscard]] std::optional<Digest> types() const;
  // Whether a tag has several values, apart from what ktape read by itself.
  [[nodiscard]] bool has_series() const { return has_series_; }
  // What was lost, and how the run ended: shown below the timeline.
  void show_end(const Verification& found, TextWriter& writer) const;

 private:
  void show_run(TextWriter& writer) const;
  void show_kernel(TextWriter& writer) const;
  void show_schedulers(TextWriter& writer) const;
  void show_layouts(TextWriter& writer) const;
  void show_freezes_planned(TextWriter& writer) const;
  void show_triggers(TextWriter& writer) const;
  void show_host(TextWriter& writer) const;
  void clocksource_seen(schema::ClocksourceSeen::Reader seen);
  void freeze_began(schema::FreezeBegan::Reader began);
  void requested(schema::OpRequested::Reader request);
  [[nodiscard]] std::string periodic_text() const;
  void show_losses(TextWriter& writer) const;

  uint64_t records_ = 0;
  uint64_t periodic_ = 0;  // freezes
  uint64_t last_interval_ = 0;
  uint64_t unknown_ = 0;
  uint64_t console_bytes_ = 0;
  bool has_series_ = false;
  std::unordered_set<size_t> tags_;  // hashes: names of an untrusted tape may be long
  OwnedMessage<schema::RunStarted> run_;
  OwnedMessage<schema::KernelIdentified> kernel_;
  OwnedMessage<schema::Sealed> sealed_;
  LossTally losses_;
  LockupCoverage lockups_;
  RunDelayFold delays_;
  uint64_t clocksources_ = 0;
  std::string clock_;  // the first of them, in their order
  std::vector<OwnedMessage<schema::SchedulerAttached>> schedulers_;
  std::vector<OwnedMessage<schema::LayoutUsed>> layouts_;
};

}  // namespace ktape
