// SPDX-License-Identifier: Apache-2.0
#include "tests/replay/fake_tape.h"

#include <capnp/message.h>

#include <algorithm>

#include "guest/kernel/ops/op_records.h"
#include "guest/kernel/sched/evidence.h"
#include "schema/target/target_line.h"
#include "schema/wire/data.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

constexpr size_t kPageBytes = 4096;

bool is_zero(std::span<const std::byte> page) {
  return std::ranges::all_of(page, [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

FillEntry read_line(std::string line) {
  return [line = std::move(line)](schema::OpEntry::Builder entry) {
    must(parse_target_line(line, entry));
    entry.setTag(line);
  };
}

FillEntry write_u64(std::string tag, std::string line, uint64_t value) {
  return [=](schema::OpEntry::Builder entry) {
    must(parse_target_line(line, entry));
    entry.setTag(tag);
    entry.initWrite().setU64(value);
  };
}

FakeTape::FakeTape(const std::string& path, const EditKernel& edit_kernel)
    : builder_(path),
      task_(kernel_.add_task(kPid, "sleeper", kStartNs + 4567)),
      executor_(kernel_.kernel()) {
  builder_.run_started();
  const KernelKnowledge& knowledge = *kernel_.knowledge();
  const Digest btf = must(builder_.writer().add_blob("btf", knowledge.btf_raw));
  const std::string text = knowledge.symbols.text();
  const Digest symbols = must(builder_.writer().add_blob("symbols", as_bytes(text)));
  const KernelFacts& facts = kernel_.kernel().facts();
  builder_.add([&](schema::Record::Builder record) {
    auto to = record.initKernelIdentified();
    to.setRelease(as_data(knowledge.release));
    to.setBanner(as_data(facts.banner));
    to.setKaslrSlide(facts.slide);
    to.setPhysBase(facts.phys_base);
    to.setPageOffset(facts.page_offset);
    to.setPagingLevels(static_cast<uint32_t>(facts.paging_levels));
    to.setHz(facts.hz);
    to.setCpus(facts.cpus);
    to.setBtfDigest(as_data(std::span<const std::byte>(btf)));
    to.setSymbolsDigest(as_data(std::span<const std::byte>(symbols)));
    if (edit_kernel) edit_kernel(to, builder_.writer());
  });
  builder_.scheduler_attached(1);
  builder_.worker_started("sleeper", kPid, kStartNs);
  builder_.step_started(0, "look");
}

Seq FakeTape::add(const std::function<void(schema::Record::Builder)>& fill) {
  return builder_.add([&](schema::Record::Builder record) {
    fill(record);
    if (edit_) edit_(record);
  });
}

std::vector<Op> FakeTape::request(const std::vector<FillEntry>& entries, schema::OpMode mode) {
  capnp::MallocMessageBuilder message;
  auto list =
      message.initRoot<schema::OpRequested>().initEntries(static_cast<unsigned>(entries.size()));
  for (unsigned i = 0; i < list.size(); ++i) {
    entries[i](list[i]);
    // The agent fills in the task that a worker's name means.
    if (!list[i].getTarget().isTask()) continue;
    auto task = list[i].getTarget().getTask();
    if (task.getPid() == 0) task.setPid(kPid);
    if (task.getStartBoottimeNs() == 0) task.setStartBoottimeNs(kStartNs);
  }
  const auto asked = message.getRoot<schema::OpRequested>().asReader().getEntries();
  std::vector<Op> ops = must(read_ops(asked, mode));
  ++ops_;
  tries_ = 0;
  add([&](schema::Record::Builder record) {
    auto to = record.initOpRequested();
    to.setOp(ops_);
    to.setMode(mode);
    auto copies = to.initEntries(asked.size());
    for (unsigned i = 0; i < asked.size(); ++i) write_op(asked[i], ops[i], copies[i]);
  });
  return ops;
}

PagesKept FakeTape::keep_memory(uint64_t freeze) {
  std::vector<FreezePage> rows;
  const std::span<const std::byte> ram(kernel_.ram());
  for (uint64_t frame = 0; frame < ram.size() / kPageBytes; ++frame) {
    if (keep_ && !keep_(frame)) continue;
    const auto page = ram.subspan(frame * kPageBytes, kPageBytes);
    FreezePage row{freeze, frame, 1, std::nullopt};
    if (!is_zero(page)) row.hash = must(builder_.writer().add_page(page));
    rows.push_back(row);
  }
  return must(builder_.writer().add_freeze_pages(freeze, rows));
}

Seq FakeTape::reply(uint64_t freeze, const std::vector<OpResult>& results) {
  return add([&](schema::Record::Builder record) {
    auto to = record.initOpReplied();
    to.setOp(ops_);
    to.setFreeze(freeze);
    to.setLiveNotCoherent(freeze == 0);
    to.setTries(freeze == 0 ? 0 : tries_);
    bool ok = true;
    auto list = to.initEntries(static_cast<unsigned>(results.size()));
    for (unsigned i = 0; i < list.size(); ++i) {
      write_result(results[i], list[i]);
      ok = ok && results[i].status == schema::EntryStatus::DONE;
    }
    to.setOk(ok);
  });
}

Seq FakeTape::serve(const std::vector<FillEntry>& entries) {
  return serve_now(request(entries, schema::OpMode::COLD));
}

Seq FakeTape::defer(const std::vector<FillEntry>& entries) {
  const std::vector<Op> ops = request(entries, schema::OpMode::COLD);
  add([&](schema::Record::Builder record) { record.initOpDeferred().setOp(ops_); });
  return serve_now(ops);
}

Seq FakeTape::ask(const std::vector<FillEntry>& entries) {
  request(entries, schema::OpMode::COLD);
  return add([&](schema::Record::Builder record) { record.initOpDeferred().setOp(ops_); });
}

Seq FakeTape::serve_in_tries(const std::vector<FillEntry>& entries,
                             const std::vector<std::function<void()>>& before) {
  const std::vector<Op> ops = request(entries, schema::OpMode::COLD);
  std::vector<OpResult> results;
  for (const auto& change : before) {
    change();
    results = attempt(ops);
  }
  return reply(freezes_, results);
}

Seq FakeTape::serve_now(const std::vector<Op>& ops) {
  const std::vector<OpResult> results = attempt(ops);
  return reply(freezes_, results);
}

std::vector<OpResult> FakeTape::attempt(const std::vector<Op>& ops) {
  ++tries_;
  const uint64_t freeze = ++freezes_;
  add([&](schema::Record::Builder record) {
    auto to = record.initFreezeBegan();
    to.setFreeze(freeze);
    to.setCause(schema::FreezeCause::REQUEST);
    to.setOp(ops_);
    to.setTry(tries_);
  });
  // One CPU is in the kernel with interrupts off, the other in user space.
  StopMoment moment{{{true, kernel_.symbol("scx_error_irq_workfn"), 0, false},
                     {true, GuestVirtual(0x1000), 3, true}},
                    EvidenceReader(kernel_.kernel()).read(kernel_.memory())};
  const Evidence& evidence = moment.evidence;
  add([&](schema::Record::Builder record) {
    auto to = record.initFrozen();
    to.setFreeze(freeze);
    to.setBypassDepth(evidence.bypass_depth);
    auto vcpus = to.initVcpus(static_cast<unsigned>(evidence.cpus.size()));
    for (unsigned i = 0; i < vcpus.size(); ++i) {
      vcpus[i].setCpu(i);
      vcpus[i].setKnown(moment.cpus[i].known);
      vcpus[i].setRip(moment.cpus[i].rip.value);
      vcpus[i].setCpl(moment.cpus[i].cpl);
      vcpus[i].setInterruptsEnabled(moment.cpus[i].interrupts_enabled);
      write_evidence(kernel_.kernel(), evidence.cpus[i], vcpus[i]);
    }
  });
  PagesKept kept;
  if (keep_memory_) kept = keep_memory(freeze);
  const bool writes = std::holds_alternative<WriteAction>(ops.front().action);
  const std::vector<OpResult> results = writes ? executor_.write(kernel_.memory(), ops, moment)
                                               : executor_.read(kernel_.memory(), ops, moment);
  for (uint32_t i = 0; i < results.size(); ++i) {
    for (const GateResult& gate : results[i].gates) {
      add([&](schema::Record::Builder record) {
        write_gate(ops_, i, gate, record.initGateChecked());
        record.getGateChecked().setFreeze(freeze);
        record.getGateChecked().setTry(tries_);
      });
    }
  }
  add([&](schema::Record::Builder record) {
    auto to = record.initThawed();
    to.setFreeze(freeze);
    if (!keep_memory_) return;
    to.setPages(kept.pages);
    to.setPagesDigest(as_data(std::span<const std::byte>(kept.digest)));
  });
  for (const UsedLayout& layout : executor_.take_used_layouts()) {
    add([&](schema::Record::Builder record) {
      auto to = record.initLayoutUsed();
      to.setType(as_data(layout.type));
      to.setPath(layout.path);
      to.setOffsetBytes(layout.offset_bytes);
      to.setSizeBytes(layout.size_bytes);
      to.setEncoding(as_data(layout.encoding));
    });
  }
  return results;
}

Seq FakeTape::serve_hot(const FillEntry& entry) {
  const std::vector<Op> ops = request({entry}, schema::OpMode::HOT);
  return reply(0, {executor_.read_hot(kernel_.memory(), ops.front())});
}

Seq FakeTape::refuse(const FillEntry& entry, const std::string& error) {
  request({entry}, schema::OpMode::COLD);
  return add([&](schema::Record::Builder record) {
    auto to = record.initOpReplied();
    to.setOp(ops_);
    to.setError(error);
  });
}

}  // namespace ktape::test
