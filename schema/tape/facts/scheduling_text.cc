// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/facts/scheduling_text.h"

#include <string_view>

#include "schema/base/text.h"

namespace ktape {

namespace {

struct PolicyName {
  std::string name;
  std::string_view of_class;  // the default class of such a task
};

// include/uapi/linux/sched.h
PolicyName policy_name(int32_t policy) {
  switch (policy) {
    case 0: return {"normal", "fair"};
    case 1: return {"fifo", "rt"};
    case 2: return {"rr", "rt"};
    case 3: return {"batch", "fair"};
    case 5: return {"idle policy", "fair"};
    case 6: return {"deadline", "dl"};
    case 7: return {"ext", "ext"};
    default: return {"policy " + std::to_string(policy), ""};
  }
}

}  // namespace

std::string scheduling_text(schema::VcpuState::Reader vcpu) {
  constexpr std::string_view kSuffix = "_sched_class";
  std::string of_class = printable(chars(vcpu.getCurrentClass()));
  if (of_class.ends_with(kSuffix)) of_class.resize(of_class.size() - kSuffix.size());
  if (of_class == "idle") return "idle task";
  if (vcpu.getCurrentPolicy() < 0) return of_class.empty() ? "" : "class " + of_class;
  const PolicyName policy = policy_name(vcpu.getCurrentPolicy());
  std::string text = policy.name;
  // The default class of a policy goes without saying.
  if (policy.of_class == "rt" && vcpu.getCurrentRtPriority() > 0)
    text += " " + std::to_string(vcpu.getCurrentRtPriority());
  if (of_class.empty() || of_class == policy.of_class) return text;
  text += ", class " + of_class;
  // `prio` shows a boost by a mutex (rt_mutex_setprio()), which changes class and priority but not
  // the policy.
  return of_class == "rt" ? text + ", prio " + std::to_string(vcpu.getCurrentPriority()) : text;
}

}  // namespace ktape
