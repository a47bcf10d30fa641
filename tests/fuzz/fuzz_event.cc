// SPDX-License-Identifier: Apache-2.0
#include <kj/exception.h>
#include <sqlite3.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "schema/tape/chain.h"
#include "schema/tape/database.h"
#include "schema/tape/losses.h"
#include "schema/tape/projection/projection_tables.h"
#include "schema/tape/reading/event_cursor.h"
#include "schema/tape/tables.h"
#include "tests/fuzz/no_stack_traces.h"
#include "tests/fuzz/read_everything.h"

// One forged record of a tape, and its row of `event`. The first byte says what is wrong with the
// row; if nothing is, SQLite adds nothing to the record and is left out, which makes this a
// thousand times faster than whole files.
namespace {

using namespace ktape;

constexpr size_t kWordBytes = 8;
// Bits of the first byte.
constexpr uint8_t kTextRecord = 1, kNoFraming = 2, kOtherKind = 4, kOtherSeq = 8, kShortChain = 16;
constexpr uint8_t kWrongRow = kTextRecord | kOtherKind | kOtherSeq | kShortChain;

template <typename T>
T must(Result<T> result) {
  if (!result.ok()) std::abort();
  return std::move(*result);
}

struct Tape {
  Database database =
      must(Database::open(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, "fuzzed"));
  Statement insert;
  Tape() {
    if (!database.execute(kTapeTables).ok()) std::abort();
    insert = must(database.prepare(
        "INSERT OR REPLACE INTO event(rowid, kind, record, chain) VALUES(?, ?, ?, ?)"));
  }
};

std::vector<std::byte> framed(std::span<const std::byte> segment) {
  const auto words = static_cast<uint32_t>(segment.size() / kWordBytes);
  std::vector<std::byte> message(kWordBytes);
  std::memcpy(message.data() + sizeof words, &words, sizeof words);
  message.insert(message.end(), segment.begin(), segment.begin() + words * kWordBytes);
  return message;
}

// The content of the segment itself, if it can be read.
void facts_of(std::span<const std::byte> message, int64_t& seq, int64_t& kind) {
  RecordDecoder decoder;
  const auto record = decoder.decode(message);
  if (!record.ok()) return;
  try {
    seq = static_cast<int64_t>(record->getSeq());
    kind = kind_of(*record);
  } catch (const kj::Exception&) {
    // The boundary where a hostile record stops.
  }
}

void read_record(const Result<schema::Record::Reader>& record) {
  if (!record.ok()) return;
  (void)project_safely(*record);
  try {
    LossTally().visit(*record);
    fuzz::read_everything(capnp::toDynamic(*record));
  } catch (const kj::Exception&) {
    // As above.
  }
}

void read_rows(const Database& database) {
  (void)state_of(database);
  auto cursor = EventCursor::last(database);
  if (!cursor.ok()) return;
  const auto row = cursor->next();
  if (row.ok() && *row) read_record(cursor->record());
}

void read_message(std::span<const std::byte> message) {
  (void)next_link(Digest{}, message);
  RecordDecoder decoder;
  read_record(decoder.decode(message));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Tape tape;
  const fuzz::NoStackTraces quick;
  if (size == 0) return 0;
  const uint8_t how = data[0];
  const auto rest = std::as_bytes(std::span(data + 1, size - 1));
  const auto message =
      (how & kNoFraming) != 0 ? std::vector<std::byte>(rest.begin(), rest.end()) : framed(rest);
  if ((how & kWrongRow) == 0) {
    read_message(message);
    return 0;
  }
  int64_t seq = 1, kind = 1;
  facts_of(message, seq, kind);
  if ((how & kOtherKind) != 0) kind = ~kind;
  if ((how & kOtherSeq) != 0) seq = ~seq;
  const std::array<std::byte, 32> chain{};
  tape.insert.bind(1, seq);
  tape.insert.bind(2, kind);
  if ((how & kTextRecord) != 0) {
    tape.insert.bind(
        3, std::string_view(reinterpret_cast<const char*>(message.data()), message.size()));
  } else {
    tape.insert.bind(3, std::span<const std::byte>(message));
  }
  tape.insert.bind(
      4, std::span<const std::byte>(chain).first((how & kShortChain) != 0 ? 5 : chain.size()));
  if (!tape.insert.run().ok()) return 0;
  read_rows(tape.database);
  if (!tape.database.execute("DELETE FROM event").ok()) std::abort();
  return 0;
}
