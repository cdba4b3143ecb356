# Everything we did not write, as SYSTEM imported targets. `tools/setup.sh` installs all of it.

find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(CURL REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(simdjson REQUIRED)
find_package(CLI11 REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
# Inline code of gRPC's headers calls it, and Debian's package does not say so.
set_property(TARGET gRPC::grpc++ APPEND PROPERTY INTERFACE_LINK_LIBRARIES absl::synchronization)
find_package(PkgConfig REQUIRED)

# Debian ships no CMake package for these; give each the name that its own project uses.
function(vecferry_pkg_config target module)
  string(MAKE_C_IDENTIFIER "${module}" prefix)
  pkg_check_modules(${prefix} REQUIRED IMPORTED_TARGET GLOBAL ${module})
  add_library(${target} ALIAS PkgConfig::${prefix})
endfunction()
vecferry_pkg_config(xxhash::xxhash libxxhash)
vecferry_pkg_config(libarchive::libarchive libarchive)
vecferry_pkg_config(zstd::zstd libzstd)
vecferry_pkg_config(SQLite::SQLite3 sqlite3)
vecferry_pkg_config(httplib::httplib cpp-httplib)

if(VECFERRY_TESTS OR VECFERRY_BENCH)
  find_package(GTest REQUIRED)
endif()
if(VECFERRY_TESTS)
  find_package(rapidcheck REQUIRED)
  # Debian's export carries no include folder for the gtest header; it sits in /usr/include.
  add_library(rapidcheck::rapidcheck INTERFACE IMPORTED)
  target_link_libraries(rapidcheck::rapidcheck INTERFACE rapidcheck)
endif()
if(VECFERRY_BENCH)
  find_package(benchmark REQUIRED)
endif()

# Arrow 26 is the first that writes and reads a null fixed_size_list in Parquet. Distributions are
# behind, so `make setup` unpacks the pyarrow wheel, which carries headers and libraries but no
# CMake package.
set(VECFERRY_ARROW_DIR "${CMAKE_SOURCE_DIR}/.deps/arrow" CACHE PATH "An unpacked pyarrow wheel")
find_package(Arrow 26 QUIET)
if(Arrow_FOUND)
  find_package(Parquet 26 REQUIRED)
  add_library(Arrow::arrow ALIAS Arrow::arrow_shared)
  add_library(Arrow::parquet ALIAS Parquet::parquet_shared)
else()
  file(GLOB _arrow_library "${VECFERRY_ARROW_DIR}/libarrow.so.[0-9]*")
  file(GLOB _parquet_library "${VECFERRY_ARROW_DIR}/libparquet.so.[0-9]*")
  if(NOT _arrow_library OR NOT _parquet_library)
    message(FATAL_ERROR "no Arrow >= 26 on this system and none in '${VECFERRY_ARROW_DIR}'; "
                        "run `make setup`")
  endif()
  foreach(_name arrow parquet)
    add_library(Arrow::${_name} SHARED IMPORTED GLOBAL)
    set_target_properties(Arrow::${_name} PROPERTIES
      IMPORTED_LOCATION "${_${_name}_library}"
      INTERFACE_INCLUDE_DIRECTORIES "${VECFERRY_ARROW_DIR}/include")
  endforeach()
  target_link_libraries(Arrow::parquet INTERFACE Arrow::arrow)
  set(VECFERRY_ARROW_BUNDLED ON)
  # The wheel's libparquet exports a simdjson of its own, of another version, and the loader takes
  # the first definition: ours must come before it in every program. (libparquet itself needs
  # simdjson for geometry columns only, which formats/parquet_reader refuses before they are met.)
  add_link_options(
    "SHELL:-Wl,--push-state,--no-as-needed $<TARGET_FILE:simdjson::simdjson> -Wl,--pop-state")
endif()
