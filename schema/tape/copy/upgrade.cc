// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/copy/upgrade.h"

#include <memory>

#include "schema/base/text.h"
#include "schema/tape/copy/tape_copy.h"
#include "schema/tape/reading/tape_source.h"
#include "schema/tape/reading/tape_tables.h"
#include "schema/tape/verify/verify.h"

namespace ktape {

namespace {

Result<SealedTape> copy_whole(const Database& source, TapeStore& store) {
  // Records are copied bit for bit, so the chain and its head stay the same.
  TapeCopy copy{.source = source, .store = store, .keep_seal = true};
  KTAPE_TRY(copy_records(copy));
  KTAPE_TRY(copy_blobs(copy));
  KTAPE_TRY(copy_freeze_pages(copy));
  KTAPE_TRY(copy_pages(copy));
  return store.finish();
}

// Until a format is final its tables change from one build to the next; only the records matter.
bool has_tables_of_another_build(const Database& tape, int32_t format) {
  return format == kFormatVersion && !check_tables(tape).ok() && check_record_tables(tape).ok();
}

Result<void> check_whole(const std::string& path) {
  KTAPE_ASSIGN(const Verification found, verify(path, std::nullopt));
  if (found.integrity == Integrity::kAltered)
    return Error{ErrorCode::kBadInput, in_quotes(path) + " is altered: " + found.finding, ""};
  if (found.integrity == Integrity::kUnsealed)
    return Error{ErrorCode::kRefused, in_quotes(path) + " is not sealed: " + found.finding,
                 found.hint};
  return {};
}

}  // namespace

Result<UpgradedTape> upgrade(const std::string& path, const std::string& out) {
  KTAPE_ASSIGN(TapeSource source, open_source(path));
  KTAPE_ASSIGN(const int32_t format, format_of(source.database));
  if (!has_tables_of_another_build(source.database, format)) {
    KTAPE_TRY(check_whole(path));
  } else if (const Result<void> records = verify_records(source.database); !records.ok()) {
    // Its tables are of no format, so everything but them was checked.
    return Error{records.error().code, in_quotes(path) + " is altered: " + records.error().message,
                 ""};
  }
  // Only now: a tape that is refused leaves nothing behind.
  KTAPE_ASSIGN(std::unique_ptr<TapeStore> store, TapeStore::create(out));
  Result<SealedTape> made = copy_whole(source.database, *store);
  if (!made.ok()) {
    Error error = made.error();
    if (store->abandon()) error.hint.clear();  // it may name files that are now removed
    return error;
  }
  return UpgradedTape{format, std::move(*made)};
}

}  // namespace ktape
