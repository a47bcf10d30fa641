// SPDX-License-Identifier: Apache-2.0
#include "tests/capture/run/engine_fixture.h"

#include "schema/tape/reading/reader.h"
#include "schema/wire/data.h"
#include "tests/support/kernel/btf_builder.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

// A kernel that is not in any memory: adopting it fails.
std::shared_ptr<const KernelKnowledge> unknown_kernel() {
  BtfBuilder types;
  types.integer("int", 4);
  std::vector<std::byte> raw = types.bytes();
  KernelKnowledge unknown{
      .banner = "Linux version 0.0 (nobody)",
      .symbols = must(
          SymbolTable::from_text("ffffffff81000000 T _text\nffffffff82000000 D linux_banner\n")),
      .btf = must(Btf::parse(raw)),
      .btf_raw = raw,
  };
  return std::make_shared<KernelKnowledge>(std::move(unknown));
}

}  // namespace

EngineFixture::EngineFixture()
    : tape_(folder_.file("run.ktape")),
      scenario_text_("(name = \"t\", steps = [(name = \"only\", actions = [(sleepMs = 1)])])"),
      knowledge_(unknown_kernel()),
      machine_(std::make_unique<MemoryMachine>(std::vector<std::byte>(size_t{4} << 20))) {}

void EngineFixture::knowledge(std::shared_ptr<const KernelKnowledge> knowledge,
                              std::vector<std::byte> ram) {
  knowledge_ = std::move(knowledge);
  machine_ = std::make_unique<MemoryMachine>(std::move(ram));
}

void EngineFixture::knowledge(std::shared_ptr<const KernelKnowledge> knowledge,
                              std::span<std::byte> ram) {
  knowledge_ = std::move(knowledge);
  machine_ = std::make_unique<MemoryMachine>(ram);
}

void EngineFixture::agent_says(const std::function<void(schema::FromAgent::Builder)>& fill) {
  capnp::MallocMessageBuilder message;
  fill(message.initRoot<schema::FromAgent>());
  machine_->push({MachineEventKind::kAgentBytes, must(encode_frame(message)), ""});
}

void EngineFixture::agent_sends_bytes(std::string_view bytes) {
  auto span = as_bytes(bytes);
  machine_->push({MachineEventKind::kAgentBytes, {span.begin(), span.end()}, ""});
}

void EngineFixture::hello() {
  agent_says([](schema::FromAgent::Builder message) {
    auto hello = message.initHello();
    hello.setProtocol(schema::PROTOCOL_VERSION);
    hello.initGuest().setRelease(as_data("0.0"));
  });
}

void EngineFixture::step_started(uint32_t step, const std::string& name) {
  agent_says([&](schema::FromAgent::Builder message) {
    message.initStepStarted().setStep(step);
    message.getStepStarted().setName(name);
  });
}

void EngineFixture::request(uint64_t id,
                            const std::function<void(schema::OpEntry::Builder)>& fill) {
  agent_says([&](schema::FromAgent::Builder message) {
    auto request = message.initRequest();
    request.setId(id);
    fill(request.initEntries(1)[0]);
  });
}

void EngineFixture::read_symbol(uint64_t id, const std::string& tag, const std::string& symbol) {
  request(id, [&](schema::OpEntry::Builder entry) {
    entry.setTag(tag);
    entry.initTarget().setSymbol(symbol);
    entry.setRead(schema::ValueKind::U64);
  });
}

void EngineFixture::done(int32_t exit_code) {
  agent_says([&](schema::FromAgent::Builder message) {
    message.initDone().setExplicitDone(true);
    message.getDone().setExitCode(exit_code);
  });
}

void EngineFixture::console(std::string_view text) {
  auto span = as_bytes(text);
  machine_->push({MachineEventKind::kConsoleBytes, {span.begin(), span.end()}, ""});
}

void EngineFixture::ended() { machine_->push({MachineEventKind::kEnded, {}, "guest-shutdown"}); }

void EngineFixture::lost(const std::string& how) {
  machine_->push({MachineEventKind::kLost, {}, how});
}

void EngineFixture::hear(std::span<const std::byte> bytes) {
  heard_.feed(bytes);
  while (auto frame = must(heard_.next())) {
    auto message = frame->reader().getRoot<schema::FromHost>();
    if (message.isScenario()) scenario_arrived = true;
    if (message.isScenario() && on_scenario) on_scenario();
    if (message.isSchedulersSettled()) ++settled;
    if (message.isStepReady()) ready_steps.push_back(message.getStepReady());
    if (message.isDoneHeard()) ++done_heard;
    if (message.isSchedulerNews()) {
      auto sent = message.getSchedulerNews();
      news.push_back(
          std::string(as_text(sent.getName())) +
          (sent.getAttached() ? " attached" : " failed: " + std::string(as_text(sent.getWhy()))));
      if (on_news) on_news();
    }
    if (!message.isReply()) continue;
    auto result = message.getReply().getResult();
    HeardReply reply{
        message.getReply().getRequest(), result.getOk(), result.getError().cStr(), {}, {}};
    for (auto entry : result.getEntries()) {
      reply.statuses.push_back(entry.getStatus());
      reply.reasons.emplace_back(entry.getReason().cStr());
    }
    replies.push_back(std::move(reply));
    if (on_reply) on_reply(replies.back());
  }
}

RunEnd EngineFixture::run(const UserSignals& signals) {
  LoadedScenario scenario = must(parse_scenario("test.scenario", scenario_text_));
  std::unique_ptr<TapeWriter> writer = must(TapeWriter::create(tape_));
  Recorder recorder(*writer, most_tape_bytes);
  if (!deaf) machine_->on_agent_bytes([this](std::span<const std::byte> bytes) { hear(bytes); });
  Engine engine(*machine_, recorder, progress, knowledge_, scenario.get(), memory_, freezes);
  RunEnd end = must(engine.run(signals));
  (void)must(recorder.seal(end.outcome, end.exit_code, end.detail, end.triggers, end.intervals));
  return end;
}

std::map<std::string, uint64_t> EngineFixture::losses() const {
  std::map<std::string, uint64_t> losses;
  must(must(TapeReader::open(tape_))->for_each([&](const RecordView& view) -> Result<void> {
    if (!view.record.isSealed()) return {};
    for (auto loss : view.record.getSealed().getLosses())
      losses[loss.getName().cStr()] = loss.getCount();
    return {};
  }));
  return losses;
}

std::vector<schema::Record::Which> EngineFixture::kinds() const {
  std::vector<schema::Record::Which> kinds;
  must(must(TapeReader::open(tape_))->for_each([&](const RecordView& view) -> Result<void> {
    kinds.push_back(view.record.which());
    return {};
  }));
  return kinds;
}

}  // namespace ktape::test
