# The words with which a module describes itself. Each module has src/<module>/CMakeLists.txt and
# tests/<module>/CMakeLists.txt; both are found by glob, so no shared file lists them.
#
#   bulkhead_module(NAME SOURCES a.cpp b.cpp [APART a.cpp] [DEPENDS base model] [LIBS fmt::fmt] [OPTIMISED])
#       static library bulkhead_NAME. DEPENDS: modules below, by short name (scripts/check-layers
#       checks the direction). LIBS: libraries from outside, names in dependencies.cmake. APART: files
#       whose system headers clash with others', compiled alone where others are compiled together.
#       OPTIMISED: all that the laws compute goes through it. Without optimisation that takes several times
#       as long under the sanitizers, whose preset else compiles for the sake of building time.
#   bulkhead_program(NAME SOURCES main.cpp [DEPENDS cli])
#       the program build/<preset>/NAME; BULKHEAD_VERSION is defined as a string in its sources.
#       ALONE base …: linked statically, to run on any Linux, and from no other modules than these: one
#       that gets in by whatever way is an error of the configuration.
#   bulkhead_test(NAME SOURCES a_test.cpp [LIBS ruleset rapidcheck] [LABELS unit] [TIMEOUT s] [SERIAL])
#       GoogleTest program NAME_test (its main is GoogleTest's) and a ctest test of that name.
#       LIBS: modules by short name, or libraries. Run from the source folder; BULKHEAD_SOURCE_DIR is
#       defined as a string for test data; BULKHEAD_PROGRAM is in the environment (the built program).
#       LABELS: unit (default) and law are pure and also run under the sanitizers; lab uses the real
#       kernel (namespaces, engines) and needs root; deep is only for `make deep`.
#       SERIAL: no other test of that run beside it (pure tests and builds may compute, see decision 0005).
#   bulkhead_script_test(NAME COMMAND … [LABELS house] [TIMEOUT s] [SERIAL])
#       the same for a command; it passes when it ends 0.
#   bulkhead_fuzzer(NAME LIBS ruleset)
#       fuzz/fuzz_NAME.cpp with fuzz/corpus/NAME/. Preset fuzz: libFuzzer. Otherwise: replay program
#       and the ctest test corpus.NAME (fails on an empty corpus). See fuzz/README.md.
#   bulkhead_bench(NAME LIBS trace)
#       bench/NAME_bench.cpp with Google Benchmark; target NAME_bench, run by `make bench`.

add_custom_target(pure_tests)
add_custom_target(lab_tests)  # with the programs that they run
add_custom_target(fuzzers)
add_custom_target(benches)

# Adds the folder of each file that matches, in a fixed order.
function(bulkhead_add_all pattern)
  file(GLOB found CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/${pattern})
  foreach(file IN LISTS found)
    get_filename_component(folder ${file} DIRECTORY)
    add_subdirectory(${folder})
  endforeach()
endfunction()

# Short module names become targets; names of libraries stay. A module may be declared later than its
# user, so "is it a module" is asked of the file system, not of CMake's targets.
function(bulkhead_resolve out)
  set(result)
  foreach(name IN LISTS ARGN)
    if(EXISTS ${PROJECT_SOURCE_DIR}/src/${name}/CMakeLists.txt)
      list(APPEND result bulkhead_${name})
    elseif(name MATCHES "^bulkhead_|::" OR TARGET ${name})
      list(APPEND result ${name})
    else()
      message(FATAL_ERROR "${CMAKE_CURRENT_SOURCE_DIR}: '${name}' is neither a module in src/ nor a library")
    endif()
  endforeach()
  set(${out} ${result} PARENT_SCOPE)
endfunction()

