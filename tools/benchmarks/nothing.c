// SPDX-License-Identifier: Apache-2.0
// bench_nothing: a process that does nothing, the floor for starting one that does something.
int main(void) { return 0; }
