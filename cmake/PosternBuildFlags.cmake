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
target_link_options(postern_build_flags INTERFACE
  -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
  $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:$<IF:$<BOOL:$<TARGET_PROPERTY:POSTERN_STATIC>>,-static-pie,-pie>>)

# glibc's checks need optimisation, and the sanitizers do the same work better.
if(NOT POSTERN_SANITIZE)
  target_compile_options(postern_build_flags INTERFACE
    $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE> $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
else()
  target_compile_options(postern_build_flags INTERFACE
    -fsanitize=${POSTERN_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(postern_build_flags INTERFACE
    -fsanitize=${POSTERN_SANITIZE})
endif()

# The fuzzer steers by the coverage of what it tests, not of its own few lines.
if(POSTERN_FUZZ)
  target_compile_options(postern_build_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
