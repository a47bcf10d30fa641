// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "schema/wire.capnp.h"

namespace ktape {

// Why a reply does not satisfy its request, for the error of the step: the request's own error, or
// which entry was refused or failed and why, and the number of tries. Empty if the reply is as the
// scenario expects: served, or refused by the expected gate.
[[nodiscard]] std::string reply_problem(schema::OpReplied::Reader reply,
                                        schema::OpRequest::Reader request);

}  // namespace ktape
