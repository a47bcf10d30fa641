// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "schema/journal/codec.h"
#include "schema/journal/event_cursor.h"
#include "schema/journal/tables.h"
#include "schema/journal/tape_file.h"
#include "schema/journal/tape_source.h"
#include "schema/journal/tape_store.h"
#include "schema/journal/tape_tables.h"
#include "schema/journal/verify.h"
#include "schema/journal/verify_parts.h"

namespace ktape {

namespace {

bool exists(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0;
}

// What was salvaged so far.
struct Salvage {
  const Database& source;
  TapeStore& store;
  std::string stopped;  // by what damage; empty: nothing is missing
  HostNs last;
  std::set<uint64_t> thawed;  // freezes whose end is on the tape
  std::set<Digest> pages;     // that those freezes refer to
  uint64_t blobs_left_out = 0;
  bool keep_seal = false;  // the source has a Sealed record, and everything in it verifies
};

// The next record, if it is whole; false after the last.
Result<bool> copy_next(EventCursor& cursor, Salvage& salvage) {
  KTAPE_ASSIGN(bool row, cursor.next());
  if (!row) return false;
  KTAPE_ASSIGN(schema::Record::Reader record, cursor.record());
  if (!std::ranges::equal(cursor.chain(), next_link(salvage.store.head(), cursor.message()))) {
    return cursor.bad("its chain value does not follow from it and the records before it");
  }
  if (record.isSealed() && !salvage.keep_seal) return false;
  if (auto added = salvage.store.add_record(cursor.message()); !added.ok()) {
    return cursor.bad(added.error().message);
  }
  salvage.last = HostNs(record.getHostNs());
  if (record.isThawed()) salvage.thawed.insert(record.getThawed().getFreeze());
  return true;
}

Result<void> copy_records(Salvage& salvage) {
  KTAPE_ASSIGN(EventCursor cursor, EventCursor::all(salvage.source));
  for (;;) {
    KTAPE_ASSIGN(bool more, copy_next(cursor, salvage));
    if (!more) return {};
  }
}

Digest digest_of(std::span<const std::byte> bytes) {
  Digest digest{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), digest.size()), digest.begin());
  return digest;
}

Result<void> copy_blobs(Salvage& salvage) {
  KTAPE_ASSIGN(Statement rows,
               salvage.source.prepare("SELECT hash, name, codec, data FROM blob ORDER BY rowid"));
  size_t left = kMaxBlobsBytes;
  for (;;) {
    KTAPE_ASSIGN(bool more, rows.step());
    if (!more) return {};
    Digest hash = digest_of(rows.bytes(0));
    auto content = unpack(rows.integer(2), rows.bytes(3), std::min(kMaxBlobBytes, left));
    if (!content.ok() || sha256(*content) != hash) {
      ++salvage.blobs_left_out;
      continue;
    }
    left -= content->size();
    KTAPE_TRY(salvage.store.add_blob(hash, rows.text(1), rows.integer(2), rows.bytes(3)));
  }
}

// The page lists of the freezes that ended.
Result<void> copy_freeze_pages(Salvage& salvage) {
  KTAPE_ASSIGN(Statement rows, salvage.source.prepare("SELECT freeze, frame, frames, hash FROM freeze_page"));
  for (;;) {
    KTAPE_ASSIGN(bool more, rows.step());
    if (!more) return {};
    FreezePage page{static_cast<uint64_t>(rows.integer(0)), static_cast<uint64_t>(rows.integer(1)),
                    static_cast<uint64_t>(rows.integer(2)), std::nullopt};
    if (!rows.bytes(3).empty()) page.hash = digest_of(rows.bytes(3));
    if (!salvage.thawed.contains(page.freeze)) continue;
    KTAPE_TRY(salvage.store.add_freeze_page(page));
    if (page.hash) salvage.pages.insert(*page.hash);
  }
}

Result<void> copy_pages(Salvage& salvage) {
  KTAPE_ASSIGN(Statement rows, salvage.source.prepare("SELECT hash, codec, data FROM page ORDER BY rowid"));
  for (;;) {
    KTAPE_ASSIGN(bool more, rows.step());
    if (!more) return {};
    Digest hash = digest_of(rows.bytes(0));
    if (salvage.pages.erase(hash) != 0) {
      KTAPE_TRY(salvage.store.add_page(hash, rows.integer(1), rows.bytes(2)));
    }
  }
}

// Where the source is damaged, what comes before the damage is kept. An error of the new tape sticks
// to it: sealing reports it.
void note_damage(const Result<void>& copied, Salvage& salvage) {
  if (!copied.ok() && salvage.stopped.empty()) salvage.stopped = copied.error().message;
}

// A seal is kept when what it seals is whole; otherwise `checked` names the damage.
Result<void> copy_everything(Salvage& salvage, bool has_seal) {
  Result<void> checked;
  if (has_seal) checked = check_contents(salvage.source);
  // What the host could not do says nothing about the tape.
  if (!checked.ok() && checked.error().code != ErrorCode::kBadInput) return checked;
  salvage.keep_seal = has_seal && checked.ok();
  note_damage(copy_records(salvage), salvage);
  note_damage(copy_blobs(salvage), salvage);
  note_damage(copy_freeze_pages(salvage), salvage);
  note_damage(copy_pages(salvage), salvage);
  note_damage(checked, salvage);
  return {};
}

void fill_sealed(const Salvage& salvage, schema::Sealed::Builder sealed) {
  sealed.setOutcome(schema::Outcome::TRUNCATED);
  sealed.setExitCode(-1);
  sealed.setDetail(salvage.stopped.empty() ? "salvaged: its recorder died before it could seal it"
                                           : "salvaged up to the first damage: " + salvage.stopped);
  if (salvage.blobs_left_out == 0) return;
  auto loss = sealed.initLosses(1)[0];
  loss.setName("salvage_blobs");
  loss.setDescription("blobs that were damaged and left out by salvage");
  loss.setCount(salvage.blobs_left_out);
}

Result<SealedTape> copy_and_seal(Salvage& salvage, bool has_seal) {
  KTAPE_TRY(copy_everything(salvage, has_seal));
  if (salvage.keep_seal && !salvage.stopped.empty()) {
    return Error{ErrorCode::kHost, "cannot copy what was whole a moment ago: " + salvage.stopped, ""};
  }
  if (salvage.keep_seal) return salvage.store.finish();
  return salvage.store.seal(salvage.last,
                            [&](schema::Sealed::Builder record) { fill_sealed(salvage, record); });
}

}  // namespace

Result<Verification> salvage(const std::string& path, const std::string& out) {
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
  if (has_seal && !source.recording) {
    return Error{ErrorCode::kRefused, "'" + from + "' is sealed: there is nothing to salvage",
                 "move it to where you want it"};
  }
  KTAPE_ASSIGN(auto store, TapeStore::create(out));
  Salvage work{source.database, *store, "", HostNs(0), {}, {}, 0, false};
  if (auto sealed = copy_and_seal(work, has_seal); !sealed.ok()) {
    Error error = sealed.error();
    if (store->abandon()) error.hint.clear();  // it may speak of the files that are gone now
    return error;
  }
  return verify(out, std::nullopt);
}

}  // namespace ktape
