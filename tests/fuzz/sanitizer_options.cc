// SPDX-License-Identifier: Apache-2.0
// Defaults of the address sanitizer for many small inputs: most of the time went into fresh memory
// for its quarantine, and into the stacks of allocations. ASAN_OPTIONS overrides them.
extern "C" const char* __asan_default_options() {
  return "quarantine_size_mb=8:malloc_context_size=4";
}
