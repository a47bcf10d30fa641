// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <vector>

#include "schema/base/result.h"
#include "schema/journal/database.h"
#include "schema/journal/projection.h"

namespace ktape {

// `project`, with what a bad record throws as kBadInput.
[[nodiscard]] Result<std::vector<Row>> project_safely(schema::Record::Reader record);

// Puts rows into the projection tables of a database, which it must not outlive.
class ProjectionTables {
 public:
  [[nodiscard]] Result<void> put(const Database& database, const std::vector<Row>& rows);
  // Lets go of the database.
  void release();

 private:
  [[nodiscard]] Result<void> put_row(const Database& database, const Row& row);

  // One per shape, prepared when its first row comes.
  std::array<Statement, static_cast<size_t>(RowShape::kCount)> statements_;
};

}  // namespace ktape
