# SPDX-License-Identifier: Apache-2.0
# Run by CPack before it packs: what Debian's policy asks for besides what `cmake --install` has.
set(documents ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share/doc/ktape)
file(REMOVE ${documents}/LICENSE) # it is in Debian's common-licenses, which `copyright` names
file(READ ${CMAKE_CURRENT_LIST_DIR}/changelog changelog)
string(REGEX REPLACE "^# SPDX[^\n]*\n" "" changelog "${changelog}")
file(WRITE ${documents}/changelog.Debian "${changelog}")
execute_process(COMMAND gzip -9n ${documents}/changelog.Debian COMMAND_ERROR_IS_FATAL ANY)