function(bulkhead_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "OPTIMISED" "" "SOURCES;APART;DEPENDS;LIBS")
  bulkhead_reject_unparsed("bulkhead_module(${name})" "${arg_UNPARSED_ARGUMENTS}")
  bulkhead_resolve(depends ${arg_DEPENDS})
  add_library(bulkhead_${name} STATIC ${arg_SOURCES})
  target_link_libraries(bulkhead_${name} PUBLIC ${depends} PRIVATE ${arg_LIBS} bulkhead_strict)
  set_target_properties(bulkhead_${name} PROPERTIES LINKER_LANGUAGE CXX
                        CXX_CLANG_TIDY "${BULKHEAD_TIDY_COMMAND}")
  set_source_files_properties(${arg_APART} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  if(arg_OPTIMISED AND BULKHEAD_SANITIZE)
    # A precompiled header would have to be optimised, too.
    target_compile_options(bulkhead_${name} PRIVATE -O1)
  else()
    bulkhead_precompile(bulkhead_${name} modules)
  endif()
endfunction()

function(bulkhead_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS;LIBS;ALONE")
  bulkhead_reject_unparsed("bulkhead_program(${name})" "${arg_UNPARSED_ARGUMENTS}")
  bulkhead_resolve(depends ${arg_DEPENDS})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${depends} ${arg_LIBS} bulkhead_strict)
  target_compile_definitions(${name} PRIVATE BULKHEAD_VERSION="${PROJECT_VERSION}")
  add_dependencies(lab_tests ${name})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}
                        CXX_CLANG_TIDY "${BULKHEAD_TIDY_COMMAND}")
  if(arg_ALONE)
    bulkhead_link_alone(${name} "${arg_DEPENDS}" "${arg_ALONE}")
  endif()
endfunction()

