// SPDX-License-Identifier: Apache-2.0
// What it costs to step through the events of a trace ring, to decode and to print them: the
// recorded sub-buffers of the tests, again and again. The floor is libtraceevent: its kbuffer loop,
// which finds an event and its time, and tep_print_event(), with which trace-cmd prints.
#include <benchmark/benchmark.h>
#include <event-parse.h>
extern "C" {
#include <kbuffer.h>  // forgets C++
}
#include <trace-seq.h>

#include <functional>
#include <memory>
#include <string>

#include "schema/trace/event_text.h"
#include "schema/trace/known_events.h"
#include "tests/schema/trace/recorded_ring.h"
#include "tests/support/must.h"

namespace ktape::test {
namespace {

constexpr const char* kRelease = "6.16.12";

// Calls `each` with the time and data of every event, by libtraceevent.
template <typename Each>
void by_kbuffer(const RecordedRing& ring, kbuffer* buffer, Each&& each) {
  unsigned long long time_ns = 0;
  for (const auto& pages : ring.cpus) {
    for (const auto& page : pages) {
      kbuffer_load_subbuffer(buffer, const_cast<std::byte*>(page.data()));
      for (void* data = kbuffer_read_event(buffer, &time_ns); data != nullptr;
           data = kbuffer_next_event(buffer, &time_ns))
        each(time_ns, data);
    }
  }
}

// The same, by ours.
template <typename Each>
void by_page(const RecordedRing& ring, Each&& each) {
  RingEvent event;
  for (uint32_t cpu = 0; cpu < ring.cpus.size(); ++cpu) {
    for (const auto& bytes : ring.cpus[cpu]) {
      RingPage page = must(RingPage::open(bytes));
      while (must(page.next(event))) each(CpuId(cpu), event);
    }
  }
}

using KernelBuffer = std::unique_ptr<kbuffer, decltype(&kbuffer_free)>;

KernelBuffer new_buffer() {
  return {kbuffer_alloc(KBUFFER_LSIZE_8, KBUFFER_ENDIAN_LITTLE), kbuffer_free};
}

uint64_t step_floor(const RecordedRing& ring, kbuffer* buffer) {
  uint64_t count = 0, sum = 0;
  by_kbuffer(ring, buffer, [&](unsigned long long time_ns, void* data) {
    sum += time_ns + *static_cast<uint8_t*>(data);
    ++count;
  });
  benchmark::DoNotOptimize(sum);
  return count;
}

uint64_t step_ours(const RecordedRing& ring) {
  uint64_t count = 0, sum = 0;
  by_page(ring, [&](CpuId, const RingEvent& event) {
    sum += event.time_ns + std::to_integer<uint8_t>(event.data[0]);
    ++count;
  });
  benchmark::DoNotOptimize(sum);
  return count;
}

// Every event with its format and task; the run time of each sched_stat_runtime.
uint64_t decode_ours(const RecordedRing& ring, const EventFormats& formats,
                     const EventReader<SchedStatRuntime>& runtimes, const EventFormat* runtime) {
  uint64_t count = 0, sum = 0;
  by_page(ring, [&](CpuId cpu, const RingEvent& event) {
    const TraceEvent decoded = must(decode_event(formats, cpu, event));
    sum += decoded.time_ns + static_cast<uint32_t>(decoded.pid.value);
    if (decoded.format == runtime) sum += must(runtimes.read(decoded)).runtime;
    ++count;
  });
  benchmark::DoNotOptimize(sum);
  return count;
}

uint64_t text_floor(const RecordedRing& ring, kbuffer* buffer, tep_handle* tep, trace_seq* text) {
  uint64_t count = 0, bytes = 0;
  by_kbuffer(ring, buffer, [&](unsigned long long time_ns, void* data) {
    tep_record record = {};
    record.ts = time_ns;
    record.data = data;
    record.size = kbuffer_event_size(buffer);
    trace_seq_reset(text);
    tep_print_event(tep, text, &record, "%16s-%-5d [%03d] %6.1000d: %s: %s", TEP_PRINT_COMM,
                    TEP_PRINT_PID, TEP_PRINT_CPU, TEP_PRINT_TIME, TEP_PRINT_NAME, TEP_PRINT_INFO);
    bytes += text->len;
    ++count;
  });
  benchmark::DoNotOptimize(bytes);
  return count;
}

uint64_t text_ours(const RecordedRing& ring, const EventFormats& formats, const EventText& text,
                   const TaskNames& names) {
  uint64_t count = 0, bytes = 0;
  by_page(ring, [&](CpuId cpu, const RingEvent& event) {
    bytes += must(text.line(must(decode_event(formats, cpu, event)), names)).size();
    ++count;
  });
  benchmark::DoNotOptimize(bytes);
  return count;
}

std::unique_ptr<tep_handle, decltype(&tep_free)> new_handle(const RecordedRing& ring) {
  std::unique_ptr<tep_handle, decltype(&tep_free)> tep(tep_alloc(), tep_free);
  tep_set_long_size(tep.get(), 8);
  tep_set_file_bigendian(tep.get(), TEP_LITTLE_ENDIAN);
  tep_set_local_bigendian(tep.get(), TEP_LITTLE_ENDIAN);
  for (const std::string& format : ring.formats)
    tep_parse_event(tep.get(), format.c_str(), format.size(), "sched");
  for (const auto& [pid, comm] : ring.tasks) tep_register_comm(tep.get(), comm.c_str(), pid);
  return tep;
}

void add(const std::string& name, const std::function<uint64_t()>& once) {
  benchmark::RegisterBenchmark(name.c_str(), [once](benchmark::State& state) {
    uint64_t events = 0;
    for (auto _ : state) events += once();
    state.SetItemsProcessed(static_cast<int64_t>(events));
  });
}

}  // namespace
}  // namespace ktape::test

int main(int count, char** arguments) {
  using namespace ktape;
  using namespace ktape::test;
  benchmark::Initialize(&count, arguments);
  const RecordedRing ring = recorded_ring(kRelease);
  const EventFormats formats = ring.event_formats();
  const EventFormat* runtime = formats.find(SchedStatRuntime::kName);
  const auto runtimes = must(EventReader<SchedStatRuntime>::bind(*runtime));
  const EventText text(formats);
  TaskNames names;
  for (const auto& [pid, comm] : ring.tasks) names.set(Pid(pid), comm);
  const KernelBuffer buffer = new_buffer();
  const auto tep = new_handle(ring);
  trace_seq line;
  trace_seq_init(&line);

  add("trace-step/floor", [&] { return step_floor(ring, buffer.get()); });
  add("trace-step/ours", [&] { return step_ours(ring); });
  add("trace-decode/floor", [&] { return step_floor(ring, buffer.get()); });
  add("trace-decode/ours", [&] { return decode_ours(ring, formats, runtimes, runtime); });
  add("trace-text/floor", [&] { return text_floor(ring, buffer.get(), tep.get(), &line); });
  add("trace-text/ours", [&] { return text_ours(ring, formats, text, names); });
  benchmark::RunSpecifiedBenchmarks();
  trace_seq_destroy(&line);
  return 0;
}
