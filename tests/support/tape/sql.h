// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace ktape::test {

// Changes a tape's file as no ktape program would, or reads it without ktape: plain SQLite. Throws
// with SQLite's message.
void sql(const std::string& path, const std::string& statements);
// The rows of a query as the sqlite3 program prints them: columns joined by '|'.
std::vector<std::string> sql_rows(const std::string& path, const std::string& query);

}  // namespace ktape::test
