# Compile options and the functions that declare libraries and tests.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
find_program(CCACHE ccache)
if(CCACHE)
  # What it asks for to keep objects that were made with precompiled headers.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros
      ${CCACHE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-fpch-preprocess)
  endif()
endif()

option(SYOLO_WERROR "warnings are errors" OFF)
set(SYOLO_SANITIZE "" CACHE STRING "comma-separated sanitizers, e.g. address,undefined")

add_library(syolo_options INTERFACE)
target_include_directories(syolo_options INTERFACE "${CMAKE_CURRENT_SOURCE_DIR}")
# -ffp-contract=off: the same sums on every machine; the heavy kernels are oneDNN's or Highway's.
target_compile_options(syolo_options INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow
                       -Wno-sign-conversion -ffp-contract=off -fno-math-errno)
# g++ 12 reports overlapping copies in std::string that cannot happen (gcc bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(syolo_options INTERFACE -Wno-restrict)
endif()
if(SYOLO_WERROR)
  target_compile_options(syolo_options INTERFACE -Werror)
endif()
if(SYOLO_SANITIZE)
  target_compile_options(syolo_options INTERFACE -fsanitize=${SYOLO_SANITIZE}
                         -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(syolo_options INTERFACE -fsanitize=${SYOLO_SANITIZE})
endif()
if(SYOLO_FUZZ)
  target_compile_options(syolo_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# syolo_quick_build(target): of builds for development; the program's own files and the tests are
# large in templates and small in work.
function(syolo_quick_build target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O1>)
endfunction()

# syolo_library(name [PUBLIC part...] [PRIVATE target...]): all sources below syolo/<name>, target
# syolo_<name> with alias syolo::<name>. PUBLIC names our parts, PRIVATE third parties.
function(syolo_library name)
  cmake_parse_arguments(arg "" "" "PUBLIC;PRIVATE" ${ARGN})
  set(dir "${CMAKE_CURRENT_SOURCE_DIR}/syolo/${name}")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${dir}/*.cpp")
  list(FILTER sources EXCLUDE REGEX "_(opencv|module)\\.cpp$")
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS "${dir}/*.h")
  list(FILTER headers EXCLUDE REGEX "_impl\\.h$")
  add_library(syolo_${name} STATIC ${sources})
  add_library(syolo::${name} ALIAS syolo_${name})
  target_sources(syolo_${name} PUBLIC FILE_SET HEADERS BASE_DIRS "${CMAKE_CURRENT_SOURCE_DIR}"
                 FILES ${headers})
  set_target_properties(syolo_${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  target_link_libraries(syolo_${name} PUBLIC syolo_options)
  foreach(part IN LISTS arg_PUBLIC)
    target_link_libraries(syolo_${name} PUBLIC syolo::${part})
  endforeach()
  target_link_libraries(syolo_${name} PRIVATE ${arg_PRIVATE})
endfunction()
