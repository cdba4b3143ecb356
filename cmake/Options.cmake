# How our own code is compiled: language, warnings, sanitizers, linker, compiler cache.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

# ccache finds a hit from another checkout only if paths below it are compared relative to it
# (base_dir) and the build folder is left out of the key (hash_dir).
find_program(VECFERRY_CCACHE ccache)
if(VECFERRY_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros ${VECFERRY_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()

# The Rust library is large; mold links a test against it several times faster than the default.
find_program(VECFERRY_MOLD mold)
if(VECFERRY_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
add_link_options(-Wl,--gc-sections -Wl,--as-needed)

# Linked by every target of ours, and by nothing that is not ours.
add_library(vecferry_flags INTERFACE)
add_library(vecferry::flags ALIAS vecferry_flags)
target_include_directories(vecferry_flags INTERFACE "${CMAKE_SOURCE_DIR}/src")
target_compile_options(vecferry_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual -Werror
  -ffunction-sections -fdata-sections
  # GCC 12 warns of "x" + std::string at -O3 where nothing overlaps (its bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  # Its data-flow warnings are wrong at -O3 about optional members of aggregates; the dev preset has
  # them, at -O1, where they are right.
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<CONFIG:Release>>:-Wno-maybe-uninitialized;-Wno-array-bounds;-Wno-stringop-overflow;-Wno-stringop-overread>
  # GCC's -Wconversion has no sign conversions in C++, clang's has.
  $<$<CXX_COMPILER_ID:Clang>:-Wno-sign-conversion;-Wthread-safety>)
target_compile_definitions(vecferry_flags INTERFACE
  $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>
  $<$<BOOL:${VECFERRY_TESTS}>:VECFERRY_TEST_BUILD>)
find_package(Threads REQUIRED)
target_link_libraries(vecferry_flags INTERFACE Threads::Threads)

if(VECFERRY_SANITIZE STREQUAL "address")
  set(_sanitize -fsanitize=address,undefined -fno-sanitize-recover=all)
elseif(VECFERRY_SANITIZE STREQUAL "thread")
  set(_sanitize -fsanitize=thread)
elseif(VECFERRY_SANITIZE STREQUAL "fuzzer")
  set(_sanitize -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
elseif(VECFERRY_SANITIZE)
  message(FATAL_ERROR "VECFERRY_SANITIZE is '${VECFERRY_SANITIZE}'; use address, thread or fuzzer")
endif()
if(VECFERRY_SANITIZE)
  target_compile_options(vecferry_flags INTERFACE ${_sanitize} -fno-omit-frame-pointer)
  target_link_options(vecferry_flags INTERFACE ${_sanitize})
endif()
