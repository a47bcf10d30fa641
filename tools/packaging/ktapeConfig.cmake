# SPDX-License-Identifier: Apache-2.0

# For projects outside of ktape's tree that build assertions: find_package(ktape), then ktape_add_assertion(NAME) or a
# target that links ktape::assertion_program. Of an installation, and of a build folder alike.
include(CMakeFindDependencyMacro)
find_dependency(CapnProto)
find_dependency(fmt)
set(KTAPE_STATIC_OPTIONS "" CACHE STRING "link options of assertions; -static-pie makes them start faster")
include("${CMAKE_CURRENT_LIST_DIR}/ktapeTargets.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/add_assertion.cmake")
