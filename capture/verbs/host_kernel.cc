// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/host_kernel.h"

#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "schema/base/shell_words.h"

namespace ktape {

namespace fs = std::filesystem;

std::string host_release() {
  utsname name{};
  return ::uname(&name) == 0 ? name.release : "";
}

std::string boot_image(const std::string& release) {
  const char* folder = std::getenv("KTAPE_BOOT_FOLDER");
  return std::string(folder != nullptr && *folder != '\0' ? folder : "/boot") + "/vmlinuz-" +
         release;
}

Result<std::string> image_in_tree(const std::string& folder) {
  std::error_code ignored;
  // bzImage first: it is what the build makes last, and boots with KASLR.
  for (const char* image : {"arch/x86/boot/bzImage", "vmlinux"}) {
    const fs::path path = fs::path(folder) / image;
    if (fs::is_regular_file(path, ignored)) return path.string();
  }
  if (!fs::exists(fs::path(folder) / "Kconfig", ignored) &&
      !fs::exists(fs::path(folder) / ".config", ignored)) {
    return Error{ErrorCode::kNotFound,
                 "folder '" + folder + "' has no arch/x86/boot/bzImage and no vmlinux",
                 "give --kernel a kernel's source tree or build folder, or the path of an image"};
  }
  return Error{ErrorCode::kNotFound,
               "kernel tree '" + folder + "' has no arch/x86/boot/bzImage and no vmlinux",
               "build it with 'make -C " + shell_quoted(folder) + " bzImage'"};
}

Result<void> check_readable(const std::string& image) {
  // AT_EACCESS: what open() will see, also in a set-uid program.
  if (::faccessat(AT_FDCWD, image.c_str(), R_OK, AT_EACCESS) == 0 || errno != EACCES) return {};
  Error error = system_error(ErrorCode::kHost, "cannot read kernel '" + image + "'", EACCES);
  error.hint = "make it readable with 'sudo chmod a+r " + shell_quoted(image) + "'";
  return error;
}

}  // namespace ktape
