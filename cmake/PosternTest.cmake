# How tests are declared, so that ctest in the asan build runs all of them:
#
#   postern_test(NAME [THREADED] SOURCES ... LIBS ...)
#       a GoogleTest executable. THREADED ones run under TSan as well, from the
#       tsan build (POSTERN_TSAN_DIR).
#   postern_fuzz(NAME SOURCE ... LIBS ...)
#       a libFuzzer target with seeds in tests/fuzz/seeds/NAME, of the asan preset;
#       as a test it runs for a short while.
#   postern_bench(NAME SOURCES ... LIBS ...)
#       a Google Benchmark executable of the bench preset; never a test.
set(POSTERN_RELEASE_DIR "" CACHE PATH "The release build, for the lab's tests")
set(POSTERN_TSAN_DIR "" CACHE PATH "The tsan build, to run its tests")
set(POSTERN_FUZZ_SECONDS 5 CACHE STRING "How long each fuzz target runs")

if(POSTERN_TESTS)
  find_package(GTest REQUIRED)
endif()
if(POSTERN_BENCH)
  find_package(benchmark REQUIRED)
endif()
add_custom_target(threaded_tests)

function(postern_test name)
  if(NOT POSTERN_TESTS)
    return()
  endif()
  # COST: long ones are begun first.
  cmake_parse_arguments(ARG "THREADED" "COST" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} GTest::gtest_main
    postern::build_flags)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 900)
  if(ARG_COST)
    set_tests_properties(${name} PROPERTIES COST ${ARG_COST})
  endif()
  if(ARG_THREADED)
    add_dependencies(threaded_tests ${name})
    if(POSTERN_TSAN_DIR)
      file(RELATIVE_PATH here ${PROJECT_BINARY_DIR} ${CMAKE_CURRENT_BINARY_DIR})
      add_test(NAME tsan_${name} COMMAND ${POSTERN_TSAN_DIR}/${here}/${name})
      set_tests_properties(tsan_${name} PROPERTIES TIMEOUT 600)
    endif()
  endif()
endfunction()

function(postern_fuzz name)
  if(NOT POSTERN_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "SOURCE" "LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCE})
  target_compile_options(${name} PRIVATE -fsanitize=fuzzer
    -fno-sanitize-coverage=pc-table)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} postern::build_flags)
  # What it finds new goes into the build tree; the seeds stay as they are.
  set(corpus ${CMAKE_CURRENT_BINARY_DIR}/corpus/${name})
  file(MAKE_DIRECTORY ${corpus})
  add_test(NAME ${name} COMMAND ${name}
    -max_total_time=${POSTERN_FUZZ_SECONDS} -timeout=10 -rss_limit_mb=2048
    -max_len=65536 -print_final_stats=1 -verbosity=0
    ${corpus} ${PROJECT_SOURCE_DIR}/tests/fuzz/seeds/${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 300)
endfunction()

function(postern_bench name)
  if(NOT POSTERN_BENCH)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} benchmark::benchmark
    postern::build_flags)
endfunction()
