# The standard headers that nearly every file reads, compiled once: with them the
# sanitizer builds take about half the time. One set for the libraries and one,
# with GoogleTest, for the tests, as the flags of the two differ. No file may rely
# on it: scripts/test makes the release build without.
option(POSTERN_PCH "Precompile the standard headers" OFF)

function(postern_precompile directory)
  get_property(targets DIRECTORY ${directory} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(type ${target} TYPE)
    get_target_property(links ${target} LINK_LIBRARIES)
    if(target MATCHES "^postern_pch")
      continue()
    endif()
    if(type STREQUAL STATIC_LIBRARY AND "postern::build_flags" IN_LIST links)
      target_precompile_headers(${target} REUSE_FROM postern_pch)
    elseif(type STREQUAL EXECUTABLE AND "GTest::gtest_main" IN_LIST links)
      target_precompile_headers(${target} REUSE_FROM postern_pch_tests)
    endif()
  endforeach()
  get_property(subdirectories DIRECTORY ${directory} PROPERTY SUBDIRECTORIES)
  foreach(subdirectory IN LISTS subdirectories)
    postern_precompile(${subdirectory})
  endforeach()
endfunction()

if(POSTERN_PCH)
  set(headers <algorithm> <array> <chrono> <functional> <map> <memory> <mutex>
    <optional> <set> <span> <string> <string_view> <thread> <utility> <variant>
    <vector>)
  file(WRITE ${PROJECT_BINARY_DIR}/pch/empty.cc "")
  file(WRITE ${PROJECT_BINARY_DIR}/pch/main.cc "int main() {}\n")
  add_library(postern_pch STATIC ${PROJECT_BINARY_DIR}/pch/empty.cc)
  target_link_libraries(postern_pch PRIVATE postern::build_flags)
  target_precompile_headers(postern_pch PRIVATE ${headers})
  if(POSTERN_TESTS)
    find_package(GTest REQUIRED)
    add_executable(postern_pch_tests ${PROJECT_BINARY_DIR}/pch/main.cc)
    target_link_libraries(postern_pch_tests PRIVATE GTest::gtest
      postern::build_flags)
    target_precompile_headers(postern_pch_tests PRIVATE ${headers}
      <gtest/gtest.h>)
  endif()
  postern_precompile(${PROJECT_SOURCE_DIR})
endif()
