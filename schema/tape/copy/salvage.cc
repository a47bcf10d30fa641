// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/copy/salvage.h"

#include <sys/stat.h>

#include <algorithm>

#include "schema/tape/copy/damaged_freezes.h"
#include "schema/tape/copy/tape_copy.h"
#include "schema/tape/reading/event_cursor.h"
#include "schema/tape/reading/tape_source.h"
#include "schema/tape/reading/tape_tables.h"
#include "schema/tape/tape_file.h"
#include "schema/tape/verify/verify_parts.h"
#include "schema/tape/writing/tape_store.h"

namespace ktape {

namespace {

struct Salvage {
  TapeCopy copy;
  std::string stopped;  // the damage; empty: nothing is missing
};

// If the source is damaged, everything before the damage is kept. An error of the new tape is
// sticky: sealing reports it.
void note_damage(const Result<void>& copied, Salvage& salvage) {
  // The first damage is the one to report; later ones may follow from it.
  if (!copied.ok() && salvage.stopped.empty()) salvage.stopped = copied.error().message;
}

// A seal is kept if all that it seals is valid; otherwise `checked` names the damage.
Result<void> copy_everything(Salvage& salvage, bool has_seal) {
  Result<void> checked;
  // Everything is checked before the seal is kept, since a seal vouches for all of it.
  if (has_seal) checked = check_contents(salvage.copy.source);
  // A fault of the host says nothing about the tape.
  if (!checked.ok() && checked.error().code != ErrorCode::kBadInput) return checked;
  salvage.copy.keep_seal = has_seal && checked.ok();
  KTAPE_ASSIGN(salvage.copy.damaged_freezes, find_damaged_freezes(salvage.copy.source));
  // In this order, since page lists depend on the freezes whose end was copied, and pages on the
  // lists.
  note_damage(copy_records(salvage.copy), salvage);
  note_damage(copy_blobs(salvage.copy), salvage);
  note_damage(copy_freeze_pages(salvage.copy), salvage);
  note_damage(copy_pages(salvage.copy), salvage);
  note_damage(checked, salvage);
  return {};
}

void fill_sealed(const Salvage& salvage, schema::Sealed::Builder sealed) {
  sealed.setOutcome(schema::Outcome::TRUNCATED);
  sealed.setExitCode(-1);
  // The chain of the records says how far the recording went; this says why it ends there.
  sealed.setDetail(salvage.stopped.empty() ? "salvaged: its recorder died before it could seal it"
                                           : "salvaged up to the first damage: " + salvage.stopped);
  const struct {
    uint64_t count;
    const char* name;
    const char* description;
  } losses[] = {
      {salvage.copy.blobs_left_out, "salvage_blobs",
       "blobs that were damaged and left out by salvage"},
      {salvage.copy.damaged_freezes.size(), "salvage_freezes",
       "freezes whose pages were damaged; salvage left out the end of the first and all after it"},
  };
  const auto left_out = [](const auto& loss) { return loss.count > 0; };
  const auto count = static_cast<unsigned>(std::ranges::count_if(losses, left_out));
  if (count == 0) return;
  auto list = sealed.initLosses(count);
  unsigned next = 0;
  for (const auto& loss : losses) {
    if (!left_out(loss)) continue;
    auto to = list[next++];
    to.setName(loss.name);
    to.setDescription(loss.description);
    to.setCount(loss.count);
  }
}

Result<SealedTape> copy_and_seal(Salvage& salvage, bool has_seal) {
  KTAPE_TRY(copy_everything(salvage, has_seal));
  // The same rows were valid when they were checked.
  if (salvage.copy.keep_seal && !salvage.stopped.empty()) {
    return Error{ErrorCode::kHost,
                 "cannot copy data that was valid a moment ago: " + salvage.stopped, ""};
  }
  if (salvage.copy.keep_seal) return salvage.copy.store.finish();
  return salvage.copy.store.seal(
      salvage.copy.last, [&](schema::Sealed::Builder record) { fill_sealed(salvage, record); });
}

}  // namespace

Result<Verification> salvage(const std::string& path, const std::string& out) {
  // Users name the tape, which a recorder that died has never made.
  std::string from = !exists(path) && exists(partial_name(path)) ? partial_name(path) : path;
  if (auto pid = recorder_at_work(from)) {
    return Error{ErrorCode::kRefused,
                 "process " + std::to_string(*pid) + " is still recording '" + from + "'",
                 "wait until it ends"};
  }
  KTAPE_ASSIGN(TapeSource source, open_source(from));
  KTAPE_TRY(check_tables(source.database));
  auto state = state_of(source.database);
  bool has_seal = state.ok() && *state != TapeState::kUnsealed;
  // In WAL mode (a seal whose log was not merged) there still is something to do.
  if (has_seal && !source.recording) {
    return Error{ErrorCode::kRefused, "'" + from + "' is sealed: there is nothing to salvage",
                 "copy it as it is"};
  }
  KTAPE_ASSIGN(auto store, TapeStore::create(out));
  Salvage work{{source.database, *store}, ""};
  if (auto sealed = copy_and_seal(work, has_seal); !sealed.ok()) {
    Error error = sealed.error();
    if (store->abandon()) error.hint.clear();  // it may name files that are now removed
    return error;
  }
  // What was made is verified like any other tape; its integrity is the answer.
  return verify(out, std::nullopt);
}

}  // namespace ktape
