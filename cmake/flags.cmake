# Compiler flags that every target shares. Warnings are errors: with two supported compilers (g++ 12,
# clang 19) a warning that is let through is a warning that nobody reads.

# All of our code; tests drop -Wconversion (GoogleTest's macros do not survive it).
set(BULKHEAD_WARNINGS -Wall -Wextra -Wpedantic -Werror -Wshadow -Wnon-virtual-dtor
    -Woverloaded-virtual -Wimplicit-fallthrough)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports overlapping copies inside std::string operator+ (GCC PR105329): false.
  list(APPEND BULKHEAD_WARNINGS -Wno-restrict)
  if(BULKHEAD_TOGETHER)
    # A file that is compiled with others counts as a header there, whose classes may not hold members
    # of an anonymous namespace.
    list(APPEND BULKHEAD_WARNINGS -Wno-subobject-linkage)
  endif()
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # std::stable_sort of libstdc++ 12 uses what C++17 deprecated, and clang-tidy blames our call.
  list(APPEND BULKHEAD_WARNINGS -Wno-deprecated-declarations)
endif()

add_library(bulkhead_flags INTERFACE)
target_compile_options(bulkhead_flags INTERFACE ${BULKHEAD_WARNINGS})
target_compile_definitions(bulkhead_flags INTERFACE _GLIBCXX_ASSERTIONS)
target_include_directories(bulkhead_flags INTERFACE ${PROJECT_SOURCE_DIR}/src)
# Paths in messages and debug information are relative to the source: the same source gives the same
# program wherever it is built, and ccache may share objects between checkouts.
target_compile_options(bulkhead_flags INTERFACE -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)

add_library(bulkhead_strict INTERFACE)
target_compile_options(bulkhead_strict INTERFACE -Wconversion)
target_link_libraries(bulkhead_strict INTERFACE bulkhead_flags)

if(BULKHEAD_HARDEN)
  add_compile_options(-fstack-protector-strong -fstack-clash-protection -fcf-protection
                      -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  set(CMAKE_EXE_LINKER_FLAGS "${CMAKE_EXE_LINKER_FLAGS} -pie -Wl,-z,relro,-z,now,-z,noexecstack")
endif()
string(APPEND CMAKE_EXE_LINKER_FLAGS " -Wl,--as-needed")

if(BULKHEAD_SANITIZE)
  add_compile_options(-fsanitize=${BULKHEAD_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${BULKHEAD_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    add_link_options(-fuse-ld=lld)  # with sanitizers, GNU ld takes three times as long
  endif()
  if(BULKHEAD_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()
if(BULKHEAD_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "BULKHEAD_FUZZ needs clang (use: cmake --preset fuzz)")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(BULKHEAD_TIDY)
  find_program(BULKHEAD_CLANG_TIDY NAMES clang-tidy-19 REQUIRED)
  set(BULKHEAD_TIDY_COMMAND "${BULKHEAD_CLANG_TIDY};--quiet;--use-color")
endif()

find_program(BULKHEAD_CCACHE ccache)
if(BULKHEAD_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}
      CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros ${BULKHEAD_CCACHE})
endif()
