// SPDX-License-Identifier: Apache-2.0
#include "capture/record/clocksource_watch.h"

#include <utility>

#include "schema/wire/data.h"

namespace ktape {

void ClocksourceWatch::adopted(const Kernel& kernel) {
  Result<ClocksourceReader> reader = ClocksourceReader::create(kernel);
  // Without the reader every look does nothing: the tape then has no clocksource, which older tapes
  // have neither.
  if (reader.ok()) reader_.emplace(std::move(reader).value());
}

void ClocksourceWatch::sample(const GuestMemory& memory) {
  if (!reader_) return;
  Result<std::string> name = reader_->read(memory);
  if (name.ok()) {
    seen_ = std::move(name).value();
  } else {
    recorder_.lose("clocksources", "failed reads of the guest's clocksource", 1);
  }
}

Result<void> ClocksourceWatch::record(HostNs host, uint64_t freeze) {
  // Only changes: the guest switches in early boot, and again if it finds its TSC unstable.
  if (seen_ == known_) return {};
  const std::string before = std::exchange(known_, seen_);
  return recorder_.record_at(host, GuestNs(0), [&](schema::Record::Builder record) {
    auto to = record.initClocksourceSeen();
    to.setName(as_data(known_));
    to.setBefore(as_data(before));
    to.setFreeze(freeze);
  });
}

}  // namespace ktape
