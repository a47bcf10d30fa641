// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/image/kernel_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "guest/kernel/image/elf_image.h"
#include "guest/kernel/image/unpack.h"
#include "schema/base/file.h"
#include "schema/base/little_endian.h"
#include "schema/base/text.h"

namespace ktape {
namespace {

constexpr size_t kFileLimitBytes = size_t{2} << 30;  // a vmlinux with debug info is about 1 GiB
constexpr size_t kVmlinuxLimitBytes = size_t{512} << 20;

// Offsets in the setup header; Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".
constexpr uint64_t kSetupSectors = 0x1f1;
constexpr uint64_t kHeaderMagic = 0x202;
constexpr uint64_t kProtocolVersion = 0x206;
constexpr uint64_t kPayloadOffset = 0x248;
constexpr uint64_t kPayloadLength = 0x24c;
constexpr uint16_t kPayloadSince = 0x208;  // protocol 2.08 added the payload fields
constexpr uint64_t kSectorBytes = 512;
constexpr uint64_t kSizeBytes = 4;  // the unpacked size is at the payload's end

constexpr uint64_t kArm64Magic = 0x38;  // Documentation/arch/arm64/booting.rst

bool has_text_at(std::span<const std::byte> file, uint64_t offset, std::string_view text) {
  return file.size() >= offset && as_text(file.subspan(offset)).starts_with(text);
}

bool is_elf(std::span<const std::byte> file) {
  return has_text_at(file, 0,
                     "\x7f"
                     "ELF");
}

bool looks_like_text(std::span<const std::byte> file) {
  auto start = as_text(file.first(std::min<size_t>(file.size(), 512)));
  return std::all_of(start.begin(), start.end(),
                     [](unsigned char c) { return c >= 0x20 || (c >= '\t' && c <= '\r'); });
}

// For users who named the wrong file. Never used to decide anything.
std::string what_it_is(std::span<const std::byte> file) {
  if (file.empty()) return "it is empty";
  if (has_text_at(file, kArm64Magic, "ARM\x64")) return "it is an arm64 kernel";
  if (has_text_at(file, 0, "MZ") && has_text_at(file, 4, "zimg"))
    return "it is a compressed EFI image, as used by arm64";
  if (auto codec = codec_of(file); !codec.empty()) return fmt::format("it is bare {} data", codec);
  if (has_text_at(file, 0, "!<arch>")) return "it is a package or an archive";
  if (looks_like_text(file)) return "it is text";
  return "it is neither a bzImage nor an ELF file";
}

Result<std::span<const std::byte>> find_payload(std::span<const std::byte> file) {
  auto bad = [](std::string message) { return Error{ErrorCode::kBadInput, std::move(message)}; };
  auto length = load<uint32_t>(file, kPayloadLength);
  if (!length) return bad("bzImage is cut short: it ends within its setup header");
  if (*load<uint16_t>(file, kProtocolVersion) < kPayloadSince) {
    return bad("bzImage has a boot protocol before 2.08: the kernel is too old");
  }
  uint64_t sectors = std::to_integer<uint64_t>(file[kSetupSectors]);
  if (sectors == 0) sectors = 4;  // see boot.rst
  // boot.rst: 0 stands for 4, for old boot loaders. The boot sector itself comes on top.
  uint64_t start = (sectors + 1) * kSectorBytes + *load<uint32_t>(file, kPayloadOffset);
  if (start > file.size() || *length > file.size() - start) {
    return bad(fmt::format("bzImage is cut short: its payload ends at byte {}, the file at {}",
                           start + *length, file.size()));
  }
  if (*length <= kSizeBytes) return bad("bzImage has no payload");
  return file.subspan(start, *length);
}

// Frees the memory of `file` as it unpacks.
Result<KernelImage> unpack_bzimage(PageBuffer& file) {
  KTAPE_ASSIGN(auto payload, find_payload(file));
  KernelImage image;
  image.is_bzimage = true;
  image.codec = codec_of(payload);
  if (image.codec.empty()) {
    auto magic = payload.first(std::min<size_t>(payload.size(), 6));
    return Error{
        ErrorCode::kBadInput,
        fmt::format("bzImage payload has an unknown codec: it begins with {}", to_hex(magic))};
  }
  uint32_t size = *load<uint32_t>(payload, payload.size() - kSizeBytes);
  // gzip's own trailer is this size. The build appends the size to every payload but gzip's
  // (scripts/Makefile.lib, size_append).
  if (image.codec != "gzip") payload = payload.first(payload.size() - kSizeBytes);
  const auto start = static_cast<size_t>(payload.data() - file.data());
  // The compressed file is not needed any more once it is unpacked: at 500 MB unpacked, holding
  // both would double the peak.
  KTAPE_ASSIGN(image.vmlinux,
               unpack(image.codec, payload, std::min<size_t>(size, kVmlinuxLimitBytes),
                      [&](size_t bytes) { file.release(0, start + bytes); }));
  // A stream that ends early, or another one behind it, would otherwise pass for a complete kernel.
  if (image.vmlinux.size() != size) {
    return Error{ErrorCode::kBadInput,
                 fmt::format("bzImage payload unpacks to {} bytes, but its trailer says {}",
                             image.vmlinux.size(), size)};
  }
  return image;
}

}  // namespace

Result<KernelImage> unpack_kernel_image(PageBuffer file, std::string_view name) {
  auto unusable = [&](std::string_view why, std::string hint = {}) {
    return Error{ErrorCode::kBadInput, fmt::format("kernel '{}' is not usable: {}", name, why),
                 std::move(hint)};
  };
  // Before unpacking, which gives the file's pages back.
  Digest digest = sha256(file);
  KernelImage image;
  if (is_elf(file)) {
    image.vmlinux = std::move(file);
  } else if (has_text_at(file, kHeaderMagic, "HdrS")) {
    auto unpacked = unpack_bzimage(file);
    if (!unpacked.ok()) return unusable(unpacked.error().message);
    image = std::move(unpacked).value();
  } else {
    return unusable(what_it_is(file), "use an x86-64 bzImage (/boot/vmlinuz-*) or vmlinux");
  }
  image.file_digest = digest;
  // Parsed only to be refused early, with the name of the file; users parse it again.
  auto elf = ElfImage::parse(image.vmlinux);
  if (!elf.ok()) return unusable(elf.error().message);
  return image;
}

Result<KernelImage> load_kernel_image(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return Error{ErrorCode::kBadInput,
                 fmt::format("kernel '{}' is not usable: it is a directory", path)};
  }
  auto file = read_file_to_pages(path, kFileLimitBytes);
  if (!file.ok()) return file.error();
  return unpack_kernel_image(std::move(file).value(), path);
}

}  // namespace ktape
