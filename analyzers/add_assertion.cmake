# SPDX-License-Identifier: Apache-2.0

# ktape_add_assertion(no-complaint): no_complaint.cc becomes ktape-assert-no-complaint, and, for tests, the library
# ktape_no_complaint.
function(ktape_add_assertion name)
  string(REPLACE - _ file ${name})
  add_library(ktape_${file} OBJECT ${file}.cc)
  target_link_libraries(ktape_${file} PUBLIC ktape::assertion PRIVATE fmt::fmt-header-only)
  add_executable(ktape-assert-${name} $<TARGET_OBJECTS:ktape_${file}>)
  target_link_libraries(ktape-assert-${name} PRIVATE ktape::assertion_program)
  target_link_options(ktape-assert-${name} PRIVATE ${KTAPE_STATIC_OPTIONS})
endfunction()
