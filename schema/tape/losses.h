// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schema/record.capnp.h"

namespace ktape {

struct Loss {
  std::string name;         // safe to print
  std::string description;  // why the counter exists; safe to print
  uint64_t count = 0;
};

// What the recorder of a tape lost, summed up while its records go by. Printed beside every
// verdict.
class LossTally {
 public:
  // Takes any record; only Lost and Sealed ones contain losses.
  void visit(schema::Record::Reader record);

  // False: no record says what the recorder lost; the seal of a salvaged tape does not.
  [[nodiscard]] bool known() const { return known_; }
  // Counters above 0, in the order of the last record that has them.
  [[nodiscard]] const std::vector<Loss>& losses() const { return losses_; }

  // "none", "17 console_bytes, 2 samples", "not known, the tape does not say"
  [[nodiscard]] std::string text() const;

 private:
  void add(capnp::List<schema::LossCounter>::Reader counters);

  bool known_ = false;
  std::vector<Loss> losses_;
};

}  // namespace ktape
