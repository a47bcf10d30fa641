// SPDX-License-Identifier: Apache-2.0
// bench_make_tape OUT RECORDS: a sealed tape with that many records, from the events of a real run,
// with a commit per thousand. Prints the seconds that appending and sealing took, without creating
// the events.
#include <chrono>
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
  auto writer = test::must(TapeWriter::create(arguments[1]));
  using Clock = std::chrono::steady_clock;
  Clock::duration took{};
  for (uint64_t i = 1; i < records; ++i) {
    const auto event = mix.next();
    const auto began = Clock::now();
    (void)test::must(
        bench::append(*writer, i * kNsApart, event->getRoot<schema::Record>().asReader()));
    if (i % kGroup == 0) test::must(writer->commit());
    took += Clock::now() - began;
  }
  const auto outcome = [](schema::Sealed::Builder sealed) {
    sealed.setOutcome(schema::Outcome::COMPLETED);
  };
  const auto began = Clock::now();
  (void)test::must(writer->seal(HostNs(records * kNsApart), outcome));
  took += Clock::now() - began;
  std::printf("%.6f\n", std::chrono::duration<double>(took).count());
  return 0;
}
