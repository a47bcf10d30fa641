// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "guest/machine/io.h"
#include "schema/base/digest.h"
#include "tests/support/must.h"

namespace ktape::test {

inline auto soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(20); }
inline auto now() { return std::chrono::steady_clock::now(); }

// A peer that says what it has to say before it is asked: sockets keep it.
class Peer {
 public:
  void says(std::string_view text) { must(write_all(pair_.theirs.get(), as_bytes(text), soon())); }
  void leaves() { pair_.theirs.reset(); }
  UniqueFd our_end() { return std::move(pair_.ours); }
  std::string heard() {
    ReadResult got = must(read_some(pair_.theirs.get(), 4096));
    return std::string(reinterpret_cast<const char*>(got.bytes.data()), got.bytes.size());
  }

 private:
  SocketPair pair_ = must(socket_pair());
};

}  // namespace ktape::test
