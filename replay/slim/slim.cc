// SPDX-License-Identifier: Apache-2.0
#include "replay/slim/slim.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "replay/slim/slim_roots.h"
#include "replay/tape/tape_index.h"
#include "replay/tape/tape_kernel.h"
#include "schema/base/text.h"
#include "schema/tape/codec.h"
#include "schema/tape/message.h"
#include "schema/tape/reading/event_cursor.h"
#include "schema/tape/reading/tape_source.h"
#include "schema/tape/tables.h"
#include "schema/tape/verify/verify.h"
#include "schema/tape/writing/tape_store.h"
#include "schema/wire/data.h"

namespace ktape {

namespace {

constexpr std::string_view kReplacedBlobs[] = {"btf", "symbols"};
// The configuration is text for people, and no replay reads it.
constexpr std::string_view kDroppedBlobs[] = {"config"};

Error refused(const std::string& path, std::string why, std::string hint) {
  return Error{ErrorCode::kRefused, in_quotes(path) + " " + std::move(why), std::move(hint)};
}

// What replaces the kernel's types and symbols on a slim tape.
struct SlimKernel {
  std::vector<std::byte> btf;
  std::string symbols;
  Digest btf_digest{};
  Digest symbols_digest{};
};

Result<SlimKernel> slim_kernel(const std::string& path) {
  KTAPE_ASSIGN(const auto tape, TapeReader::open(path));
  KTAPE_ASSIGN(const TapeIndex index, TapeIndex::make(*tape));
  KTAPE_ASSIGN(const Kernel kernel, restore_kernel(*tape, index));
  KTAPE_ASSIGN(const SlimRoots roots, slim_roots(*tape, index));
  SlimKernel slim;
  KTAPE_ASSIGN(slim.btf, slim_btf(kernel.knowledge().btf_raw, roots.btf));
  KTAPE_ASSIGN(const SymbolTable symbols, slim_symbols(kernel.knowledge().symbols, roots.symbols));
  slim.symbols = symbols.text();
  slim.btf_digest = sha256(slim.btf);
  slim.symbols_digest = sha256(as_bytes(slim.symbols));
  return slim;
}

Digest digest_of(std::span<const std::byte> bytes) {
  Digest digest{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), digest.size()), digest.begin());
  return digest;
}

// Copies a tape that was verified; the new one is verified when it is complete.
class Copy {
 public:
  Copy(const std::string& path, const Database& source, TapeStore& store, const SlimKernel& kernel)
      : path_(path), source_(source), store_(store), kernel_(kernel) {}

  Result<SealedTape> run(const Digest& head) {
    // Blobs and pages before the records, as the order of rows in a tape is free.
    KTAPE_TRY(add_kernel());
    KTAPE_TRY(blobs());
    KTAPE_TRY(freeze_pages());
    KTAPE_TRY(pages());
    KTAPE_ASSIGN(EventCursor cursor, EventCursor::all(source_));
    for (;;) {
      KTAPE_ASSIGN(const bool row, cursor.next());
      if (!row) return Error{ErrorCode::kBadInput, in_quotes(path_) + " is not sealed", ""};
      KTAPE_ASSIGN(const schema::Record::Reader record, cursor.record());
      KTAPE_TRY(check(record));
      // Everything before the seal is copied; the seal is made anew, since counts and digests
      // differ.
      if (record.isSealed()) return seal(record, head);
      KTAPE_TRY(copy(record, cursor.message()));
    }
  }

 private:
  [[nodiscard]] Result<void> check(schema::Record::Reader record) const {
    if (record.isSlimmed()) return refused(path_, "is already slim", "");
    const bool full =
        record.isRunStarted() && record.getRunStarted().getMemoryMode() == schema::MemoryMode::FULL;
    if (!full) return {};
    return refused(path_, "keeps all of the guest's memory, and slim does not reduce that",
                   "capture the run with 'ktape capture --memory sched'");
  }

  Result<void> add_kernel() {
    KTAPE_TRY(add_blob(kernel_.btf_digest, "btf", kernel_.btf));
    return add_blob(kernel_.symbols_digest, "symbols", as_bytes(kernel_.symbols));
  }

  Result<void> add_blob(const Digest& hash, std::string_view name,
                        std::span<const std::byte> content) {
    KTAPE_ASSIGN(const Packed packed, pack(content));
    return store_.add_blob(hash, name, static_cast<int64_t>(packed.codec), packed.data);
  }

  Result<void> copy(schema::Record::Reader record, std::span<const std::byte> message) {
    // Byte for byte, so the links of the chain up to KernelIdentified stay the same.
    if (!record.isKernelIdentified()) return store_.add_record(message);
    const auto fill = [&](schema::Record::Builder copy) {
      copy.setKernelIdentified(record.getKernelIdentified());
      auto identified = copy.getKernelIdentified();
      identified.setBtfDigest(as_data(kernel_.btf_digest));
      identified.setSymbolsDigest(as_data(kernel_.symbols_digest));
    };
    return add(record, fill);
  }

