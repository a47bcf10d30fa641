// SPDX-License-Identifier: Apache-2.0
// main() of an assertion that is a program of its own.
#include "analyzers/assertion_main.h"

int main(int argc, char** argv) {
  return ktape::assertion_main(*ktape::make_assertion(), argc, argv);
}
