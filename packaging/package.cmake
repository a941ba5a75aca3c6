# SPDX-License-Identifier: MIT
# The manual page, the completion, the example policy, and the Debian package (`cpack -G DEB`).
# The page is made by the program that was just built, through the emulator in a cross build.
if(NOT TARGET surefoot OR SUREFOOT_SANITIZE OR SUREFOOT_FUZZ)
  return()
endif()
set(man ${CMAKE_BINARY_DIR}/surefoot.1.gz)
set(run_surefoot $<TARGET_FILE:surefoot>)
if(CMAKE_CROSSCOMPILING)
  set(run_surefoot ${CMAKE_CROSSCOMPILING_EMULATOR} $<TARGET_FILE:surefoot>)
endif()
add_custom_command(OUTPUT ${man}
  COMMAND ${CMAKE_SOURCE_DIR}/packaging/make_man.sh ${man} ${run_surefoot}
  DEPENDS surefoot ${CMAKE_SOURCE_DIR}/packaging/make_man.sh VERBATIM)
add_custom_target(man ALL DEPENDS ${man})
install(FILES ${man} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES packaging/surefoot.bash RENAME surefoot
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES models/household.ini models/household.lexicon
  DESTINATION ${CMAKE_INSTALL_DATADIR}/surefoot)
install(FILES README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
# Debian's name for the licence; LICENSE itself is installed for everybody else.
install(FILES LICENSE RENAME copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME surefoot)
set(CPACK_PACKAGE_VENDOR Surefoot)
set(CPACK_PACKAGE_CONTACT "The Surefoot authors <surefoot@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "guarded text from language models on the CPU")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Runs GGUF language models on laptops and 64-bit ARM boards. Every token passes
a guard before anyone sees it: a cost model that the user configures, a safety
state that tracks the remaining budget, and a search bounded by a compute budget
fixed at compile time.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
  GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE arm64)
else()
  set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE amd64)
endif()
include(CPack)
