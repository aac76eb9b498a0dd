# postern_test(NAME SOURCES ... LIBS ...): a GoogleTest executable and its ctest
# entry. postern_fuzz(NAME SOURCE LIBS ...): a libFuzzer target over the seeds in
# tests/fuzz/seeds/NAME. postern_bench(NAME SOURCES ... LIBS ...): a Google
# Benchmark executable.
if(POSTERN_TESTS)
  find_package(GTest REQUIRED)
endif()
if(POSTERN_BENCH)
  find_package(benchmark REQUIRED)
endif()

function(postern_test name)
  if(NOT POSTERN_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} GTest::gtest_main
    postern::build_flags)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 300)
endfunction()

function(postern_fuzz name)
  if(NOT POSTERN_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "SOURCE" "LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCE})
  target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} postern::build_flags)
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