  // With the times of `like`.
  Result<void> add(schema::Record::Reader like,
                   const std::function<void(schema::Record::Builder)>& fill) {
    KTAPE_ASSIGN(const RecordMessage message,
                 RecordMessage::build(store_.next_seq(), HostNs(like.getHostNs()),
                                      GuestNs(like.getGuestNs()), fill));
    return store_.add_record(message.bytes());
  }

  Result<SealedTape> seal(schema::Record::Reader record, const Digest& head) {
    KTAPE_TRY(add(record, [&](schema::Record::Builder mark) {
      auto slimmed = mark.initSlimmed();
      // The head of the tape that it was made from: the slim tape can be traced to it.
      slimmed.setHead(as_data(head));
      slimmed.setKtapeVersion(KTAPE_VERSION);
    }));
    const schema::Sealed::Reader old = record.getSealed();
    return store_.seal(HostNs(record.getHostNs()), [&](schema::Sealed::Builder sealed) {
      sealed.setOutcome(old.getOutcome());
      sealed.setExitCode(old.getExitCode());
      sealed.setDetail(old.getDetail());
      sealed.setLosses(old.getLosses());
      sealed.setTriggers(old.getTriggers());
      if (old.hasIntervals()) sealed.setIntervals(old.getIntervals());
    });
  }

  Result<void> blobs() {
    KTAPE_ASSIGN(Statement rows,
                 source_.prepare("SELECT hash, name, codec, data FROM blob ORDER BY hash"));
    for (;;) {
      KTAPE_ASSIGN(const bool more, rows.step());
      if (!more) return {};
      const std::string name(rows.text(1));
      if (std::ranges::find(kReplacedBlobs, name) != std::end(kReplacedBlobs)) continue;
      if (std::ranges::find(kDroppedBlobs, name) != std::end(kDroppedBlobs)) continue;
      KTAPE_TRY(store_.add_blob(digest_of(rows.bytes(0)), name, rows.integer(2), rows.bytes(3)));
    }
  }

  Result<void> freeze_pages() {
    KTAPE_ASSIGN(Statement rows,
                 source_.prepare("SELECT freeze, frame, frames, hash FROM freeze_page"));
    for (;;) {
      KTAPE_ASSIGN(const bool more, rows.step());
      if (!more) return {};
      FreezePage page{static_cast<uint64_t>(rows.integer(0)),
                      static_cast<uint64_t>(rows.integer(1)),
                      static_cast<uint64_t>(rows.integer(2)), std::nullopt};
      if (!rows.bytes(3).empty()) page.hash = digest_of(rows.bytes(3));
      KTAPE_TRY(store_.add_freeze_page(page));
    }
  }

  Result<void> pages() {
    KTAPE_ASSIGN(Statement rows,
                 source_.prepare("SELECT hash, codec, data FROM page ORDER BY hash"));
    for (;;) {
      KTAPE_ASSIGN(const bool more, rows.step());
      if (!more) return {};
      KTAPE_TRY(store_.add_page(digest_of(rows.bytes(0)), rows.integer(1), rows.bytes(2)));
    }
  }

  const std::string& path_;
  const Database& source_;
  TapeStore& store_;
  const SlimKernel& kernel_;
};

}  // namespace

Result<SealedTape> slim_tape(const std::string& path, const std::string& out) {
  // A slim tape is sealed as intact, so its source must be.
  KTAPE_ASSIGN(const Verification whole, verify(path, std::nullopt));
  if (whole.integrity != Integrity::kIntact) {
    return Error{
        ErrorCode::kBadInput,
        in_quotes(path) + " is not intact" + (whole.finding.empty() ? "" : ": " + whole.finding),
        "check it with 'ktape verify'"};
  }
  KTAPE_ASSIGN(const SlimKernel kernel, slim_kernel(path));
  KTAPE_ASSIGN(const TapeSource source, open_source(path));
  KTAPE_ASSIGN(const auto store, TapeStore::create(out));
  auto sealed = Copy(path, source.database, *store, kernel).run(whole.head);
  if (!sealed.ok()) {
    Error error = sealed.error();
    if (store->abandon()) error.hint.clear();  // the hint may name files that are gone now
    return error;
  }
  // Against its own seal: a slim tape that does not verify must not be handed out.
  KTAPE_ASSIGN(const Verification made, verify(out, sealed->head));
  if (made.integrity != Integrity::kIntact) {
    return Error{ErrorCode::kInternal, in_quotes(out) + " is not intact: " + made.finding, ""};
  }
  return sealed;
}

}  // namespace ktape
