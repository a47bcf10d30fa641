// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/schema.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "schema/base/text.h"
#include "schema/record.capnp.h"
#include "schema/wire/data.h"

namespace ktape {

// Parts of records in words, safe to print.

// Text of a record, Text or Data, safe for a terminal.
template <typename Reader>
[[nodiscard]] std::string safe(const Reader& text) {
  return printable(chars(text));
}

// ": text", or nothing.
template <typename Reader>
[[nodiscard]] std::string after_colon(const Reader& text) {
  return text.size() == 0 ? "" : ": " + safe(text);
}

// Lines of text made safe one by one, so that a panic or a console remains readable.
[[nodiscard]] std::string safe_lines(std::string_view text);

// The first kShownBytes bytes of a longer text, and dots. No character is cut in two.
inline constexpr size_t kShownBytes = 400;
[[nodiscard]] std::string shortened(std::string_view text);

// The same for a text of a record, safe to print.
template <typename Reader>
[[nodiscard]] std::string brief(const Reader& text) {
  return printable(shortened(chars(text)));
}

// "guestPanicked" as "guest panicked".
[[nodiscard]] std::string words(std::string_view camel_case);

// An enumerant's name in words; "unknown (17)" for one of a later format.
template <typename Enum>
[[nodiscard]] std::string enum_words(Enum value) {
  auto enumerants = capnp::Schema::from<Enum>().getEnumerants();
  auto index = static_cast<unsigned>(value);
  if (index >= enumerants.size()) return "unknown (" + std::to_string(index) + ")";
  return words(enumerants[index].getProto().getName().cStr());
}

// "5", "18446744073709551615 (0xffffffffffffffff)", "16 bytes: 0011...", "set bits 0x4 of 4 bytes",
// "3 entries: 1, 2, 3", "20 entries: 1, ..., 16 and 4 more".
[[nodiscard]] std::string shown_value(schema::Value::Reader value);

// A target in one line.
[[nodiscard]] std::string safe_target_text(schema::Target::Reader target);

// "outcome completed, exit code 0: detail"
[[nodiscard]] std::string outcome_text(schema::Sealed::Reader sealed);

// "done", "refused, as expected", "NOT DONE"; after several tries also their number, and how long
// the guest ran between them.
[[nodiscard]] std::string reply_text(schema::OpReplied::Reader reply);

// "17 (why this counter exists): NAME"
[[nodiscard]] std::string loss_text(schema::LossCounter::Reader loss);

// "scx-error: 2 times", "symbol:schedule: 100 hits in 64 freezes", "symbol:panic: never, it was not
// set up"
[[nodiscard]] std::string trigger_text(schema::TriggerCount::Reader trigger);

// "232 of 450 intervals froze; 218 were skipped: the previous freeze and its recording took longer"
[[nodiscard]] std::string intervals_text(schema::IntervalCounts::Reader intervals);

// "2 CPUs of a host that is itself a guest, of 'KVMKVMKVM'"; empty if the recorder did not say.
[[nodiscard]] std::string host_text(schema::HostProcessor::Reader host);

// Whether a change of the clocksource is one that every boot makes: from the one that the kernel
// uses until it has calibrated the TSC, to the TSC (arch/x86/kernel/tsc.c,
// tsc_refine_calibration_work(), about a second after the start). It is on the tape only if
// something looked before that.
[[nodiscard]] bool is_of_the_boot(schema::ClocksourceSeen::Reader change);

}  // namespace ktape
