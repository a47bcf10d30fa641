// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <filesystem>
#include <random>

#include "schema/wire/data.h"
#include "tests/replay/fake_tape.h"
#include "tests/replay/hostile/hostile_tapes.h"
#include "tests/support/must.h"
#include "tests/support/tape/tape_editor.h"

namespace ktape::test {

namespace {

constexpr size_t kMaxBlob = size_t{64} << 20;

void record(FakeTape& tape) {
  tape.serve({read_line("task:sleeper.scx.dsq_vtime")});
  tape.serve({write_u64("set", "task:sleeper.scx.dsq_vtime", 5)});
  tape.serve({read_line("task:sleeper.scx.dsq_vtime"), read_line("cpu0:runqueues.nr_running")});
  tape.builder().add(
      [](schema::Record::Builder to) { to.initConsole().setText(as_data("Linux\n")); });
  tape.builder().add(
      [](schema::Record::Builder to) { to.initLost().initCounters(1)[0].setName("samples"); });
  tape.builder().add(
      [](schema::Record::Builder to) { to.initTriggerChanged().setTrigger("scx-error"); });
  tape.builder().add(
      [](schema::Record::Builder to) { to.initRunDelays().initVcpus(1)[0].setKnown(true); });
  tape.builder().add(
      [](schema::Record::Builder to) { to.initClocksourceSeen().setName(as_data("tsc")); });
  tape.builder().step_finished(0);
  tape.builder().scheduler_exited(1);
}

// A tape that claims that these are its kernel's types or symbols, from a recorder whose kernel
// lied.
Attack knowledge(const std::string& name, bool types,
                 const std::function<std::vector<std::byte>()>& content) {
  return {name,
          [=](const std::string& path) {
            std::filesystem::remove(path);
            FakeTape tape(path, [&](schema::KernelIdentified::Builder kernel, TapeWriter& writer) {
              const Digest hash = must(writer.add_blob("stranger's", content()));
              const auto key = as_data(std::span<const std::byte>(hash));
              types ? kernel.setBtfDigest(key) : kernel.setSymbolsDigest(key);
            });
            record(tape);
            tape.seal();
          },
          "intact"};
}

std::vector<std::byte> bytes_of(const std::string& text) {
  const auto bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> repeated(const std::string& line, size_t bytes) {
  std::string text;
  text.reserve(bytes + line.size());
  while (text.size() < bytes) text += line;
  return bytes_of(text);
}

// The fake kernel's types with changes in one word of ten.
std::vector<std::byte> scrambled_types(unsigned seed) {
  FakeKernel kernel;
  std::vector<std::byte> raw = kernel.knowledge()->btf_raw;
  std::minstd_rand random(seed);
  constexpr size_t kHeaderBytes = 24;
  for (size_t at = kHeaderBytes; at + 4 <= raw.size() / 2; at += 4) {
    if (random() % 10 != 0) continue;
    const auto word = static_cast<uint32_t>(random() % 64);
    std::memcpy(raw.data() + at, &word, sizeof word);
  }
  return raw;
}

// Types of zero size, as many as a blob holds.
std::vector<std::byte> types_of_nothing() {
  const uint32_t types = static_cast<uint32_t>(kMaxBlob - 64) / 12 * 12;
  const uint32_t header[] = {0x0001eb9f, 24, 0, types, types, 1};
  std::vector<std::byte> raw(sizeof header + types + 1);
  std::memcpy(raw.data(), header, sizeof header);
  const uint32_t forward[] = {0, uint32_t{7} << 24, 0};  // BTF_KIND_FWD
  for (size_t at = sizeof header; at < sizeof header + types; at += sizeof forward) {
    std::memcpy(raw.data() + at, forward, sizeof forward);
  }
  return raw;
}

}  // namespace

void make_victim(const std::string& path) {
  FakeTape tape(path);
  record(tape);
  tape.seal();
}

std::vector<Attack> blob_attacks() {
  std::vector<Attack> attacks = {
      knowledge("types of nothing", true, types_of_nothing),
      knowledge("64 MiB of zeroes for types", true,
                [] { return std::vector<std::byte>(kMaxBlob); }),
      knowledge("no types", true, [] { return std::vector<std::byte>(); }),
      knowledge("9 million symbols", false, [] { return repeated("0 t a\n", kMaxBlob - 16); }),
      knowledge("a symbol of 64 MiB", false, [] { return repeated("0 t ", 4); }),
      knowledge("64 MiB of lines", false, [] { return repeated("\n", kMaxBlob - 1); }),
      {"60 blobs of 8 MiB",
       [](const std::string& path) {
         for (int i = 0; i < 60; ++i) {
           std::vector<std::byte> zeroes(size_t{8} << 20);
           zeroes[0] = std::byte(i);
           (void)put_blob(path, "bomb", zeroes);
         }
       }},
  };
  for (unsigned seed = 1; seed <= 8; ++seed) {
    attacks.push_back(knowledge("types scrambled by " + std::to_string(seed), true,
                                [=] { return scrambled_types(seed); }));
  }
  return attacks;
}

}  // namespace ktape::test
