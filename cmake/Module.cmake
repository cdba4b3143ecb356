# The five kinds of target there are. Each module folder calls the one or two that it needs.

# vecferry_module(<module> SOURCES <file>... [DEPS <target>...])
# The static library vecferry_<module>, alias vecferry::<module>.
function(vecferry_module module)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS")
  add_library(vecferry_${module} STATIC ${arg_SOURCES})
  add_library(vecferry::${module} ALIAS vecferry_${module})
  target_link_libraries(vecferry_${module} PUBLIC ${arg_DEPS} PRIVATE vecferry::flags)
  target_include_directories(vecferry_${module} PUBLIC "${CMAKE_SOURCE_DIR}/src")
endfunction()

# vecferry_program(<name> SOURCES <file>... [DEPS <target>...])
# An executable at the top of the build folder, which `install` knows.
function(vecferry_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} vecferry::flags)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")
  set_property(GLOBAL APPEND PROPERTY VECFERRY_PROGRAMS ${name})
endfunction()

# What every test sees: where the recorded data is, and settings that the sanitizers need.
set(VECFERRY_TEST_ENVIRONMENT "")
if(VECFERRY_SANITIZE)
  # Arrow's other pools recycle memory behind the sanitizer's back.
  list(APPEND VECFERRY_TEST_ENVIRONMENT
    ARROW_DEFAULT_MEMORY_POOL=system
    "UBSAN_OPTIONS=print_stacktrace=1"
    "LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/cmake/sanitizers/lsan.supp"
    "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:suppressions=${CMAKE_SOURCE_DIR}/cmake/sanitizers/tsan.supp")
endif()

# The sanitizer builds compile and run only these folders' tests: address and undefined for what reads
# bytes from outside, thread for what starts threads.
set(VECFERRY_ASAN_FOLDERS base model formats engine wire embed archive backends/files fuzz)
set(VECFERRY_TSAN_FOLDERS pipeline journal server crash)
add_custom_target(asan_tests)
add_custom_target(tsan_tests)

# WITH, WITHOUT: sanitizers, whatever the folder says.
function(vecferry_register_test name target labels timeout)
  cmake_parse_arguments(PARSE_ARGV 4 arg "" "" "WITH;WITHOUT")
  string(REGEX REPLACE "/[^/]*$" "" folder "${name}")
  set(sanitizers asan tsan)
  if(arg_WITHOUT)
    list(REMOVE_ITEM sanitizers ${arg_WITHOUT})
  endif()
  foreach(sanitizer ${sanitizers})
    string(TOUPPER ${sanitizer} upper)
    if(folder IN_LIST VECFERRY_${upper}_FOLDERS OR sanitizer IN_LIST arg_WITH)
      list(APPEND labels ${sanitizer})
      add_dependencies(${sanitizer}_tests ${target})
    endif()
  endforeach()
  string(REPLACE "/" "." result "${name}")
  set_tests_properties(${name} PROPERTIES
    LABELS "${labels}"
    TIMEOUT ${timeout}
    ENVIRONMENT "${VECFERRY_TEST_ENVIRONMENT};GTEST_OUTPUT=json:${CMAKE_BINARY_DIR}/test-results/${result}.json")
endfunction()

# vecferry_test(<module>/<name>_test SOURCES <file>... [DEPS <target>...] [LABELS fast|slow|crash|live]
#               [TIMEOUT <seconds>] [NO_TSAN] [ASAN])
# NO_TSAN: for what runs in gRPC's threads, since its library is not instrumented. ASAN: under the
# address sanitizer, too, where its folder is not.
# The binary test_<module>_<name>_test. One ctest entry a binary, because a process a TEST would
# load Arrow a thousand times; each TEST is counted, and named when skipped, from its JSON result.
function(vecferry_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "NO_TSAN;ASAN" "TIMEOUT" "SOURCES;DEPS;LABELS")
  if(NOT arg_LABELS)
    set(arg_LABELS fast)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  string(REPLACE "/" "_" target "test_${name}")
  add_executable(${target} ${arg_SOURCES})
  target_link_libraries(${target}
    PRIVATE ${arg_DEPS} GTest::gtest GTest::gmock GTest::gtest_main vecferry::flags)
  target_include_directories(${target} PRIVATE "${CMAKE_SOURCE_DIR}")
  target_compile_definitions(${target} PRIVATE
    VECFERRY_SHARED_DIR="${VECFERRY_SHARED_DIR}" VECFERRY_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND ${target})
  set(sanitizers "")
  if(arg_NO_TSAN)
    list(APPEND sanitizers WITHOUT tsan)
  endif()
  if(arg_ASAN)
    list(APPEND sanitizers WITH asan)
  endif()
  vecferry_register_test(${name} ${target} "${arg_LABELS}" ${arg_TIMEOUT} ${sanitizers})
endfunction()

# vecferry_fuzz(<name> SOURCES <file>... [DEPS <target>...])
# Under the preset `fuzz` a libFuzzer program; elsewhere one that replays fuzz/corpus/<name>/ as a test.
function(vecferry_fuzz name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS")
  set(target fuzz_${name})
  set(corpus "${CMAKE_SOURCE_DIR}/fuzz/corpus/${name}")
  add_executable(${target} ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE ${arg_DEPS} vecferry::flags)
  target_include_directories(${target} PRIVATE "${CMAKE_SOURCE_DIR}")
  if(VECFERRY_SANITIZE STREQUAL "fuzzer")
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    return()
  endif()
  target_sources(${target} PRIVATE "${CMAKE_SOURCE_DIR}/fuzz/replay_main.cpp")
  add_test(NAME fuzz/${name} COMMAND ${target} "${corpus}")
  vecferry_register_test(fuzz/${name} ${target} fast 120)
endfunction()

# vecferry_bench(<name> SOURCES <file>... [DEPS <target>...])
# A Google Benchmark program, built by the target `benches` and not by `all`.
add_custom_target(benches)
function(vecferry_bench name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS")
  set(target bench_${name})
  add_executable(${target} EXCLUDE_FROM_ALL ${arg_SOURCES})
  target_link_libraries(${target}
    PRIVATE ${arg_DEPS} benchmark::benchmark benchmark::benchmark_main vecferry::flags)
  target_include_directories(${target} PRIVATE "${CMAKE_SOURCE_DIR}")
  target_compile_definitions(${target} PRIVATE VECFERRY_SHARED_DIR="${VECFERRY_SHARED_DIR}")
  add_dependencies(benches ${target})
endfunction()
