// SPDX-License-Identifier: Apache-2.0
int fixture_inner(void) { return 1; }
