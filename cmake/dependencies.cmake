# The libraries, all of them Debian 12 packages (scripts/bootstrap installs them). Link by these names:
#   fmt::fmt  CLI11::CLI11  nlohmann_json::nlohmann_json  simdjson::simdjson  CURL::libcurl
#   PkgConfig::MNL  Either::FYAML  Either::RE2  Either::CARES  Either::SSL    in the product
#   GTest::gmock  rapidcheck  benchmark::benchmark    in tests and benchmarks
#   PkgConfig::Z3  buddy                        in tests, as oracles of packet sets
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(simdjson REQUIRED)
find_package(CURL REQUIRED)
pkg_check_modules(FYAML REQUIRED IMPORTED_TARGET libfyaml)
pkg_check_modules(MNL REQUIRED IMPORTED_TARGET libmnl)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(CARES REQUIRED IMPORTED_TARGET libcares)
find_package(OpenSSL REQUIRED)

# Either::NAME is the shared library, and in a program that is linked statically its archives: what the
# modules of such a program need goes by this name.
function(bulkhead_either name shared)
  set(archives)
  foreach(file IN LISTS ARGN)
    find_library(BULKHEAD_ARCHIVE_${file} NAMES ${file} REQUIRED)
    mark_as_advanced(BULKHEAD_ARCHIVE_${file})
    list(APPEND archives ${BULKHEAD_ARCHIVE_${file}})
  endforeach()
  set(static $<BOOL:$<TARGET_PROPERTY:BULKHEAD_STATIC>>)
  add_library(Either::${name} INTERFACE IMPORTED GLOBAL)
  target_link_libraries(Either::${name} INTERFACE "$<${static}:${archives}>" $<$<NOT:${static}>:${shared}>)
endfunction()
bulkhead_either(SSL OpenSSL::SSL libssl.a libcrypto.a)
bulkhead_either(RE2 PkgConfig::RE2 libre2.a)
bulkhead_either(FYAML PkgConfig::FYAML libfyaml.a)
bulkhead_either(CARES PkgConfig::CARES libcares.a)
if(BULKHEAD_TESTS)
  find_package(GTest REQUIRED CONFIG)
  find_package(rapidcheck REQUIRED CONFIG)
  find_package(benchmark REQUIRED CONFIG)
  pkg_check_modules(Z3 REQUIRED IMPORTED_TARGET z3)
  find_library(BULKHEAD_BUDDY bdd REQUIRED)
  add_library(buddy INTERFACE IMPORTED GLOBAL)
  target_link_libraries(buddy INTERFACE ${BULKHEAD_BUDDY})
endif()
