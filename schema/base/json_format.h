// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace ktape {

// The version of what each verb prints as JSON: its first member, "format", in each object or line.
// A number grows when a member goes, changes its type or unit, or means something else. It stays
// when members are added: readers skip those that they do not know. docs/json.md has every member.
struct JsonFormat {
  static constexpr int kRecord = 1;       // a line of 'show --json' and 'export --jsonl'
  static constexpr int kFreeze = 1;       // a line of 'read --json' without targets
  static constexpr int kTarget = 1;       // a line of 'read --json' with targets
  static constexpr int kView = 1;         // a line of 'read --json' with views
  static constexpr int kInfo = 1;         // 'info --json'
  static constexpr int kCheck = 1;        // 'check --json'
  static constexpr int kDiff = 1;         // 'diff --json'
  static constexpr int kReplay = 1;       // 'replay --json'
  static constexpr int kReplayState = 1;  // 'replay --state-at --json'
  static constexpr int kUpgrade = 1;      // 'upgrade --json'
  static constexpr int kKernel = 1;       // 'kernel inspect --json'
  static constexpr int kDoctor = 1;       // 'doctor --json'
};

}  // namespace ktape
