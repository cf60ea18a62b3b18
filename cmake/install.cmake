# What `cmake --install` puts where: the command, the library, its headers, the
# CMake package, pkg-config's file, the manual.
include(CMakePackageConfigHelpers)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/vitqc)
file(RELATIVE_PATH to_lib /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
set_target_properties(vitqc_command PROPERTIES
    INSTALL_RPATH "$ORIGIN/${to_lib}")

install(TARGETS vitqc vitqc_command vqrt_pool EXPORT vitqcTargets
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS vitqc_static)
install(FILES include/vitqc/vitqc.h runtime/vqrt.h runtime/vqrt_pool.h
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/vitqc)
install(EXPORT vitqcTargets NAMESPACE vitqc:: DESTINATION ${package})

configure_package_config_file(cmake/vitqcConfig.cmake.in
    ${CMAKE_CURRENT_BINARY_DIR}/vitqcConfig.cmake
    INSTALL_DESTINATION ${package})
write_basic_package_version_file(
    ${CMAKE_CURRENT_BINARY_DIR}/vitqcConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES
    ${CMAKE_CURRENT_BINARY_DIR}/vitqcConfig.cmake
    ${CMAKE_CURRENT_BINARY_DIR}/vitqcConfigVersion.cmake
    cmake/vitqcAddModel.cmake
    DESTINATION ${package})

find_program(LLVM_CONFIG NAMES llvm-config-19 llvm-config)
if(LLVM_CONFIG)
    execute_process(COMMAND ${LLVM_CONFIG} --ldflags --libs --link-shared
        OUTPUT_VARIABLE llvm_flags OUTPUT_STRIP_TRAILING_WHITESPACE)
    string(REGEX REPLACE "[\n\r ]+" " " VITQC_LLVM_LDFLAGS "${llvm_flags}")
endif()
configure_file(cmake/vitqc.pc.in ${CMAKE_CURRENT_BINARY_DIR}/vitqc.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/vitqc.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(FILES docs/vitqc.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES README.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
