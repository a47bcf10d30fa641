// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "analyzers/assertion.h"

namespace ktape {

// The program ktape-assert-NAME: its command line, its KTAP on standard output, and the exit
// status.
[[nodiscard]] int assertion_main(Assertion& assertion, int argc, char** argv);

}  // namespace ktape
