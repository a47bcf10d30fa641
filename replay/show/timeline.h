// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "replay/tape/run_delays.h"
#include "replay/tape/tape_values.h"
#include "replay/text/text_writer.h"
#include "schema/tape/reading/reader.h"
#include "schema/wire/owned_message.h"

namespace ktape {

struct TimelineOptions {
  bool console = false;          // also what the guest's kernel printed, and dumps, in full
  TapeValues* values = nullptr;  // shows them by their types; without it, as numbers and bytes
  // Set if only some records are shown, among them the replies of these ops. Layouts, which are
  // otherwise above the timeline, then have a line each, and so have the gates of other replies.
  // Otherwise a hot series has one line for each value but the first, with its reply.
  std::optional<std::set<uint64_t>> chosen_replies;
};

// Shows a run record by record, for people. Gates are shown with their entry in the reply: the
// number of those that passed, and for the others what was observed and expected.
class Timeline {
 public:
  Timeline(TextWriter& writer, TimelineOptions options)
      : writer_(writer), options_(std::move(options)) {}

  void visit(const RecordView& view);
  // Of a record that is not shown, keeps what later ones need.
  void pass_over(const RecordView& view);

 private:
  void event(const RecordView& view, const std::string& text);

  void scheduler_output(const RecordView& view);
  void scheduler_exited(const RecordView& view);
  void scheduler_ended(const RecordView& view, schema::SchedulerExited::Reader exited,
                       std::string_view how);
  void op_requested(const RecordView& view);
  [[nodiscard]] bool is_brief(schema::OpRequested::Reader request) const;
  [[nodiscard]] std::string line_of(schema::OpEntry::Reader asked,
                                    schema::Value::Reader value) const;
  void op_replied(const RecordView& view);
  void entry_replied(schema::OpReplied::Reader reply, uint32_t index,
                     schema::OpEntry::Reader asked);
  void entry_done(schema::OpEntry::Reader asked, schema::EntryReply::Reader got, uint64_t freeze);
  void sampled(const RecordView& view);
  void gate_checked(const RecordView& view);
  void layout_used(const RecordView& view);
  void gates(uint64_t op, uint32_t index);
  void freeze_began(const RecordView& view);
  void run_delays(const RecordView& view);
  void why_again(uint64_t op);
  void frozen(const RecordView& view);
  void console(const RecordView& view);
  void panicked(const RecordView& view);
  void oops(const RecordView& view);
  void guest_facts(const RecordView& view);
  void lost(const RecordView& view);

  TextWriter& writer_;
  TimelineOptions options_;
  RunDelayFold delays_;
  std::map<uint64_t, OwnedMessage<schema::OpRequested>> requests_;  // not yet replied to, by op
  // By op and entry.
  std::map<std::pair<uint64_t, uint32_t>, std::vector<OwnedMessage<schema::GateChecked>>> gates_;
};

}  // namespace ktape
