// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

namespace ktape::test {

// While it exists, this process is an ordinary user, if it is root, who may read and write
// everything.
class OrdinaryUser {
 public:
  OrdinaryUser() {
    if (::geteuid() == 0) was_root_ = ::seteuid(kNobody) == 0;
  }
  ~OrdinaryUser() {
    if (was_root_) (void)!::seteuid(0);
  }
  OrdinaryUser(const OrdinaryUser&) = delete;
  OrdinaryUser& operator=(const OrdinaryUser&) = delete;

 private:
  static constexpr uid_t kNobody = 65534;
  bool was_root_ = false;
};

}  // namespace ktape::test
