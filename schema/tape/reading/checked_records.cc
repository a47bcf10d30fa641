// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/reading/checked_records.h"

#include <kj/exception.h>

#include <algorithm>
#include <array>
#include <future>
#include <vector>

#include "schema/tape/chain.h"
#include "schema/tape/message.h"
#include "schema/tape/reading/event_cursor.h"

namespace ktape {

namespace {

constexpr size_t kBatchBytes = size_t{512} << 10;

// Consecutive records, copied out of the database.
class Batch {
 public:
  // Reads from `cursor` until it is full or nothing more can be read; then it is the last batch.
  void fill(EventCursor& cursor) {
    items_.clear();
    bytes_.clear();
    wrong_.reset();
    while (!last_ && bytes_.size() < kBatchBytes) {
      auto row = cursor.next();
      last_ = !row.ok() || !*row;
      // Kept for visit(): the records before it are valid, and are visited first.
      if (!row.ok()) end_ = row.error();
      if (!last_) add(cursor);
    }
  }

  // Checks them against the chain, whose value before them is `head`; returns its value after them.
  Digest hash(Digest head) {
    for (const Item& item : items_) {
      head = next_link(head, message(item));
      // The first wrong link decides; those behind it cannot be right either.
      if (!item.chain_whole || item.chain != head) {
        wrong_ = item.seq;
        return head;
      }
    }
    return head;
  }

  // The records that follow from the chain; then the error of the first that does not, or of what
  // ended the reading.
  Result<void> visit(const std::string& path, RecordDecoder& decoder,
                     const std::function<Result<void>(const RecordView&)>& visit) const {
    for (const Item& item : items_) {
      // Records behind this one do not follow from the chain, whatever they say.
      if (item.seq == wrong_) return edited(path, item.seq);
      KTAPE_ASSIGN(const schema::Record::Reader record,
                   agreeing(decoder.decode_in_place(message(item)), item.seq, item.kind));
      // Reading a bad member throws only when a visitor reaches for it.
      try {
        KTAPE_TRY(visit({item.seq, item.kind, is_known_kind(item.kind), record}));
      } catch (const kj::Exception& exception) {
        return bad_record(item.seq, exception.getDescription().cStr());
      }
    }
    return end_;
  }

  [[nodiscard]] bool last() const { return last_; }

 private:
  struct Item {
    Seq seq;
    uint16_t kind = 0;
    size_t at = 0;
    size_t bytes = 0;
    bool chain_whole = false;
    Digest chain{};
  };

  void add(const EventCursor& cursor) {
    const auto record = cursor.message(), chain = cursor.chain();
    // Copied as far as it goes: a chain value of another length is wrong in any case.
    Item item{cursor.seq(), cursor.kind(), bytes_.size(), record.size(),
              chain.size() == sizeof(Digest)};
    if (item.chain_whole) std::ranges::copy(chain, item.chain.begin());
    items_.push_back(item);
    bytes_.insert(bytes_.end(), record.begin(), record.end());
    // Records consist of whole words; a broken one leaves those after it where they can be decoded.
    while (bytes_.size() % sizeof(uint64_t) != 0) bytes_.push_back(std::byte{0});
  }

  [[nodiscard]] std::span<const std::byte> message(const Item& item) const {
    return std::span(bytes_).subspan(item.at, item.bytes);
  }

  std::vector<Item> items_;
  std::vector<std::byte> bytes_;
  std::optional<Seq> wrong_;
  bool last_ = false;
  Result<void> end_;
};

}  // namespace

Error edited(const std::string& path, Seq seq) {
  return Error{ErrorCode::kBadInput,
               "'" + path + "' is altered: record " + std::to_string(seq.value) +
                   " is not as it was recorded",
               "check the whole tape with 'ktape verify'"};
}

Result<void> for_each_ahead(EventCursor& cursor, Digest head, const std::string& path,
                            const std::function<Result<void>(const RecordView&)>& visit) {
  RecordDecoder decoder;
  std::array<Batch, 2> batches;
  const auto hash = [&head](Batch& batch) {
    // If no thread is available libstdc++ makes it deferred: the hash is then computed when it is
    // needed.
    return std::async(std::launch::async | std::launch::deferred,
                      [&batch, before = head] { return batch.hash(before); });
  };
  batches[0].fill(cursor);
  // Declared after what the thread works on: its destructor waits for the thread. The first batch
  // is hashed while nothing else is done; from then on two are under way.
  std::future<Digest> hashed = hash(batches[0]);
  for (size_t at = 0;; at ^= 1) {
    Batch& batch = batches[at];
    Batch& next = batches[at ^ 1];
    // Reads the next batch while this one is being hashed.
    if (!batch.last()) next.fill(cursor);
    head = hashed.get();
    // Started before the visit, which it runs beside.
    if (!batch.last()) hashed = hash(next);
    KTAPE_TRY(batch.visit(path, decoder, visit));
    if (batch.last()) return {};
  }
}

}  // namespace ktape
