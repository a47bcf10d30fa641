// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "capture/io/progress.h"
#include "capture/record/recorder.h"
#include "capture/run/engine.h"
#include "schema/scenario/load.h"
#include "schema/tape/writing/writer.h"
#include "schema/wire.capnp.h"
#include "schema/wire/frame.h"
#include "tests/support/memory_machine.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

// Keeps the messages for the user.
class RememberedProgress final : public Progress {
 public:
  void say(const std::string& line) override { lines.push_back(line); }
  void now(const std::string&) override {}
  std::vector<std::string> lines;
};

// A reply as the guest gets it.
struct HeardReply {
  uint64_t request = 0;
  bool ok = false;
  std::string error;
  std::vector<schema::EntryStatus> statuses;
  std::vector<std::string> reasons;  // of each entry
};

// An engine on a machine without a guest, and verbs with which a test plays the agent. Verbs queue
// events; `run` plays them all and reads the tape.
class EngineFixture {
 public:
  EngineFixture();

  // `text`: the scenario, as in a file. A minimal one until set.
  void scenario(const std::string& text) { scenario_text_ = text; }
  // How much memory is kept at each freeze; none until set.
  void memory(schema::MemoryMode mode) { memory_ = mode; }
  void knowledge(std::shared_ptr<const KernelKnowledge> knowledge, std::vector<std::byte> ram);
  // The same with RAM that the test owns.
  void knowledge(std::shared_ptr<const KernelKnowledge> knowledge, std::span<std::byte> ram);

  void agent_says(const std::function<void(schema::FromAgent::Builder)>& fill);
  void agent_sends_bytes(std::string_view bytes);
  void hello();
  void step_started(uint32_t step, const std::string& name);
  // A cold request of one entry.
  void request(uint64_t id, const std::function<void(schema::OpEntry::Builder)>& fill);
  void read_symbol(uint64_t id, const std::string& tag, const std::string& symbol);
  void done(int32_t exit_code = 0);
  void console(std::string_view text);
  void ended();
  void lost(const std::string& how);

  FreezePlan freezes;  // what the host freezes for
  uint64_t most_tape_bytes = Recorder::kMaxTapeBytes;
  bool deaf = false;  // the guest reads nothing of what the host sends

  MemoryMachine& machine() { return *machine_; }

  // Runs the engine and seals the tape.
  RunEnd run(const UserSignals& signals = {});

  std::vector<HeardReply> replies;  // that reached the guest, in order
  std::function<void(const HeardReply&)>
      on_reply;                       // called with each; what the guest says then comes next
  bool scenario_arrived = false;      // the guest was given its scenario
  std::function<void()> on_scenario;  // called when it is given
  std::vector<uint32_t> ready_steps;  // that the guest was told to go on with
  int settled = 0;                    // how often the guest heard that its schedulers are settled
  int done_heard = 0;                 // how often the guest heard that its last message is there
  std::vector<std::string> news;      // "qmap attached", "qmap failed: why", as the guest hears it
  std::function<void()> on_news;      // called with each
  RememberedProgress progress;
  [[nodiscard]] const std::string& tape() const { return tape_; }
  // The tape's losses, by name.
  [[nodiscard]] std::map<std::string, uint64_t> losses() const;
  // Kinds of the tape's records, in order.
  [[nodiscard]] std::vector<schema::Record::Which> kinds() const;

 private:
  void hear(std::span<const std::byte> bytes);

  TempDir folder_;
  std::string tape_;
  std::string scenario_text_;
  schema::MemoryMode memory_ = schema::MemoryMode::NONE;
  std::shared_ptr<const KernelKnowledge> knowledge_;
  std::unique_ptr<MemoryMachine> machine_;
  FrameDecoder heard_;
};

}  // namespace ktape::test
