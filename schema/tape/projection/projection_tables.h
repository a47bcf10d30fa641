// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "schema/base/result.h"
#include "schema/tape/database.h"
#include "schema/tape/projection/projection.h"
#include "schema/tape/tables.h"

namespace ktape {

// `project`, with exceptions for a bad record returned as kBadInput. For records of an untrusted
// tape, and for the writer, which must not fail by an exception.
[[nodiscard]] Result<std::vector<Row>> project_safely(schema::Record::Reader record);

// Inserts rows into the projection tables of a database, which it must not outlive. The tables of
// an earlier format receive only the rows and cells that they have room for.
class ProjectionTables {
 public:
  // `format`: the version of the database's tables.
  explicit ProjectionTables(int32_t format = kFormatVersion) : format_(format) {}

  // Not one transaction by itself: the caller begins and commits.
  [[nodiscard]] Result<void> put(const Database& database, const std::vector<Row>& rows);
  // Releases the database.
  void release();

 private:
  // The statement for the rows of a shape, prepared when its first row comes.
  struct Put {
    bool known = false;
    Statement statement;          // not prepared: there is no such table
    std::vector<size_t> columns;  // of a row, in the order of the statement's parameters
  };

  [[nodiscard]] Result<void> put_row(const Database& database, const Row& row);
  [[nodiscard]] Result<Put> prepare(const Database& database, const Row& row) const;

  int32_t format_;
  std::array<Put, static_cast<size_t>(RowShape::kCount)> puts_;
};

}  // namespace ktape
