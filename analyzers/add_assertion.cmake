# SPDX-License-Identifier: Apache-2.0

# ktape_add_assertion(run-completed): run_completed.cc becomes ktape-assert-run-completed, and, for
# tests, the library ktape_run_completed.
function(ktape_add_assertion name)
  string(REPLACE - _ file ${name})
  add_library(ktape_${file} STATIC ${file}.cc)
  target_link_libraries(ktape_${file} PUBLIC ktape_assertion PRIVATE fmt::fmt-header-only)
  add_executable(ktape-assert-${name} $<TARGET_OBJECTS:ktape_assertion_main>)
  target_link_libraries(ktape-assert-${name} PRIVATE ktape_${file})
  target_link_options(ktape-assert-${name} PRIVATE ${KTAPE_STATIC_OPTIONS})
  set_property(GLOBAL APPEND PROPERTY KTAPE_ASSERTIONS ktape-assert-${name})
endfunction()
