// SPDX-License-Identifier: Apache-2.0
#include "schema/base/base64.h"

#include <openssl/evp.h>

namespace ktape {

std::string to_base64(std::span<const std::byte> bytes) {
  // EVP_EncodeBlock() writes no line breaks, unlike the streaming functions.
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // OpenSSL ends it with a NUL
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(length));
  return text;
}

}  // namespace ktape
