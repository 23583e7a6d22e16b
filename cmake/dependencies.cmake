# The libraries, all of them Debian 12 packages (scripts/bootstrap installs them). Link by these names:
#   fmt::fmt  CLI11::CLI11  nlohmann_json::nlohmann_json  simdjson::simdjson  CURL::libcurl
#   PkgConfig::FYAML  PkgConfig::MNL  PkgConfig::RE2  OpenSSL::SSL    in the product
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
find_package(OpenSSL REQUIRED)
if(BULKHEAD_TESTS)
  find_package(GTest REQUIRED CONFIG)
  find_package(rapidcheck REQUIRED CONFIG)
  find_package(benchmark REQUIRED CONFIG)
  pkg_check_modules(Z3 REQUIRED IMPORTED_TARGET z3)
  find_library(BULKHEAD_BUDDY bdd REQUIRED)
  add_library(buddy INTERFACE IMPORTED GLOBAL)
  target_link_libraries(buddy INTERFACE ${BULKHEAD_BUDDY})
endif()
