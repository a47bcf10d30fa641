// SPDX-License-Identifier: Apache-2.0
#include "schema/base/result.h"

#include <cerrno>
#include <system_error>

namespace ktape {

Error system_error(ErrorCode code, std::string_view what) {
  return system_error(code, what, errno);
}

Error system_error(ErrorCode code, std::string_view what, int errnum) {
  // std::generic_category().message() is thread-safe where strerror() is not.
  return Error{code, std::string(what) + ": " + std::generic_category().message(errnum), ""};
}

Error bad_input(std::string message, std::string hint) {
  return Error{ErrorCode::kBadInput, std::move(message), std::move(hint)};
}

Error refused(std::string message, std::string hint) {
  return Error{ErrorCode::kRefused, std::move(message), std::move(hint)};
}

}  // namespace ktape
