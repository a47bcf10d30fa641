// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace ktape {

// What an error means for the user of the program; `exit_code.h` maps it to the exit status.
enum class ErrorCode {
  kUsage,          // the command line or a scenario is wrong
  kBadInput,       // a tape, a kernel image or other input is unusable
  kNotFound,       // a name, symbol, type, member, file or row does not exist
  kOutOfRange,     // an address, index, length or count outside the valid range
  kRefused,        // a check refused it: nothing was changed
  kHost,           // the host lacks something or failed (disk, memory, a missing program)
  kMachineLost,    // the guest's machine is gone
  kNotApplicable,  // there is nothing to judge, or it was not captured
  kInternal,       // a bug in ktape
};

// An error is a code, one sentence for people and, where a program knows one, the remedy.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;  // lower case, the object in quotes, then the cause
  std::string hint;     // printed on a second line that begins "hint:"; may be empty
};

// "cannot open 'x.ktape': No such file or directory", from the current errno.
[[nodiscard]] Error system_error(ErrorCode code, std::string_view what);
[[nodiscard]] Error system_error(ErrorCode code, std::string_view what, int errnum);

// kBadInput, for what a tape or another file says that cannot be.
[[nodiscard]] Error bad_input(std::string message, std::string hint = "");
// kRefused, for what a check does not allow.
[[nodiscard]] Error refused(std::string message, std::string hint = "");

// Ends the program after a programmer error. Stays on in release builds; never for bad input.
#define KTAPE_CHECK(condition)                                                           \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)

// A value or an Error. `value()` and `error()` check which one it holds.
template <typename T>
class [[nodiscard]] Result {
 public:
  // Implicit, so that a function returns a value or an error as it is.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    KTAPE_CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    KTAPE_CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    KTAPE_CHECK(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const {
    KTAPE_CHECK(!ok());
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  [[nodiscard]] bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const {
    KTAPE_CHECK(!ok());
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

// Returns the error of `expression` from the function, if it has one.
#define KTAPE_TRY(expression)                                                              \
  do {                                                                                     \
    if (auto ktape_result = (expression); !ktape_result.ok()) return ktape_result.error(); \
  } while (false)

#define KTAPE_CONCAT_(a, b) a##b
#define KTAPE_CONCAT(a, b) KTAPE_CONCAT_(a, b)

// KTAPE_ASSIGN(auto x, f()): declares x with the value of f(), or returns its error.
#define KTAPE_ASSIGN(declaration, expression) \
  KTAPE_ASSIGN_(KTAPE_CONCAT(ktape_result_, __LINE__), declaration, expression)
#define KTAPE_ASSIGN_(result, declaration, expression) \
  auto result = (expression);                          \
  if (!result.ok()) return result.error();             \
  declaration = std::move(result).value()

}  // namespace ktape
