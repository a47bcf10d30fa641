// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <limits>

#include "schema/tape/message.h"
#include "schema/wire/data.h"
#include "tests/replay/hostile/hostile_tapes.h"
#include "tests/support/must.h"
#include "tests/support/tape/sql.h"
#include "tests/support/tape/tape_editor.h"

namespace ktape::test {

namespace {

using schema::Record;

// Replaces the first record of a kind, and recomputes the chain.
void replace(const std::string& path, uint16_t kind,
             const std::function<std::vector<std::byte>(uint64_t seq)>& make) {
  const std::string seq =
      sql_rows(path, "SELECT min(seq) FROM event WHERE kind = " + std::to_string(kind)).at(0);
  put_record(path, std::stoull(seq), make(std::stoull(seq)));
  chain_again(path);
}

// A record that Cap'n Proto can build, and no recorder would.
Attack built(const std::string& name, Record::Which kind, void (*fill)(Record::Builder)) {
  return {name, [=](const std::string& path) {
            replace(path, static_cast<uint16_t>(kind), [&](uint64_t seq) {
              const RecordMessage message =
                  must(RecordMessage::build(Seq(seq), HostNs(std::numeric_limits<uint64_t>::max()),
                                            GuestNs(1), [&](auto record) { fill(record); }));
              return std::vector<std::byte>(message.bytes().begin(), message.bytes().end());
            });
          }};
}

// Pointers of Cap'n Proto's encoding, relative to the word after them.
uint64_t struct_at(int32_t offset, uint64_t data, uint64_t pointers) {
  return (static_cast<uint32_t>(offset) << 2 & 0xfffffffc) | data << 32 | pointers << 48;
}
uint64_t list_at(int32_t offset, uint64_t size, uint64_t count) {
  return (static_cast<uint32_t>(offset) << 2 & 0xfffffffc) | 1 | size << 32 | count << 35;
}

// A record of one list: its struct has `data` words, and the list is at its pointer `slot`.
std::vector<uint64_t> record_of(uint64_t seq, Record::Which kind, uint64_t data, uint64_t slot) {
  std::vector<uint64_t> words = {
      struct_at(0, 4, 1), seq, 1, 1, static_cast<uint64_t>(kind), struct_at(0, data, slot + 1)};
  words.resize(words.size() + data + slot + 1);
  return words;
}

// A list of 500 million elements of zero size.
Attack void_list(const std::string& name, Record::Which kind, uint64_t data, uint64_t slot) {
  return {name, [=](const std::string& path) {
            replace(path, static_cast<uint16_t>(kind), [&](uint64_t seq) {
              std::vector<uint64_t> words = record_of(seq, kind, data, slot);
              words.back() = list_at(0, 0, (1u << 29) - 1);
              return framed(words);
            });
          }};
}

// Structs of one byte each: 15 million of them in a record of 15 MiB.
Attack byte_list(const std::string& name, Record::Which kind, uint64_t data, uint64_t slot) {
  return {name, [=](const std::string& path) {
            replace(path, static_cast<uint16_t>(kind), [&](uint64_t seq) {
              constexpr uint64_t kElements = 15u << 20;
              std::vector<uint64_t> words = record_of(seq, kind, data, slot);
              words.back() = list_at(0, 2, kElements);
              words.resize(words.size() + kElements / 8);
              return framed(words);
            });
          }};
}

// Counters, or triggers, whose names are all one text of a megabyte.
Attack shared_names(const std::string& name, Record::Which kind, uint64_t data, uint64_t slot) {
  return {name, [=](const std::string& path) {
            replace(path, static_cast<uint16_t>(kind), [&](uint64_t seq) {
              constexpr uint64_t kElements = 10'000, kTextWords = 1u << 17, kWords = 3;
              std::vector<uint64_t> words = record_of(seq, kind, data, slot);
              words.back() = list_at(0, 7, kElements * kWords);
              words.push_back(struct_at(static_cast<int32_t>(kElements), 1, 2));
              for (uint64_t i = 0; i < kElements; ++i) {
                const uint64_t after = (kElements - i - 1) * kWords;
                words.push_back(i);
                words.push_back(list_at(static_cast<int32_t>(after + 1), 2, kTextWords * 8));
                words.push_back(list_at(static_cast<int32_t>(after), 2, kTextWords * 8));
              }
              words.resize(words.size() + kTextWords, 0x1b1b1b1b1b1b1b1b);
              words.back() = 0;
              return framed(words);
            });
          }};
}

// A tower of lists, each of two values that are both the next list: 2^40 values.
Attack tower_of_values(const std::string& name, Record::Which kind, uint64_t data, uint64_t slot) {
  return {name, [=](const std::string& path) {
            replace(path, static_cast<uint16_t>(kind), [&](uint64_t seq) {
              constexpr uint64_t kFloors = 40;
              std::vector<uint64_t> words = record_of(seq, kind, data, slot);
              for (uint64_t floor = 0; floor < kFloors; ++floor) {
                // The pointer before this leads here, to a list of two pointers.
                words.back() = list_at(0, 6, 2);
                words.push_back(list_at(1, 6, 2));
                words.push_back(list_at(0, 6, 2));
              }
              words.resize(words.size() + 2);
              return framed(words);
            });
          }};
}

// A list of pointers that all lead to one text of a megabyte.
Attack shared_text(const std::string& name, Record::Which kind, uint64_t data, uint64_t slot) {
  return {
      name, [=](const std::string& path) {
        replace(path, static_cast<uint16_t>(kind), [&](uint64_t seq) {
          constexpr uint64_t kPointers = 10'000, kTextWords = 1u << 17;
          std::vector<uint64_t> words = record_of(seq, kind, data, slot);
          words.back() = list_at(0, 6, kPointers);
          for (uint64_t i = 0; i < kPointers; ++i) {
            words.push_back(list_at(static_cast<int32_t>(kPointers - i - 1), 2, kTextWords * 8));
          }
          words.resize(words.size() + kTextWords, 0x1b1b1b1b1b1b1b1b);
          words.back() = 0;
          return framed(words);
        });
      }};
}

void numbers_at_their_ends(Record::Builder record) {
  auto run = record.initRunStarted();
  run.setCpus(4'000'000'000);
  run.setMemoryBytes(std::numeric_limits<uint64_t>::max());
  run.setWallClockNs(std::numeric_limits<uint64_t>::max());
  run.setFreezeEveryMs(std::numeric_limits<uint64_t>::max());
  auto scenario = run.initScenario();
  scenario.setDurationMs(std::numeric_limits<uint32_t>::max());
  scenario.initMachine().setCpus(4'000'000'000);
}

void cpus_of_a_liar(Record::Builder record) {
  auto frozen = record.initFrozen();
  frozen.setFreeze(std::numeric_limits<uint64_t>::max());
  auto vcpus = frozen.initVcpus(3000);
  for (auto vcpu : vcpus) {
    vcpu.setCpu(4'000'000'000);
    vcpu.setKnown(true);
    vcpu.setCurrentPid(std::numeric_limits<int32_t>::min());
  }
}

void nested_values(Record::Builder record) {
  auto value = record.initOpReplied().initEntries(1)[0].initValue();
  for (int i = 0; i < 20; ++i) value = value.initList(1)[0];
}

void long_text(Record::Builder record) {
  auto text = record.initConsole().initText(15u << 20);
  std::memset(text.begin(), 0x1b, text.size());
}

void many_lines(Record::Builder record) {
  auto text = record.initConsole().initText(15u << 20);
  std::memset(text.begin(), '\n', text.size());
}

void many_entries(Record::Builder record) {
  auto entries = record.initOpRequested().initEntries(60'000);
  for (auto entry : entries) entry.setTag("tag");
}

// Few enough in each entry, but in total more rows than a record may make.
void many_lock_users(Record::Builder record) {
  for (auto entry : record.initOpReplied().initEntries(4)) {
    entry.setStatus(static_cast<schema::EntryStatus>(9999));
    for (auto user : entry.initLockUsers(30'000)) {
      user.setCpu(-2147483647 - 1);
      user.setRole(static_cast<schema::LockRole>(9999));
    }
  }
}

void absurd_reply(Record::Builder record) {
  auto reply = record.initOpReplied();
  reply.setOp(std::numeric_limits<uint64_t>::max());
  reply.setFreeze(std::numeric_limits<uint64_t>::max());
  reply.initEntries(3);
}

void pages_of_a_liar(Record::Builder record) {
  auto thawed = record.initThawed();
  thawed.setFreeze(1);
  thawed.setPages(std::numeric_limits<uint64_t>::max());
  thawed.setPagesDigest(as_data(std::string_view("short")));
}

void seal_of_a_liar(Record::Builder record) {
  auto sealed = record.initSealed();
  sealed.setRecords(std::numeric_limits<uint64_t>::max());
  sealed.setPages(std::numeric_limits<uint64_t>::max());
  sealed.initCounts(60'000);
}

void hits_of_a_liar(Record::Builder record) {
  auto began = record.initFreezeBegan();
  began.setFreeze(1);
  began.setCause(schema::FreezeCause::TRIGGER);
  began.setVcpu(std::numeric_limits<int32_t>::max());
  began.setInterval(std::numeric_limits<uint64_t>::max());
  for (auto hit : began.initHits(3000)) {
    hit.setVcpu(4'000'000'000);
    hit.setTrigger("\x1b[2J");
    hit.setDetail(as_data(std::string_view("\x1b[2J\n")));
  }
}

void change_of_a_liar(Record::Builder record) {
  auto changed = record.initTriggerChanged();
  changed.setTrigger("\x1b[2J");
  changed.setChange(static_cast<schema::TriggerChange>(60'000));
  changed.setAddress(std::numeric_limits<uint64_t>::max());
  changed.setReason("\x1b[2J\n");
}

void delays_of_a_liar(Record::Builder record) {
  auto delays = record.initRunDelays();
  delays.setStolenKnown(true);
  delays.setStolenNs(std::numeric_limits<uint64_t>::max());
  auto vcpus = delays.initVcpus(3000);
  for (uint32_t i = 0; i < vcpus.size(); ++i) {
    vcpus[i].setVcpu(i % 2 == 0 ? 0 : 4'000'000'000);
    vcpus[i].setKnown(i % 3 != 0);
    vcpus[i].setThread(std::numeric_limits<int32_t>::min());
    vcpus[i].setRanNs(std::numeric_limits<uint64_t>::max());
    vcpus[i].setWaitedNs(std::numeric_limits<uint64_t>::max());
  }
}

void clock_of_a_liar(Record::Builder record) {
  auto seen = record.initClocksourceSeen();
  seen.setName(as_data(std::string_view("\x1b[2J\n")));
  seen.setBefore(as_data(std::string_view("\xff\xfe")));
  seen.setFreeze(std::numeric_limits<uint64_t>::max());
}

void host_of_a_liar(Record::Builder record) {
  auto host = record.initRunStarted().initHostProcessor();
  host.setKnown(true);
  host.setHypervisor(true);
  host.setHypervisorName(as_data(std::string_view("\x1b[2J\n")));
  host.setKvmNested(as_data(std::string_view("\x1b[2J\n")));
  host.setCpus(std::numeric_limits<uint32_t>::max());
}

void plan_of_a_liar(Record::Builder record) {
  auto triggers = record.initRunStarted().initFreezeTriggers(1000);
  for (auto trigger : triggers) {
    trigger.setArming(schema::TriggerArming::STEP);
    trigger.setStep(std::numeric_limits<uint32_t>::max());
  }
}

void intervals_of_a_liar(Record::Builder record) {
  auto intervals = record.initSealed().initIntervals();
  intervals.setFroze(std::numeric_limits<uint64_t>::max());
  intervals.setSkippedBusy(std::numeric_limits<uint64_t>::max());
  intervals.setSkippedLate(std::numeric_limits<uint64_t>::max());
}

void unknown_enumerants(Record::Builder record) {
  record.initSchedulerAttached().setVtime(static_cast<schema::VtimeSemantics>(60'000));
}

}  // namespace

std::vector<Attack> record_attacks() {
  return {
      built("numbers at their ends", Record::RUN_STARTED, numbers_at_their_ends),
      built("CPUs of a liar", Record::FROZEN, cpus_of_a_liar),
      built("values in values", Record::OP_REPLIED, nested_values),
      built("15 MiB of escapes", Record::CONSOLE, long_text),
      built("15 million lines", Record::CONSOLE, many_lines),
      built("60,000 entries", Record::OP_REQUESTED, many_entries),
      built("120,000 users of a lock", Record::OP_REPLIED, many_lock_users),
      built("a reply to nothing", Record::OP_REPLIED, absurd_reply),
      built("pages of a liar", Record::THAWED, pages_of_a_liar),
      built("a seal of a liar", Record::SEALED, seal_of_a_liar),
      built("hits of a liar", Record::FREEZE_BEGAN, hits_of_a_liar),
      built("a trigger of a liar", Record::TRIGGER_CHANGED, change_of_a_liar),
      built("a plan of a liar", Record::RUN_STARTED, plan_of_a_liar),
      built("run delays of a liar", Record::RUN_DELAYS, delays_of_a_liar),
      built("a clock of a liar", Record::CLOCKSOURCE_SEEN, clock_of_a_liar),
      built("a host of a liar", Record::RUN_STARTED, host_of_a_liar),
      built("intervals of a liar", Record::SEALED, intervals_of_a_liar),
      built("enumerants that are none", Record::SCHEDULER_ATTACHED, unknown_enumerants),
      // Words of data and the slot of the list's pointer are those of schema/record.capnp.
      void_list("entries of nothing", Record::OP_REQUESTED, 4, 0),
      void_list("replies of nothing", Record::OP_REPLIED, 3, 1),
      void_list("CPUs of nothing", Record::FROZEN, 3, 0),
      void_list("hits of nothing", Record::FREEZE_BEGAN, 4, 2),
      void_list("run delays of nothing", Record::RUN_DELAYS, 3, 0),
      void_list("arguments of nothing", Record::RUN_STARTED, 8, 5),
      void_list("counters of nothing", Record::SEALED, 4, 3),
      byte_list("15 million entries", Record::OP_REQUESTED, 4, 0),
      byte_list("15 million replies", Record::OP_REPLIED, 3, 1),
      byte_list("15 million CPUs", Record::FROZEN, 3, 0),
      byte_list("15 million hits", Record::FREEZE_BEGAN, 4, 2),
      byte_list("15 million run delays", Record::RUN_DELAYS, 3, 0),
      byte_list("15 million counters", Record::SEALED, 4, 3),
      shared_names("counters of one name", Record::LOST, 0, 0),
      shared_names("one name in a seal", Record::SEALED, 4, 3),
      tower_of_values("a tower of values in a reply", Record::OP_REPLIED, 3, 1),
      tower_of_values("a tower of values in a gate", Record::GATE_CHECKED, 3, 0),
      tower_of_values("a tower of values in console text", Record::CONSOLE, 0, 0),
      shared_text("one text 10,000 times", Record::RUN_STARTED, 8, 5),
      shared_text("one callback 10,000 times", Record::SCHEDULER_ATTACHED, 2, 1),
  };
}

}  // namespace ktape::test
