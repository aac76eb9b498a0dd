# postern::build_flags: warnings, hardening and sanitizers, in one place. Every
# target of ours links it PRIVATE; nothing sets CMAKE_CXX_FLAGS. A target with
# the property POSTERN_STATIC is linked without any shared library.
add_library(postern_build_flags INTERFACE)
add_library(postern::build_flags ALIAS postern_build_flags)

target_include_directories(postern_build_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(postern_build_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast
  -Wimplicit-fallthrough -fstack-protector-strong -fstack-clash-protection
  $<$<BOOL:${POSTERN_WERROR}>:-Werror>)
# It takes every file of several that are compiled as one for a header.
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(postern_build_flags INTERFACE -Wno-subobject-linkage)
endif()
# Instrumented programs have some forty megabytes of tables of addresses. A
# position-independent one would relocate them at each start, and the tests of
# pin-admin start it many hundred times.
set(position -pie)
if(POSTERN_SANITIZE MATCHES "address")
  set(position -no-pie)
endif()
target_link_options(postern_build_flags INTERFACE
  -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
  $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:$<IF:$<BOOL:$<TARGET_PROPERTY:POSTERN_STATIC>>,-static-pie,${position}>>)

# glibc's checks need optimisation, and the sanitizers do the same work better.
if(NOT POSTERN_SANITIZE)
  target_compile_options(postern_build_flags INTERFACE
    $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE> $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
else()
  target_compile_options(postern_build_flags INTERFACE
    -fsanitize=${POSTERN_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  # The headers of libraries are half of all code that is compiled, and theirs to
  # look after; the standard library's own assertions find what we do wrong.
  target_compile_options(postern_build_flags INTERFACE
    -fsanitize-ignorelist=${PROJECT_SOURCE_DIR}/cmake/undefined.ignore)
  target_compile_definitions(postern_build_flags INTERFACE _GLIBCXX_ASSERTIONS)
  target_link_options(postern_build_flags INTERFACE
    -fsanitize=${POSTERN_SANITIZE})
  # Links in a quarter of the time.
  find_program(LLD ld.lld)
  if(LLD)
    target_link_options(postern_build_flags INTERFACE -fuse-ld=lld)
  endif()
endif()

# The fuzzer steers by the coverage of what it tests, not of its own few lines.
# The table of addresses only serves to print where it has been.
if(POSTERN_FUZZ)
  target_compile_options(postern_build_flags INTERFACE -fsanitize=fuzzer-no-link
    -fno-sanitize-coverage=pc-table
    -fsanitize-coverage-ignorelist=${PROJECT_SOURCE_DIR}/cmake/coverage.ignore)
endif()
