// SPDX-License-Identifier: Apache-2.0
// bench_make_tape OUT RECORDS: a sealed tape of as many records, of the events of a real run.
#include <cstdio>
#include <cstdlib>

#include "tests/support/must.h"
#include "tools/benchmarks/event_mix.h"

int main(int count, char** arguments) {
  using namespace ktape;
  if (count != 3) {
    std::fputs("usage: bench_make_tape OUT RECORDS\n", stderr);
    return 2;
  }
  const uint64_t records = std::strtoull(arguments[2], nullptr, 10);
  constexpr uint64_t kGroup = 1000;
  constexpr uint64_t kNsApart = 100'000;
  bench::EventMix mix(KTAPE_REFERENCE_TAPE);
  auto writer = test::must(JournalWriter::create(arguments[1]));
  for (uint64_t i = 1; i < records; ++i) {
    const auto event = mix.next();
    (void)test::must(bench::append(*writer, i * kNsApart, event->getRoot<schema::Record>().asReader()));
    if (i % kGroup == 0) test::must(writer->commit());
  }
  const auto outcome = [](schema::Sealed::Builder sealed) { sealed.setOutcome(schema::Outcome::COMPLETED); };
  (void)test::must(writer->seal(HostNs(records * kNsApart), outcome));
  return 0;
}