function(bulkhead_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "TIMEOUT" "SOURCES;LIBS;LABELS")
  bulkhead_reject_unparsed("bulkhead_test(${name})" "${arg_UNPARSED_ARGUMENTS}")
  bulkhead_resolve(libs ${arg_LIBS})
  set(target ${name}_test)
  add_executable(${target} ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE ${libs} GTest::gmock GTest::gtest_main bulkhead_flags)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${target} PRIVATE BULKHEAD_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  bulkhead_precompile(${target} tests)
  add_test(NAME ${name} COMMAND ${target} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  bulkhead_test_properties(${name} unit "${arg_LABELS}" "${arg_TIMEOUT}" "${arg_SERIAL}")
  if("lab" IN_LIST arg_LABELS)
    add_dependencies(lab_tests ${target})
  elseif(NOT "deep" IN_LIST arg_LABELS)
    add_dependencies(pure_tests ${target})
  endif()
endfunction()

function(bulkhead_script_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "TIMEOUT" "COMMAND;LABELS")
  bulkhead_reject_unparsed("bulkhead_script_test(${name})" "${arg_UNPARSED_ARGUMENTS}")
  add_test(NAME ${name} COMMAND ${arg_COMMAND} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  bulkhead_test_properties(${name} house "${arg_LABELS}" "${arg_TIMEOUT}" "${arg_SERIAL}")
endfunction()

function(bulkhead_fuzzer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LIBS")
  bulkhead_reject_unparsed("bulkhead_fuzzer(${name})" "${arg_UNPARSED_ARGUMENTS}")
  bulkhead_resolve(libs ${arg_LIBS})
  set(source ${PROJECT_SOURCE_DIR}/fuzz/fuzz_${name}.cpp)
  set(corpus ${PROJECT_SOURCE_DIR}/fuzz/corpus/${name})
  set_property(GLOBAL APPEND PROPERTY BULKHEAD_REGISTERED ${source})
  add_executable(fuzz_${name} ${source})
  target_link_libraries(fuzz_${name} PRIVATE ${libs} bulkhead_flags)
  set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
  if(BULKHEAD_FUZZ)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/fuzz/replay_main.cpp)
    add_test(NAME corpus.${name} COMMAND fuzz_${name} ${corpus} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    bulkhead_test_properties(corpus.${name} corpus "" "" "")
  endif()
  add_dependencies(fuzzers fuzz_${name})
  add_dependencies(pure_tests fuzz_${name})
endfunction()

function(bulkhead_bench name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LIBS")
  bulkhead_reject_unparsed("bulkhead_bench(${name})" "${arg_UNPARSED_ARGUMENTS}")
  bulkhead_resolve(libs ${arg_LIBS})
  set(source ${PROJECT_SOURCE_DIR}/bench/${name}_bench.cpp)
  set_property(GLOBAL APPEND PROPERTY BULKHEAD_REGISTERED ${source})
  add_executable(${name}_bench EXCLUDE_FROM_ALL ${source})
  target_link_libraries(${name}_bench PRIVATE ${libs} benchmark::benchmark bulkhead_flags)
  target_compile_definitions(${name}_bench PRIVATE BULKHEAD_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  set_target_properties(${name}_bench PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
  add_dependencies(benches ${name}_bench)
endfunction()

# ---- inside --------------------------------------------------------------------------------------

# A sanitizer's runtime cannot be linked statically.
function(bulkhead_link_alone name depends allowed)
  if(NOT BULKHEAD_SANITIZE)
    target_link_options(${name} PRIVATE -static-pie -Wl,--no-warnings)
    set_target_properties(${name} PROPERTIES BULKHEAD_STATIC ON)
  endif()
  # Modules may be declared later than their users: they are looked at when all have been.
  cmake_language(EVAL CODE "cmake_language(DEFER DIRECTORY ${PROJECT_SOURCE_DIR}
                 CALL bulkhead_check_alone ${name} \"${depends}\" \"${allowed}\")")
endfunction()

function(bulkhead_check_alone name depends allowed)
  set(waiting ${depends})
  set(linked)
  while(waiting)
    list(POP_FRONT waiting module)
    if(module IN_LIST linked)
      continue()
    endif()
    list(APPEND linked ${module})
    if(NOT module IN_LIST allowed)
      message(FATAL_ERROR "${name} must be linked from ${allowed} alone, but ${module} gets in")
    endif()
    get_target_property(libraries bulkhead_${module} INTERFACE_LINK_LIBRARIES)
    foreach(library IN LISTS libraries)
      if(library MATCHES "^bulkhead_([a-z]+)$" AND EXISTS ${PROJECT_SOURCE_DIR}/src/${CMAKE_MATCH_1})
        list(APPEND waiting ${CMAKE_MATCH_1})
      endif()
    endforeach()
  endwhile()
endfunction()

function(bulkhead_reject_unparsed where unparsed)
  if(unparsed)
    message(FATAL_ERROR "${where}: not understood: ${unparsed}")
  endif()
endfunction()

# A lab starts engines and waits for time-outs of the kernel, so it may take longer than a pure test.
function(bulkhead_test_properties name default_label labels timeout serial)
  if(NOT labels)
    set(labels ${default_label})
  endif()
  if(NOT timeout)
    set(timeout 120)
    if("lab" IN_LIST labels)
      set(timeout 400)
    elseif("deep" IN_LIST labels)
      set(timeout 3600)
    endif()
  endif()
  # The longest first, so that none runs on alone at the end.
  set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT ${timeout} COST ${timeout}
                       ENVIRONMENT "BULKHEAD_PROGRAM=${PROJECT_BINARY_DIR}/bulkhead")
  if(serial)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()

# A fuzzer or benchmark that no CMakeLists.txt names would rot unseen.
function(bulkhead_check_registered)
  get_property(registered GLOBAL PROPERTY BULKHEAD_REGISTERED)
  file(GLOB found CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/fuzz/fuzz_*.cpp
       ${PROJECT_SOURCE_DIR}/bench/*_bench.cpp)
  foreach(file IN LISTS found)
    if(NOT file IN_LIST registered)
      message(FATAL_ERROR "${file} is not built: name it in tests/<module>/CMakeLists.txt with "
              "bulkhead_fuzzer() or bulkhead_bench()")
    endif()
  endforeach()
endfunction()
