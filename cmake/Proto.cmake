# Qdrant's gRPC wire, generated into the build tree from proto/*.proto.
#
# vecferry_proto   the messages; needs protobuf alone
# vecferry_grpc    the services' stubs on top; for what really opens a channel or serves one
#
# Generated code is not ours: no warnings, no sanitizers (libprotobuf has none either), SYSTEM headers,
# which .cpp files alone include.

set(VECFERRY_PROTO_DIR "${CMAKE_SOURCE_DIR}/proto")
set(VECFERRY_PROTO_OUT "${CMAKE_BINARY_DIR}/proto")
file(MAKE_DIRECTORY "${VECFERRY_PROTO_OUT}")

# vecferry_generate(<out variable> [SERVICES] <name>...): <name>.pb.cc, or <name>.grpc.pb.cc
function(vecferry_generate out)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SERVICES" "" "")
  set(plugin "")
  set(suffix ".pb")
  set(flags "--cpp_out=${VECFERRY_PROTO_OUT}")
  if(arg_SERVICES)
    set(suffix ".grpc.pb")
    set(flags "--grpc_out=${VECFERRY_PROTO_OUT}"
              "--plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>")
  endif()
  file(GLOB all_protos CONFIGURE_DEPENDS "${VECFERRY_PROTO_DIR}/*.proto")
  set(sources "")
  foreach(name ${arg_UNPARSED_ARGUMENTS})
    set(stem "${VECFERRY_PROTO_OUT}/${name}${suffix}")
    add_custom_command(
      OUTPUT "${stem}.cc" "${stem}.h"
      COMMAND protobuf::protoc -I "${VECFERRY_PROTO_DIR}" ${flags} "${VECFERRY_PROTO_DIR}/${name}.proto"
      DEPENDS ${all_protos}
      COMMENT "Generating ${name}${suffix}.cc"
      VERBATIM)
    list(APPEND sources "${stem}.cc")
  endforeach()
  set(${out} "${sources}" PARENT_SCOPE)
endfunction()

function(vecferry_proto_library target)
  add_library(${target} STATIC EXCLUDE_FROM_ALL ${ARGN})
  # -O1 everywhere but in release: the generated code is large, and its speed matters there only.
  target_compile_options(${target} PRIVATE -w $<$<CONFIG:Debug>:-O1;-g0>)
  target_include_directories(${target} SYSTEM PUBLIC "${VECFERRY_PROTO_OUT}")
endfunction()

vecferry_generate(_messages
  qdrant_common collections points snapshots qdrant health)
vecferry_proto_library(vecferry_proto ${_messages})
target_link_libraries(vecferry_proto PUBLIC protobuf::libprotobuf)

vecferry_generate(_stubs SERVICES
  collections points snapshots qdrant health)
vecferry_proto_library(vecferry_grpc ${_stubs})
target_link_libraries(vecferry_grpc PUBLIC vecferry_proto gRPC::grpc++)
