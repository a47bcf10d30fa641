// SPDX-License-Identifier: Apache-2.0
int fixture_outer(void);
int main(void) { return fixture_outer() - 1; }
