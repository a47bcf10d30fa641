// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "schema/tape/reading/reader.h"
#include "tests/support/must.h"
#include "tests/support/tape/tape_builder.h"

namespace ktape::test {

// The kinds of a tape's records, which have to be numbered from 1.
inline std::vector<uint16_t> kinds_of(const std::string& path) {
  std::vector<uint16_t> kinds;
  must(must(TapeReader::open(path))->for_each([&](const RecordView& view) -> Result<void> {
    CHECK(view.seq.value == kinds.size() + 1);
    kinds.push_back(view.kind);
    return {};
  }));
  return kinds;
}

// Adds a record of that many bytes.
inline void console(TapeBuilder& tape, size_t bytes) {
  tape.add([&](schema::Record::Builder record) {
    auto text = record.initConsole().initText(static_cast<uint>(bytes));
    std::fill(text.begin(), text.end(), 'x');
  });
}

}  // namespace ktape::test
