// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "guest/kernel/kernel.h"
#include "guest/kernel/types/btf.h"
#include "replay/tape/recorded_memory.h"
#include "replay/tape/tape_index.h"
#include "schema/base/result.h"
#include "schema/op.capnp.h"
#include "schema/tape/reading/reader.h"

namespace ktape {

// Shows the values of a tape's records. A value whose type the tape does not have, or which was
// read as bytes, is shown as shown_value() does. The kernel is loaded for the first value, the
// memory of a freeze for the first char * in it. All texts are safe to print.
class TapeValues {
 public:
  // The tape outlives it.
  explicit TapeValues(const TapeReader& tape) : tape_(tape) {}
  TapeValues(const TapeValues&) = delete;
  TapeValues& operator=(const TapeValues&) = delete;

  // A value of an op's entry, read or written, at a freeze (0: none); a struct has several lines.
  [[nodiscard]] std::string text(schema::OpEntry::Reader asked, schema::Value::Reader value,
                                 uint64_t freeze);
  // The same on one line: the bytes of what would have several.
  [[nodiscard]] std::string line(schema::OpEntry::Reader asked, schema::Value::Reader value,
                                 uint64_t freeze);
  // A value of a target that no op asked for.
  [[nodiscard]] std::string line(schema::Target::Reader target, schema::Value::Reader value);

  // Why values are shown without types; nothing if they have them, or the tape names none.
  [[nodiscard]] std::optional<Error> untyped();

 private:
  void load();
  // Nothing if it is not known.
  const std::optional<TypeInfo>& type_of(schema::Target::Reader target);
  const RecordedMemory* memory(uint64_t freeze);
  std::optional<std::string> typed(schema::Target::Reader target, schema::Value::Reader value,
                                   uint64_t freeze);

  const TapeReader& tape_;
  bool loaded_ = false;
  std::optional<Error> untyped_;
  std::optional<TapeIndex> index_;
  std::optional<Kernel> kernel_;
  std::unique_ptr<Btf> own_types_;  // without a kernel
  const Btf* types_ = nullptr;
  std::map<std::string, std::optional<TypeInfo>> known_;  // by the target's text
  uint64_t memory_of_ = 0;                                // the freeze of `memory_`
  std::optional<RecordedMemory> memory_;
};

}  // namespace ktape
