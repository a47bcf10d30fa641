# SPDX-License-Identifier: Apache-2.0

# Programs that share one executable, as git's do: each is a link to it, and the name that it is started by says which
# one to be. What they have in common, which is most of them, is then linked and shipped once. As in an installation, the
# executable is in libexec/ktape, with links beside it for programs that start each other; a user's links are in bin.
set(KTAPE_LIBEXEC ${PROJECT_BINARY_DIR}/${KTAPE_INSTALL_PROGRAMS})

# ktape_add_links(NAME FILE EXECUTABLE): the links NAME to FILE, which EXECUTABLE makes in libexec/ktape, and a target.
function(ktape_add_links name file executable)
  set(beside ${KTAPE_LIBEXEC}/${name})
  set(link ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/${name})
  add_custom_command(OUTPUT ${beside} ${link}
    COMMAND ${CMAKE_COMMAND} -E create_symlink ${file} ${beside}
    COMMAND ${CMAKE_COMMAND} -E create_symlink ../${KTAPE_INSTALL_PROGRAMS}/${file} ${link}
    VERBATIM)
  add_custom_target(${name} ALL DEPENDS ${beside} ${link})
  add_dependencies(${name} ${executable})
  set_property(GLOBAL APPEND PROPERTY KTAPE_LINKS ${beside})
  set_property(GLOBAL APPEND PROPERTY KTAPE_LINKED_PROGRAMS ${name})
endfunction()

# ktape_add_programs(EXECUTABLE DECLARATIONS NAME=FUNCTION...): EXECUTABLE's main(), and for each NAME a link, and a target
# that makes it. FUNCTION takes argc and argv; DECLARATIONS are C++ and declare it. The file name of EXECUTABLE does not
# begin with "ktape-": it would look like a verb.
function(ktape_add_programs executable declarations)
  set(rows "")
  get_target_property(file ${executable} OUTPUT_NAME)
  set_target_properties(${executable} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${KTAPE_LIBEXEC})
  foreach(program ${ARGN})
    string(REGEX MATCH "^(.*)=(.*)$" _ ${program})
    set(name ${CMAKE_MATCH_1})
    string(APPEND rows "    {\"${name}\", ${CMAKE_MATCH_2}},\n")
    ktape_add_links(${name} ${file} ${executable})
  endforeach()
  set(main ${CMAKE_CURRENT_BINARY_DIR}/${file}_main.cc)
  configure_file(${PROJECT_SOURCE_DIR}/tools/packaging/programs_main.cc.in ${main} @ONLY)
  target_sources(${executable} PRIVATE ${main})
  install(TARGETS ${executable} DESTINATION ${KTAPE_INSTALL_PROGRAMS})
endfunction()
