// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "schema/wire.capnp.h"

namespace ktape {

// What is wrong with the reply to a request, in the words of its step's failure: the request's own
// error, or which entry was refused or failed and why, and how often it was tried. Empty when it is
// as the scenario wants it: done, or refused by the gate that it expects.
[[nodiscard]] std::string reply_problem(schema::OpReplied::Reader reply,
                                        schema::OpRequest::Reader request);

}  // namespace ktape
