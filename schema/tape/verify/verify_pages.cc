// SPDX-License-Identifier: Apache-2.0
#include <sqlite3.h>

#include <algorithm>
#include <optional>

#include "schema/tape/codec.h"
#include "schema/tape/page_list.h"
#include "schema/tape/reading/page_rows.h"
#include "schema/tape/tables.h"
#include "schema/tape/verify/verify_parts.h"

namespace ktape {

namespace {

struct Content {
  Digest hash;
  size_t bytes = 0;  // decompressed
};

// The content of a row of (hash, codec, data), checked against its hash.
Result<Content> check_content(const std::string& table, const Statement& row, size_t limit_bytes,
                              Unpacker& unpacker) {
  auto hash = digest_in(row, 0);
  // A hash that is none cannot be named.
  if (!hash) return bad_input("a row of " + table + " has no hash");
  std::string what = table + " " + to_hex(*hash);
  if (row.type(1) != SQLITE_INTEGER || row.type(2) != SQLITE_BLOB)
    return bad_input(what + " has a column of the wrong type");
  auto content = unpacker.unpack(row.integer(1), row.bytes(2), limit_bytes);
  if (!content.ok()) return bad_input(what + ": " + content.error().message);
  if (sha256(*content) != *hash) return bad_input(what + " does not match its hash");
  // A blob may have any size, a page only one.
  if (table == "page" && content->size() != kPageBytes)
    return bad_input(what + " does not have 4096 bytes");
  return Content{*hash, content->size()};
}

// The freezes that have rows; the other freezes must not claim any.
Result<void> check_freeze_pages(const Database& tape, std::map<uint64_t, ThawedPages> thawed) {
  KTAPE_ASSIGN(
      Statement rows,
      tape.prepare("SELECT freeze, frame, frames, hash FROM freeze_page ORDER BY freeze, frame"));
  KTAPE_ASSIGN(bool more, rows.step());
  while (more) {
    KTAPE_ASSIGN(FreezePage page, freeze_page_in(rows));
    const uint64_t freeze = page.freeze;
    // Taken out of the map, so that a freeze whose rows are not together is found.
    auto claimed = thawed.extract(freeze);
    if (claimed.empty())
      return bad_input("freeze_page has pages of freeze " + std::to_string(freeze) +
                       ", which has no end");
    PageListDigest list;
    PageListOrder order;
    while (more && page.freeze == freeze) {
      KTAPE_TRY(order.next(page));
      list.add(page);
      KTAPE_ASSIGN(more, rows.step());
      if (more) {
        KTAPE_ASSIGN(page, freeze_page_in(rows));
      }
    }
    KTAPE_TRY(check_page_list(freeze, claimed.mapped(), list));
  }
  for (const auto& [freeze, claim] : thawed) {
    // A freeze without pages has no rows, and its record says so.
    if (claim.pages != 0 || !claim.digest.empty()) {
      return bad_input("the rows of freeze_page of freeze " + std::to_string(freeze) +
                       " are missing");
    }
  }
  return {};
}

Result<void> check_none(const Database& tape, const std::string& sql, const std::string& finding) {
  KTAPE_ASSIGN(Statement rows, tape.prepare(sql));
  KTAPE_ASSIGN(bool found, rows.step());
  if (found) return bad_input("page " + to_hex(rows.bytes(0)) + " " + finding);
  return {};
}

}  // namespace

Result<Digest> check_page(const Statement& row, Unpacker& unpacker) {
  KTAPE_ASSIGN(const Content page, check_content("page", row, kPageBytes, unpacker));
  return page.hash;
}

Result<void> check_page_list(uint64_t freeze, const ThawedPages& thawed, PageListDigest& list) {
  std::string of = "freeze " + std::to_string(freeze);
  if (list.pages() != thawed.pages) {
    return bad_input("freeze_page has " + std::to_string(list.pages()) + " pages of " + of +
                     ", its Thawed record says " + std::to_string(thawed.pages));
  }
  Digest digest = list.finish();
  if (!std::ranges::equal(as_bytes(thawed.digest), digest)) {
    return bad_input("the rows of freeze_page of " + of + " do not match its Thawed record");
  }
  return {};
}

Result<std::map<Digest, std::string>> check_blobs(const Database& tape, PackedRows& packed) {
  KTAPE_ASSIGN(Statement rows,
               tape.prepare("SELECT hash, codec, data, name FROM blob ORDER BY rowid"));
  Unpacker unpacker;
  std::map<Digest, std::string> names;
  size_t bytes = 0;
  for (;;) {
    KTAPE_ASSIGN(bool more, rows.step());
    if (!more) return names;
    KTAPE_ASSIGN(const Content blob, check_content("blob", rows, kMaxBlobBytes, unpacker));
    // Zeros compress ten thousand to one: a small file may be a lot of work. Summed up, since each
    // blob by itself may be within its limit.
    bytes += blob.bytes;
    if (bytes > kMaxBlobsBytes) {
      return bad_input("its blobs are over the limit of " + std::to_string(kMaxBlobsBytes) +
                       " bytes in total");
    }
    if (rows.type(3) != SQLITE_TEXT)
      return bad_input("blob " + to_hex(blob.hash) + " has a name of the wrong type");
    if (rows.bytes(3).size() > kMaxBlobNameBytes)
      return bad_input("blob " + to_hex(blob.hash) + " has a name of over " +
                       std::to_string(kMaxBlobNameBytes) + " bytes");
    names.emplace(blob.hash, rows.text(3));
    packed.add(blob.hash, rows.integer(1), rows.bytes(2));
  }
}

Result<uint64_t> check_pages(const Database& tape, const std::map<uint64_t, ThawedPages>& thawed,
                             PackedRows& packed) {
  KTAPE_ASSIGN(Statement rows, tape.prepare("SELECT hash, codec, data FROM page ORDER BY rowid"));
  Unpacker unpacker;
  uint64_t pages = 0;
  for (;;) {
    KTAPE_ASSIGN(bool more, rows.step());
    if (!more) break;
    KTAPE_ASSIGN(const Digest hash, check_page(rows, unpacker));
    packed.add(hash, rows.integer(1), rows.bytes(2));
    ++pages;
  }
  // Both ways: a page that no freeze refers to is as suspicious as one that is missing.
  KTAPE_TRY(check_freeze_pages(tape, thawed));
  KTAPE_TRY(check_none(tape,
                       "SELECT hash FROM freeze_page WHERE hash NOT NULL AND hash NOT IN (SELECT "
                       "hash FROM page) LIMIT 1",
                       "is missing"));
  KTAPE_TRY(check_none(tape,
                       "SELECT hash FROM page WHERE hash NOT IN "
                       "(SELECT hash FROM freeze_page WHERE hash IS NOT NULL) LIMIT 1",
                       "belongs to no freeze"));
  return pages;
}

}  // namespace ktape
