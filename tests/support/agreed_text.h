// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace ktape::test {

// The text that was agreed on, of a file beside the tests. With KTAPE_RENEW_GOLDEN=1 in the
// environment `text` is written there first: then read what has changed in it.
[[nodiscard]] std::string agreed_text(const std::string& file, const std::string& text);

}  // namespace ktape::test
