// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "replay/show/run_header.h"
#include "replay/show/timeline.h"
#include "replay/tape/tape_values.h"
#include "tests/support/must.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

// The output of ktape-show for the tape, under the name run.ktape and without its head digest,
// which changes with every version of ktape.
inline std::string shown(const std::string& path, TimelineOptions options = {},
                         bool typed = false) {
  auto tape = must(TapeReader::open(path));
  TapeValues values(*tape);
  if (typed) options.values = &values;
  Verification found = must(verify(path, std::nullopt));
  found.head = Digest{};
  RunHeader header;
  TextWriter writer;
  must(tape->for_each([&](const RecordView& view) -> Result<void> {
    header.visit(view);
    return {};
  }));
  header.show("run.ktape", found, writer);
  writer.section("TIMELINE");
  Timeline timeline(writer, options);
  must(tape->for_each([&](const RecordView& view) -> Result<void> {
    timeline.visit(view);
    return {};
  }));
  header.show_end(found, writer);
  return writer.take();
}

// The timeline of a tape with this one record.
inline std::string shown_record(const std::function<void(schema::Record::Builder)>& fill,
                                TimelineOptions options = {}) {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  builder.add(fill);
  return shown(builder.seal().path, options);
}

}  // namespace ktape::test
