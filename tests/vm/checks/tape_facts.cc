// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/checks/tape_facts.h"

#include "schema/tape/reading/reader.h"
#include "schema/wire/data.h"
#include "schema/wire/value_number.h"

namespace ktape::test {

namespace {

using Tags = std::map<uint64_t, std::vector<std::string>>;  // by op, in entry order

void add_reply(schema::OpReplied::Reader reply, const Tags& tags, TapeFacts& facts) {
  ++facts.replies;
  facts.tries += reply.getTries();
  ++facts.replies_by_op[reply.getOp()];
  auto entries = reply.getEntries();
  for (unsigned i = 0; i < entries.size(); ++i) {
    EntryFacts& entry = facts.entries[tags.at(reply.getOp()).at(i)];
    entry.status = entries[i].getStatus();
    entry.reason = entries[i].getReason();
    entry.value = number_of(entries[i].getValue()).value_or(0);
    if (entries[i].getValue().isList()) {
      for (auto element : entries[i].getValue().getList())
        entry.list.push_back(number_of(element).value_or(0));
    }
    entry.width_bytes = entries[i].getWidthBytes();
    entry.physical_address = entries[i].getPhysicalAddress();
    entry.freeze = reply.getFreeze();
  }
}

void add(schema::Record::Reader record, Tags& tags, TapeFacts& facts) {
  using Record = schema::Record;
  switch (record.which()) {
    case Record::KERNEL_IDENTIFIED:
      facts.release = as_text(record.getKernelIdentified().getRelease());
      facts.hz = record.getKernelIdentified().getHz();
      facts.slide = record.getKernelIdentified().getKaslrSlide();
      facts.phys_base = record.getKernelIdentified().getPhysBase();
      facts.vmcoreinfo_agrees = record.getKernelIdentified().getVmcoreinfoAgrees();
      break;
    case Record::OP_REQUESTED:
      ++facts.requests;
      facts.replies_by_op.try_emplace(record.getOpRequested().getOp(), 0);
      for (auto entry : record.getOpRequested().getEntries()) {
        tags[record.getOpRequested().getOp()].push_back(entry.getTag());
        facts.entries[entry.getTag()].tag = entry.getTag();
      }
      break;
    case Record::GATE_CHECKED: {
      auto gate = record.getGateChecked();
      EntryFacts& entry = facts.entries[tags.at(gate.getOp()).at(gate.getEntry())];
      if (gate.getFreeze() != entry.gates_freeze) {  // those of earlier tries do not count
        entry.gates = 0;
        entry.observed.clear();
        entry.failed.clear();
        entry.gates_freeze = gate.getFreeze();
      }
      ++entry.gates;
      entry.observed[gate.getGate()] = as_text(gate.getObserved());
      if (gate.getOutcome() == schema::GateOutcome::FAILED) entry.failed.insert(gate.getGate());
      break;
    }
    case Record::OP_REPLIED: add_reply(record.getOpReplied(), tags, facts); break;
    case Record::FREEZE_BEGAN: ++facts.freezes; break;
    case Record::THAWED: ++facts.thaws; break;
    case Record::WORKER_STARTED:
      facts.workers[record.getWorkerStarted().getName()] = record.getWorkerStarted().getPid();
      break;
    case Record::FROZEN: {
      FreezeFacts& freeze = facts.frozen[record.getFrozen().getFreeze()];
      for (auto vcpu : record.getFrozen().getVcpus()) {
        if (!vcpu.getKernelStateKnown()) continue;
        freeze.running.insert(vcpu.getCurrentPid());
        freeze.scheduling.emplace_back(vcpu.getCurrentPolicy(), vcpu.getCurrentClass().cStr());
        if (vcpu.getRunqueueLocked()) freeze.locked_cpus.insert(vcpu.getCpu());
      }
      break;
    }
    case Record::GUEST_FACTS: {
      SaidFacts said{record.getGuestFacts().getSubject().cStr(), {}};
      for (auto fact : record.getGuestFacts().getFacts()) {
        said.facts[fact.getName().cStr()] = as_text(fact.getValue());
      }
      facts.said.push_back(std::move(said));
      break;
    }
    case Record::CONSOLE: facts.console += as_text(record.getConsole().getText()); break;
    case Record::GUEST_PANICKED: facts.panic = as_text(record.getGuestPanicked().getText()); break;
    case Record::WATCHDOG_FIRED: facts.watchdog = record.getWatchdogFired().getName().cStr(); break;
    case Record::SCHEDULER_EXITED:
      facts.scheduler_exit_kinds.push_back(record.getSchedulerExited().getKind());
      break;
    case Record::SEALED:
      facts.outcome = record.getSealed().getOutcome();
      facts.exit_code = record.getSealed().getExitCode();
      facts.detail = record.getSealed().getDetail().cStr();
      break;
    default: break;
  }
}

}  // namespace

Result<TapeFacts> gather_facts(const std::string& tape) {
  KTAPE_ASSIGN(std::unique_ptr<TapeReader> reader, TapeReader::open(tape));
  TapeFacts facts;
  Tags tags;
  KTAPE_TRY(reader->for_each([&](const RecordView& view) -> Result<void> {
    if (view.known) add(view.record, tags, facts);
    return {};
  }));
  return facts;
}

}  // namespace ktape::test
