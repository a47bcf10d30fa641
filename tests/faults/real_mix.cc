// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/real_mix.h"

#include <capnp/dynamic.h>

#include <algorithm>
#include <random>
#include <set>

#include "schema/tape/message.h"
#include "schema/tape/reading/reader.h"
#include "schema/wire/data.h"
#include "tests/support/must.h"
#include "tests/support/tape/shift_ids.h"

namespace ktape::test {

namespace {

using schema::Record;

constexpr uint64_t kIdsPerRound = 10;  // more ops and freezes than the capture had
constexpr size_t kNoiseBytes = size_t{2} << 20;

std::vector<std::byte> noise(uint64_t seed, size_t bytes) {
  std::vector<std::byte> made(bytes);
  std::generate(made.begin(), made.end(),
                [random = std::minstd_rand(static_cast<unsigned>(seed + 1))]() mutable {
                  return static_cast<std::byte>(random() >> 8);
                });
  return made;
}

// Records of which a run may have any number.
bool repeats(Record::Which kind) {
  static const std::set<Record::Which> kKinds = {
      Record::SCHEDULER_OUTPUT, Record::OP_REQUESTED, Record::OP_DEFERRED,  Record::FREEZE_BEGAN,
      Record::FROZEN,           Record::THAWED,       Record::GATE_CHECKED, Record::OP_REPLIED,
      Record::SAMPLE,           Record::CONSOLE,      Record::GUEST_OOPS};
  return kKinds.contains(kind);
}

// Where the recorder commits: a request before it is served, then all records of a freeze at once.
bool ends_group(Record::Which kind) {
  static const std::set<Record::Which> kWithin = {Record::FREEZE_BEGAN, Record::FROZEN,
                                                  Record::GATE_CHECKED, Record::THAWED,
                                                  Record::LAYOUT_USED};
  return !kWithin.contains(kind);
}

}  // namespace

RealMix::RealMix(const std::string& tape) {
  auto reader = must(TapeReader::open(KTAPE_GOLDEN "/" + tape));
  std::set<std::string> kinds = {"unknown", "sealed"};
  must(reader->for_each([&](const RecordView& view) -> Result<void> {
    if (view.record.isSealed()) return {};
    records_.push_back(std::make_unique<capnp::MallocMessageBuilder>());
    records_.back()->setRoot(view.record);
    KJ_IF_MAYBE (field, capnp::DynamicStruct::Reader(view.record).which()) {
      kinds.emplace(field->getProto().getName().cStr());
    }
    if (view.record.isKernelIdentified()) {
      for (auto [name, digest] :
           {std::pair("btf", view.record.getKernelIdentified().getBtfDigest()),
            std::pair("symbols", view.record.getKernelIdentified().getSymbolsDigest())}) {
        Digest hash{};
        std::copy_n(as_bytes(as_text(digest)).begin(), hash.size(), hash.begin());
        blobs_[name] = must(reader->blob(hash));
      }
    }
    if (view.record.isThawed()) {
      const uint64_t freeze = view.record.getThawed().getFreeze();
      freezes_[freeze] = must(reader->freeze_pages(freeze));
      for (const FreezePage& row : freezes_[freeze]) {
        if (row.hash) pages_[*row.hash] = must(reader->page(*row.hash));
      }
    }
    return {};
  }));
  for (auto field : capnp::Schema::from<Record>().getUnionFields()) {
    if (kinds.contains(field.getProto().getName().cStr())) continue;
    records_.push_back(std::make_unique<capnp::MallocMessageBuilder>());
    capnp::DynamicStruct::Builder(records_.back()->initRoot<Record>()).init(field);
  }
}

Result<PagesKept> RealMix::add_pages(TapeWriter& writer, uint64_t freeze, uint64_t round) const {
  std::vector<FreezePage> rows = freezes_.at(freeze);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].hash) continue;
    // Some have changed since the last time.
    const bool changed = round > 0 && i % 8 == 0;
    std::vector<std::byte> page =
        changed ? noise(round * 1000 + i, 4096) : pages_.at(*rows[i].hash);
    KTAPE_ASSIGN(rows[i].hash, writer.add_page(page));
  }
  return writer.add_freeze_pages(freeze + round * kIdsPerRound, rows);
}

Result<void> RealMix::append(TapeWriter& writer, Record::Reader record, uint64_t round,
                             uint64_t& records) const {
  std::optional<PagesKept> kept;
  if (record.isThawed()) {
    KTAPE_ASSIGN(kept, add_pages(writer, record.getThawed().getFreeze(), round));
  }
  ++records;
  auto appended =
      writer.append(HostNs(records), GuestNs(record.getGuestNs()), [&](Record::Builder to) {
        capnp::DynamicStruct::Reader from(record);
        capnp::DynamicStruct::Builder copy(to);
        const auto field = KJ_ASSERT_NONNULL(from.which());
        copy.set(field, from.get(field));
        shift_ids(copy.get(field).as<capnp::DynamicStruct>(), round * kIdsPerRound);
        if (!kept) return;
        to.getThawed().setPages(kept->pages);
        to.getThawed().setPagesDigest(as_data(std::span<const std::byte>(kept->digest)));
      });
  if (!appended.ok()) return appended.error();
  return {};
}

Result<void> RealMix::record_round(TapeWriter& writer, uint64_t round, const Committed& committed,
                                   uint64_t& records) const {
  for (const Message& message : records_) {
    const Record::Reader record = message->getRoot<Record>().asReader();
    if (round > 0 && !repeats(record.which())) continue;
    KTAPE_TRY(append(writer, record, round, records));
    if (!ends_group(record.which())) continue;
    KTAPE_TRY(writer.commit());
    committed(records);
  }
  return {};
}

Result<SealedTape> RealMix::record(const std::string& path, int rounds,
                                   const Committed& committed) const {
  KTAPE_ASSIGN(std::unique_ptr<TapeWriter> writer, TapeWriter::create(path));
  committed(0);
  for (const auto& [name, content] : blobs_) {
    KTAPE_ASSIGN(Digest hash, writer->add_blob(name, content));
    (void)hash;
  }
  uint64_t records = 0;
  for (int round = 0; round <= rounds; ++round) {
    const auto number = static_cast<uint64_t>(round);
    KTAPE_TRY(record_round(*writer, number, committed, records));
    KTAPE_ASSIGN(Digest hash,
                 writer->add_blob("noise " + std::to_string(round), noise(number, kNoiseBytes)));
    (void)hash;
    KTAPE_TRY(writer->commit());
  }
  return writer->seal(HostNs(records + 1), [](schema::Sealed::Builder sealed) {
    sealed.setOutcome(schema::Outcome::COMPLETED);
  });
}

}  // namespace ktape::test
