// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <type_traits>
#include <utility>

#include "schema/base/result.h"

namespace ktape::test {

// The value of a result; if it is an error, the test case fails with the error's text.
template <typename T>
T must(Result<T> result) {
  if (!result.ok())
    throw std::runtime_error(result.error().message + " (" + result.error().hint + ")");
  if constexpr (!std::is_void_v<T>) return std::move(result).value();
}

}  // namespace ktape::test
