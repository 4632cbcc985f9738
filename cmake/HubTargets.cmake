include_guard()

# What every target of ours shares: the standard, the warnings, the include root.
add_library(hub_options INTERFACE)
target_compile_features(hub_options INTERFACE cxx_std_20)
target_include_directories(hub_options INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_options(hub_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 warns about its own std::string operator+ (GCC bug 105651).
  target_compile_options(hub_options INTERFACE -Wno-restrict)
endif()
# A failure names the file that noticed it, as a path inside this project.
target_compile_options(hub_options INTERFACE "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=")
if(HUB_WERROR)
  target_compile_options(hub_options INTERFACE -Werror)
endif()
if(HUB_SANITIZE)
  target_compile_options(hub_options INTERFACE
    "-fsanitize=${HUB_SANITIZE}" -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(hub_options INTERFACE "-fsanitize=${HUB_SANITIZE}")
endif()

# hub_library(<name> SOURCES <file>... [DEPS <target>...] [PRIVATE_DEPS <target>...] [PCH <header>...])
# Sources are listed by hand, so that a new file is a reviewed line and a stale build cannot lie.
function(hub_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS;PRIVATE_DEPS;PCH")
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_SOURCES)
    message(FATAL_ERROR "hub_library(${name}): bad arguments '${arg_UNPARSED_ARGUMENTS}'")
  endif()
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC hub_options ${arg_DEPS} PRIVATE ${arg_PRIVATE_DEPS})
  if(arg_PCH)
    target_precompile_headers(${name} PRIVATE ${arg_PCH})
  endif()
endfunction()

# hub_test(<name> SOURCES <file>... [APART <file>...] DEPS <target>... LABELS <label>
#          [PCH <header>...] [TIMEOUT <s>])
# With HUB_UNITY_TESTS several sources are compiled as one translation unit, which halves the time to
# build tests from nothing; those of APART never are: they name something as their neighbours do.
# One ctest entry a program: integration tests share one PostgreSQL a process. The label picks the
# suite and the sanitizers it also runs under:
#   unit, integration   address and undefined behaviour
#   threads, edge       those and, in a build of their own, threads; edge runs alone
#   e2e                 the optimised binary only; runs alone
function(hub_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;APART;DEPS;LABELS;PCH")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 600)
  endif()
  add_executable(${name} ${arg_SOURCES} ${arg_APART})
  set_target_properties(${name} PROPERTIES UNITY_BUILD ${HUB_UNITY_TESTS})
  set_source_files_properties(${arg_APART} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  target_link_libraries(${name} PRIVATE hub_options GTest::gtest_main GTest::gmock ${arg_DEPS})
  # What is tested is optimised as it is served; the tests themselves need not be, and take a third
  # less time to build.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  target_precompile_headers(${name} PRIVATE <gtest/gtest.h> ${arg_PCH})
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT})
  if(arg_LABELS MATCHES "edge|e2e")
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  endif()
  if(NOT arg_LABELS MATCHES "e2e")
    set_property(GLOBAL APPEND PROPERTY hub_sanitized_tests ${name})
    if(NOT arg_LABELS MATCHES "integration|heavy")
      set_property(GLOBAL APPEND PROPERTY hub_sanitized_light_tests ${name})
    endif()
  endif()
  if(arg_LABELS MATCHES "edge|threads")
    set_property(GLOBAL APPEND PROPERTY hub_thread_tests ${name})
    if(NOT arg_LABELS MATCHES "heavy")
      set_property(GLOBAL APPEND PROPERTY hub_thread_light_tests ${name})
    endif()
  endif()
endfunction()
