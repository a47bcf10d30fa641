// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/copy/damaged_freezes.h"

#include <optional>
#include <set>
#include <utility>

#include "schema/tape/page_list.h"
#include "schema/tape/reading/event_cursor.h"
#include "schema/tape/reading/page_rows.h"
#include "schema/tape/verify/verify_parts.h"
#include "schema/wire/data.h"

namespace ktape {

namespace {

// A fault of the host says nothing about the tape.
bool is_hosts(const Result<void>& read) {
  return !read.ok() && read.error().code != ErrorCode::kBadInput;
}

Result<void> read_claims(const Database& tape, std::map<uint64_t, ThawedPages>& claims) {
  KTAPE_ASSIGN(EventCursor cursor, EventCursor::all(tape));
  for (;;) {
    KTAPE_ASSIGN(const bool row, cursor.next());
    if (!row) return {};
    KTAPE_ASSIGN(schema::Record::Reader record, cursor.record());
    if (record.isThawed()) {
      const auto thawed = record.getThawed();
      claims[thawed.getFreeze()] = {thawed.getPages(),
                                    std::string(as_text(thawed.getPagesDigest()))};
    }
  }
}

// The pages that match their hash, up to the first that cannot be read.
Result<void> read_pages(const Database& tape, std::set<Digest>& whole) {
  KTAPE_ASSIGN(Statement rows, tape.prepare("SELECT hash, codec, data FROM page ORDER BY rowid"));
  Unpacker unpacker;
  for (;;) {
    KTAPE_ASSIGN(const bool row, rows.step());
    if (!row) return {};
    const Result<Digest> hash = check_page(rows, unpacker);
    if (hash.ok()) whole.insert(*hash);
  }
}

// The rows of freeze_page, freeze by freeze.
class ListCheck {
 public:
  ListCheck(std::map<uint64_t, ThawedPages> claims, const std::set<Digest>& whole)
      : claims_(std::move(claims)), whole_(whole) {}

  void add(const FreezePage& row) {
    if (row.freeze != freeze_) begin(row.freeze);
    note(order_.next(row));
    if (row.hash && !whole_.contains(*row.hash))
      note(Error{ErrorCode::kBadInput, "page " + to_hex(*row.hash) + " is damaged or missing", ""});
    list_->add(row);
  }

  // All rows were added. Those that are claimed and not there are missing.
  std::map<uint64_t, std::string> finish() {
    begin(0);
    for (const auto& [freeze, claim] : claims_) {
      if (claim.pages != 0 || !claim.digest.empty())
        damaged_.emplace(freeze, "rows of its page list are missing or damaged");
    }
    return std::move(damaged_);
  }

 private:
  void begin(uint64_t freeze) {
    if (const auto claim = claims_.extract(freeze_); !claim.empty())
      note(check_page_list(freeze_, claim.mapped(), *list_));
    freeze_ = freeze;
    is_claimed_ = claims_.contains(freeze);
    order_ = {};
    list_.emplace();
  }

  void note(const Result<void>& checked) {
    // Rows of a freeze that has no end are left out anyway.
    if (!checked.ok() && is_claimed_) damaged_.emplace(freeze_, checked.error().message);
  }

  std::map<uint64_t, ThawedPages> claims_;
  const std::set<Digest>& whole_;
  std::map<uint64_t, std::string> damaged_;
  uint64_t freeze_ = 0;      // whose rows these are; 0: none
  bool is_claimed_ = false;  // its Thawed record was read
  PageListOrder order_;
  std::optional<PageListDigest> list_{std::in_place};  // not assignable
};

Result<void> read_lists(const Database& tape, ListCheck& check) {
  KTAPE_ASSIGN(
      Statement rows,
      tape.prepare("SELECT freeze, frame, frames, hash FROM freeze_page ORDER BY freeze, frame"));
  for (;;) {
    KTAPE_ASSIGN(const bool row, rows.step());
    if (!row) return {};
    const Result<FreezePage> page = freeze_page_in(rows);
    // Its freeze then has a row less than its record says.
    if (page.ok()) check.add(*page);
  }
}

}  // namespace

Result<std::map<uint64_t, std::string>> find_damaged_freezes(const Database& tape) {
  std::map<uint64_t, ThawedPages> claims;
  if (auto read = read_claims(tape, claims); is_hosts(read)) return read.error();
  std::set<Digest> whole;
  if (auto read = read_pages(tape, whole); is_hosts(read)) return read.error();
  ListCheck check(std::move(claims), whole);
  if (auto read = read_lists(tape, check); is_hosts(read)) return read.error();
  return check.finish();
}

}  // namespace ktape
