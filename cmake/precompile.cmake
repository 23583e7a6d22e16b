# Headers that most files include, read once for all modules and once for all tests (GoogleTest's too).
# Only where files are compiled together (BULKHEAD_TOGETHER); the preset tidy tells a missing #include.
#
#   bulkhead_precompile(TARGET modules|tests)

set(BULKHEAD_PRECOMPILED <algorithm> <array> <cstdint> <expected> <functional> <map> <memory> <optional>
    <ranges> <set> <span> <string> <string_view> <unordered_map> <utility> <variant> <vector>)

function(bulkhead_precompile target kind)
  if(BULKHEAD_TOGETHER)
    target_precompile_headers(${target} REUSE_FROM bulkhead_precompiled_${kind})
  endif()
endfunction()

if(BULKHEAD_TOGETHER)
  file(WRITE ${PROJECT_BINARY_DIR}/precompile/main.cpp "int main() { return 0; }\n")
  # A program and a library differ in -fPIE and -fPIC, which a precompiled header must share.
  add_library(bulkhead_precompiled_modules STATIC ${PROJECT_BINARY_DIR}/precompile/main.cpp)
  target_link_libraries(bulkhead_precompiled_modules PRIVATE bulkhead_strict)
  target_precompile_headers(bulkhead_precompiled_modules PRIVATE ${BULKHEAD_PRECOMPILED})
  if(BULKHEAD_TESTS)
    add_executable(bulkhead_precompiled_tests ${PROJECT_BINARY_DIR}/precompile/main.cpp)
    target_link_libraries(bulkhead_precompiled_tests PRIVATE GTest::gmock bulkhead_flags)
    target_precompile_headers(bulkhead_precompiled_tests PRIVATE
                              ${BULKHEAD_PRECOMPILED} <gmock/gmock.h> <gtest/gtest.h>
                              "${PROJECT_SOURCE_DIR}/src/model/snapshot.h")
    # Never another checkout's: gcc tells by a file's time whether `#pragma once` has seen it.
    set_target_properties(bulkhead_precompiled_tests PROPERTIES CXX_COMPILER_LAUNCHER "")
  endif()
endif()
