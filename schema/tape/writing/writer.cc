// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/writing/writer.h"

#include "schema/tape/codec.h"
#include "schema/tape/message.h"
#include "schema/tape/tables.h"
#include "schema/tape/writing/tape_store.h"

namespace ktape {

struct TapeWriter::Impl {
  std::unique_ptr<TapeStore> store;
  PagePacker pages;
  size_t blob_bytes = 0;  // of all blobs, before they are compressed
};

TapeWriter::TapeWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TapeWriter::~TapeWriter() = default;

Result<std::unique_ptr<TapeWriter>> TapeWriter::create(const std::string& path) {
  auto impl = std::make_unique<Impl>();
  KTAPE_ASSIGN(impl->store, TapeStore::create(path));
  return std::unique_ptr<TapeWriter>(new TapeWriter(std::move(impl)));
}

Result<Seq> TapeWriter::append(HostNs host, GuestNs guest,
                               const std::function<void(schema::Record::Builder)>& fill) {
  Seq seq = impl_->store->next_seq();
  KTAPE_ASSIGN(RecordMessage message, RecordMessage::build(seq, host, guest, fill));
  // build() has numbered it, and add_record() checks that number.
  KTAPE_TRY(impl_->store->add_record(message.bytes()));
  return seq;
}

Result<void> TapeWriter::commit() { return impl_->store->commit(); }

Result<Digest> TapeWriter::add_blob(std::string_view name, std::span<const std::byte> bytes) {
  if (bytes.size() > kMaxBlobBytes) {
    return Error{ErrorCode::kOutOfRange,
                 "blob '" + std::string(name) + "' of " + std::to_string(bytes.size()) +
                     " bytes is over the limit of " + std::to_string(kMaxBlobBytes),
                 ""};
  }
  Digest hash = sha256(bytes);
  if (impl_->store->has_blob(hash)) return hash;
  // A limit that readers enforce, so a tape that exceeds it must not be made.
  if (bytes.size() > kMaxBlobsBytes - impl_->blob_bytes) {
    return Error{ErrorCode::kOutOfRange,
                 "all blobs, with '" + std::string(name) + "', are over the limit of " +
                     std::to_string(kMaxBlobsBytes) + " bytes",
                 ""};
  }
  impl_->blob_bytes += bytes.size();
  KTAPE_ASSIGN(Packed packed, pack(bytes));
  KTAPE_TRY(impl_->store->add_blob(hash, name, static_cast<int64_t>(packed.codec), packed.data));
  return hash;
}

Result<Digest> TapeWriter::add_page(std::span<const std::byte> bytes) {
  if (bytes.size() != kPageBytes) {
    return Error{ErrorCode::kUsage,
                 "got a page of " + std::to_string(bytes.size()) + " bytes, expected 4096", ""};
  }
  Digest hash = sha256(bytes);
  // The same content at another address or in another freeze is stored once.
  if (impl_->store->has_page(hash)) return hash;
  KTAPE_ASSIGN(Packed packed, impl_->pages.pack(bytes));
  KTAPE_TRY(impl_->store->add_page(hash, static_cast<int64_t>(packed.codec), packed.data));
  return hash;
}

Result<PagesKept> TapeWriter::add_freeze_pages(uint64_t freeze, std::span<const FreezePage> rows) {
  if (rows.size() > kMaxFreezeRows) {
    return Error{ErrorCode::kOutOfRange,
                 "freeze " + std::to_string(freeze) + " has " + std::to_string(rows.size()) +
                     " runs of pages, over the limit of " + std::to_string(kMaxFreezeRows),
                 ""};
  }
  // Checked as a whole before the first row is added, so that an error adds none.
  PageListOrder order;
  for (const FreezePage& row : rows) {
    if (auto fits = order.next(row); !fits.ok())
      return Error{ErrorCode::kUsage, fits.error().message, ""};
    if (row.hash && !impl_->store->has_page(*row.hash)) {
      return Error{ErrorCode::kUsage, "page " + to_hex(*row.hash) + " was never added", ""};
    }
  }
  PageListDigest list;
  for (FreezePage row : rows) {
    row.freeze = freeze;
    KTAPE_TRY(impl_->store->add_freeze_page(row));
    list.add(row);
  }
  return PagesKept{list.pages(), list.finish()};
}

Result<SealedTape> TapeWriter::seal(HostNs host,
                                    const std::function<void(schema::Sealed::Builder)>& fill) {
  return impl_->store->seal(host, fill);
}

void TapeWriter::discard() { impl_->store->abandon(); }

uint64_t TapeWriter::bytes() const { return impl_->store->bytes(); }

const std::string& TapeWriter::partial_path() const { return impl_->store->partial_path(); }

}  // namespace ktape
