// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "schema/base/digest.h"
#include "schema/base/result.h"
#include "schema/tape/codec.h"
#include "schema/tape/database.h"
#include "schema/tape/page_list.h"

namespace ktape {

// The parts of `verify`. Each compares one part of a tape with what it should be; the finding is an
// error with kBadInput.

// What a freeze's Thawed record says about its pages.
struct ThawedPages {
  uint64_t pages = 0;
  std::string digest;  // its bytes; empty: none kept
};

// All parts: everything in `tape` against everything else.
[[nodiscard]] Result<void> check_contents(const Database& tape);

// Compares the projection tables of `tape` with those of `expected`, row by row and column by
// column.
[[nodiscard]] Result<void> check_projection(const Database& tape, const Database& expected);

// Checks every row of the sealed tape `tape`, which passed SQLite's integrity check, in its file
// `path`: that it is written as SQLite writes it, and hides nothing from queries; and that free
// pages are empty.
[[nodiscard]] Result<void> check_rows(const Database& tape, const std::string& path);

// Checks every blob against its hash; adds them to `packed`. Returns the names by hash.
[[nodiscard]] Result<std::map<Digest, std::string>> check_blobs(const Database& tape,
                                                                PackedRows& packed);

// The hash of a row of (hash, codec, data) of `page`, whose content matches it.
[[nodiscard]] Result<Digest> check_page(const Statement& row, Unpacker& unpacker);

// Compares the rows of a freeze's page list with its Thawed record. Ends the list.
[[nodiscard]] Result<void> check_page_list(uint64_t freeze, const ThawedPages& thawed,
                                           PageListDigest& list);

// Checks every page against its hash, and the page lists of the freezes against their Thawed
// records. Adds the pages to `packed`; returns their number.
[[nodiscard]] Result<uint64_t> check_pages(const Database& tape,
                                           const std::map<uint64_t, ThawedPages>& thawed,
                                           PackedRows& packed);

}  // namespace ktape
