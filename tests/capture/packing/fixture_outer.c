// SPDX-License-Identifier: Apache-2.0
int fixture_inner(void);
int fixture_outer(void) { return fixture_inner(); }
