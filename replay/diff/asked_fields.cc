// SPDX-License-Identifier: Apache-2.0
#include "replay/diff/asked_fields.h"

#include "guest/kernel/ops/op_plan.h"
#include "guest/kernel/ops/op_records.h"
#include "guest/kernel/types/layout_log.h"
#include "replay/tape/tape_index.h"
#include "replay/tape/tape_kernel.h"
#include "schema/base/text.h"

namespace ktape {

Result<FieldNames> asked_fields(const TapeReader& tape) {
  KTAPE_ASSIGN(const TapeIndex index, TapeIndex::make(tape));
  KTAPE_ASSIGN(const std::unique_ptr<Btf> types, restore_types(tape, index));
  LayoutLog log(*types);
  KTAPE_TRY(tape.for_each([&](const RecordView& view) -> Result<void> {
    if (!view.known || !view.record.isOpRequested()) return {};
    const auto request = view.record.getOpRequested();
    if (request.getGuestRequest() == 0) return {};  // ktape's own
    for (const auto entry : request.getEntries()) {
      // A target that could not be resolved still leads through the part of its path that could.
      if (const Result<Op> op = read_op(entry, request.getMode()); op.ok())
        (void)target_type(*types, op->target, log);
    }
    return {};
  }));
  FieldNames names;
  for (const UsedLayout& used : log.take())
    names.emplace(printable(used.type), printable(used.path));
  return names;
}

}  // namespace ktape
