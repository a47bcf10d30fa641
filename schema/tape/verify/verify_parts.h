// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "schema/base/digest.h"
#include "schema/base/result.h"
#include "schema/tape/codec.h"
#include "schema/tape/database.h"

namespace ktape {

// The parts of `verify`. Each compares one part of a tape with what it should be; an error of
// kBadInput is the finding.

// What a freeze's Thawed record says about its pages.
struct ThawedPages {
  uint64_t pages = 0;
  std::string digest;  // its bytes; empty: none kept
};

// All of them: everything in `tape` against everything else.
[[nodiscard]] Result<void> check_contents(const Database& tape);

// The projection tables of `tape` against those of `expected`, row by row and column by column.
[[nodiscard]] Result<void> check_projection(const Database& tape, const Database& expected);

// Every row of the sealed tape `tape`, which SQLite finds sound, in its file `path`: that it is
// written as SQLite writes it, and holds nothing that no query shows; and that pages which are free
// are empty.
[[nodiscard]] Result<void> check_rows(const Database& tape, const std::string& path);

// Every blob against its hash; adds them to `packed`. Returns the names by hash.
[[nodiscard]] Result<std::map<Digest, std::string>> check_blobs(const Database& tape,
                                                                PackedRows& packed);

// Every page against its hash, and the page lists of the freezes against their Thawed records.
// Adds the pages to `packed`; returns their number.
[[nodiscard]] Result<uint64_t> check_pages(const Database& tape,
                                           const std::map<uint64_t, ThawedPages>& thawed,
                                           PackedRows& packed);

}  // namespace ktape
