# vecferry::engine_ffi: the Rust crate in engine/ as a static library with its C header.
# One cargo call, the same for every preset, into one folder outside the build trees.

if(NOT EXISTS "${CMAKE_SOURCE_DIR}/engine/Cargo.toml")
  return()
endif()
execute_process(COMMAND "${CMAKE_SOURCE_DIR}/cmake/find_rust.sh" OUTPUT_VARIABLE _rust_bin
                OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE _bad)
if(_bad)
  message(FATAL_ERROR "the engine needs a newer Rust; run `make setup`")
endif()

if(DEFINED ENV{VECFERRY_CARGO_TARGET_DIR})
  set(_cargo_target_dir "$ENV{VECFERRY_CARGO_TARGET_DIR}")
elseif(DEFINED ENV{XDG_CACHE_HOME})
  set(_cargo_target_dir "$ENV{XDG_CACHE_HOME}/vecferry/cargo")
else()
  set(_cargo_target_dir "$ENV{HOME}/.cache/vecferry/cargo")
endif()
set(VECFERRY_CARGO_TARGET_DIR "${_cargo_target_dir}" CACHE PATH "Where cargo builds the engine")

set(_engine_dir "${CMAKE_SOURCE_DIR}/engine")
set(_engine_library "${CMAKE_BINARY_DIR}/engine/libvecferry_engine.a")
add_custom_command(
  OUTPUT "${_engine_library}"
  COMMAND "${CMAKE_SOURCE_DIR}/cmake/build_engine.sh" "${_rust_bin}"
          "${VECFERRY_CARGO_TARGET_DIR}" "${_engine_dir}" "${_engine_library}"
  DEPENDS "${_engine_dir}/Cargo.toml" "${_engine_dir}/Cargo.lock"
          "${CMAKE_SOURCE_DIR}/cmake/build_engine.sh"
  DEPFILE "${_engine_library}.d"
  COMMENT "Building the Rust engine (a first build takes minutes; later ones are cached)"
  USES_TERMINAL
  VERBATIM)
add_custom_target(vecferry_engine_build DEPENDS "${_engine_library}")
file(MAKE_DIRECTORY "${_engine_dir}/include")

add_library(vecferry_engine_ffi INTERFACE)
add_library(vecferry::engine_ffi ALIAS vecferry_engine_ffi)
add_dependencies(vecferry_engine_ffi vecferry_engine_build)
target_include_directories(vecferry_engine_ffi SYSTEM INTERFACE "${_engine_dir}/include")
target_link_libraries(vecferry_engine_ffi INTERFACE "${_engine_library}" Threads::Threads m dl)
# The crates bring their own zstd; hidden, it cannot stand in for the one that libarchive was made for.
target_link_options(vecferry_engine_ffi INTERFACE -Wl,--exclude-libs,libvecferry_engine.a)
