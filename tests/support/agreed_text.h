// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace ktape::test {

// The golden text in a file beside the tests. With KTAPE_RENEW_GOLDEN=1 in the environment, `text`
// is written there first: then review the difference.
[[nodiscard]] std::string agreed_text(const std::string& file, const std::string& text);

}  // namespace ktape::test
