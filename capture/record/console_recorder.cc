// SPDX-License-Identifier: Apache-2.0
#include "capture/record/console_recorder.h"

#include <utility>

#include "schema/terms/tcg_fault.h"
#include "schema/wire/data.h"

namespace ktape {

Result<void> ConsoleRecorder::feed(std::span<const std::byte> bytes) {
  return record(log_.feed(bytes));
}

Result<void> ConsoleRecorder::finish() {
  // A line without its end is still text that the guest printed.
  KTAPE_TRY(record(log_.rest()));
  // Recorded last and as a whole, because a panic's text grows until the guest ends.
  if (!log_.panicked()) return {};
  return recorder_.record([&](schema::Record::Builder record) {
    record.initGuestPanicked().setText(as_data(log_.panic_text()));
  });
}

Result<void> ConsoleRecorder::record(const std::string& text) {
  if (!text.empty()) {
    KTAPE_TRY(recorder_.record(
        [&](schema::Record::Builder record) { record.initConsole().setText(as_data(text)); }));
  }
  // Before the panic is shown: the oops explains it.
  KTAPE_TRY(record_complaints());
  if (log_.panicked() && !std::exchange(panic_shown_, true))
    progress_.say("the guest panicked: " + log_.panic_line());
  return {};
}

Result<void> ConsoleRecorder::record_complaints() {
  for (const KernelComplaint& complaint : log_.complaints().take()) {
    progress_.say("the guest's kernel complained: " + complaint.headline);
    note_emulator(complaint.text);
    KTAPE_TRY(recorder_.record([&](schema::Record::Builder record) {
      auto to = record.initGuestOops();
      to.setKind(complaint.kind);
      to.setText(as_data(complaint.text));
    }));
  }
  const KernelComplaints::Losses losses = log_.complaints().take_losses();
  if (losses.complaints > 0)
    recorder_.lose("guest_oopses", "complaints of the guest's kernel over the limit",
                   losses.complaints);
  if (losses.text_bytes > 0)
    recorder_.lose("guest_oops_text", "bytes of such complaints over the limit", losses.text_bytes);
  return {};
}

// Reports a death caused by a known fault of the emulator, once.
void ConsoleRecorder::note_emulator(const std::string& oops) {
  // Under KVM the same oops is the kernel's own fault.
  if (emulators_fault_ || machine_.facts().accelerator_used != Accelerator::kTcg ||
      !is_patching_fault(oops))
    return;
  emulators_fault_ = true;
  progress_.say(kPatchingFault);
}

}  // namespace ktape
