# Finds a Rust toolchain new enough for the engine crate: VECFERRY_RUSTC, VECFERRY_CARGO.
# The one on PATH if it will do, else the distribution's. What rustup puts on PATH are shims that
# look at the folder they run in and may pick another version there, so the real programs are used.

set(VECFERRY_RUST_MINIMUM 1.96)

function(_vecferry_try_rustc candidate)
  execute_process(COMMAND ${candidate} --version OUTPUT_VARIABLE text ERROR_QUIET RESULT_VARIABLE bad)
  if(bad OR NOT text MATCHES "^rustc ([0-9]+\\.[0-9]+\\.[0-9]+)" OR CMAKE_MATCH_1 VERSION_LESS VECFERRY_RUST_MINIMUM)
    return()
  endif()
  set(version ${CMAKE_MATCH_1})
  execute_process(COMMAND ${candidate} --print sysroot OUTPUT_VARIABLE sysroot
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(EXISTS "${sysroot}/bin/rustc" AND EXISTS "${sysroot}/bin/cargo")
    set(VECFERRY_RUSTC "${sysroot}/bin/rustc" PARENT_SCOPE)
    set(VECFERRY_CARGO "${sysroot}/bin/cargo" PARENT_SCOPE)
    set(VECFERRY_RUST_VERSION ${version} PARENT_SCOPE)
  endif()
endfunction()

find_program(_vecferry_path_rustc rustc NO_CMAKE_PATH NO_CMAKE_SYSTEM_PATH)
foreach(_candidate ${_vecferry_path_rustc} /usr/bin/rustc)
  if(NOT VECFERRY_RUSTC)
    _vecferry_try_rustc(${_candidate})
  endif()
endforeach()
if(NOT VECFERRY_RUSTC)
  message(FATAL_ERROR "no rustc >= ${VECFERRY_RUST_MINIMUM} with its cargo; run `make setup`")
endif()
message(STATUS "Rust: ${VECFERRY_RUSTC} ${VECFERRY_RUST_VERSION}")
