# SPDX-License-Identifier: MIT
# What `cmake --install` puts where: the command, both libraries, the one public header, and the
# files by which pkg-config and find_package(Surefoot) find them. Nothing in them names the build
# folder or the prefix, so an installed tree can be moved.
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Surefoot)
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(TARGETS surefoot_shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS surefoot_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET surefoot)
  install(TARGETS surefoot RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(FILES src/api/surefoot.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# What a program that links libsurefoot.a needs besides. OpenMP's library by name where the compiler
# finds it itself (libgomp), else by its path.
set(private_modules sleef libzstd libpcre2-8 libutf8proc inih)
set(private_libs -lm)
foreach(name ${OpenMP_C_LIB_NAMES})
  if(name STREQUAL omp)
    list(APPEND private_libs ${OpenMP_omp_LIBRARY})
  else()
    list(APPEND private_libs -l${name})
  endif()
endforeach()
list(JOIN private_modules " " requires_private)
list(JOIN private_libs " " libs_private)
string(REGEX REPLACE "[^/]+" ".." up_from_pc ${pkgconfig_dir})
string(REGEX REPLACE "[^/]+" ".." up_from_config ${package_dir})

file(CONFIGURE OUTPUT surefoot.pc @ONLY CONTENT [[
prefix=${pcfiledir}/@up_from_pc@
libdir=${prefix}/@CMAKE_INSTALL_LIBDIR@
includedir=${prefix}/@CMAKE_INSTALL_INCLUDEDIR@

Name: surefoot
Description: @PROJECT_DESCRIPTION@
Version: @PROJECT_VERSION@
Requires.private: @requires_private@
Libs: -L${libdir} -lsurefoot
Libs.private: @libs_private@
Cflags: -I${includedir}
]])
install(FILES ${CMAKE_BINARY_DIR}/surefoot.pc DESTINATION ${pkgconfig_dir})

# Surefoot::surefoot is the shared library, Surefoot::surefoot_static the archive with what it needs.
file(CONFIGURE OUTPUT SurefootConfig.cmake @ONLY CONTENT [[
get_filename_component(_surefoot_prefix "${CMAKE_CURRENT_LIST_DIR}/@up_from_config@" ABSOLUTE)
set(_surefoot_lib "${_surefoot_prefix}/@CMAKE_INSTALL_LIBDIR@")
set(_surefoot_include "${_surefoot_prefix}/@CMAKE_INSTALL_INCLUDEDIR@")
if(NOT TARGET Surefoot::surefoot)
  add_library(Surefoot::surefoot SHARED IMPORTED)
  set_target_properties(Surefoot::surefoot PROPERTIES
    IMPORTED_LOCATION "${_surefoot_lib}/libsurefoot.so.@PROJECT_VERSION@"
    IMPORTED_SONAME libsurefoot.so.@PROJECT_VERSION_MAJOR@
    INTERFACE_INCLUDE_DIRECTORIES "${_surefoot_include}")
endif()
if(NOT TARGET Surefoot::surefoot_static)
  find_package(PkgConfig QUIET)
  if(PkgConfig_FOUND)
    pkg_check_modules(SUREFOOT_PRIVATE QUIET IMPORTED_TARGET @requires_private@)
  endif()
  if(SUREFOOT_PRIVATE_FOUND)
    add_library(Surefoot::surefoot_static STATIC IMPORTED)
    set_target_properties(Surefoot::surefoot_static PROPERTIES
      IMPORTED_LOCATION "${_surefoot_lib}/libsurefoot.a"
      IMPORTED_LINK_INTERFACE_LANGUAGES C
      INTERFACE_INCLUDE_DIRECTORIES "${_surefoot_include}"
      INTERFACE_LINK_LIBRARIES "PkgConfig::SUREFOOT_PRIVATE;@private_libs@")
  endif()
endif()
]])
include(CMakePackageConfigHelpers)
write_basic_package_version_file(SurefootConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/SurefootConfig.cmake ${CMAKE_BINARY_DIR}/SurefootConfigVersion.cmake
  DESTINATION ${package_dir})
