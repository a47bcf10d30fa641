# SPDX-License-Identifier: Apache-2.0
# Run by CPack after it packed: CPack counts each link as what it leads to, so Installed-Size is counted anew.
foreach(package ${CPACK_PACKAGE_FILES})
  execute_process(COMMAND sh -euc [[
      folder=$(mktemp -d)
      trap 'rm -rf "$folder"' EXIT
      dpkg-deb --raw-extract "$1" "$folder/package"
      size=$(du --summarize --apparent-size --block-size=1024 --exclude=DEBIAN "$folder/package" | cut -f 1)
      sed -i "s/^Installed-Size: .*/Installed-Size: $size/" "$folder/package/DEBIAN/control"
      dpkg-deb --root-owner-group --build "$folder/package" "$1"
    ]] sh ${package} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
