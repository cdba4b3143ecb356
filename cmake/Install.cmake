# `cmake --install`: the program, and beside it in lib/vecferry the Arrow libraries of the wheel, so
# that it runs after .deps/ is gone.

get_property(_programs GLOBAL PROPERTY VECFERRY_PROGRAMS)
if(NOT _programs)
  return()
endif()
set_target_properties(${_programs} PROPERTIES
  INSTALL_RPATH "$ORIGIN/../lib/vecferry")
install(TARGETS ${_programs} RUNTIME DESTINATION bin)
if(VECFERRY_ARROW_BUNDLED)
  # S3 is a library of its own, which archive/bucket_store.cpp loads from beside the first.
  file(GLOB _s3_library "${VECFERRY_ARROW_DIR}/libarrow_s3.so.[0-9]*")
  if(NOT _s3_library)
    message(FATAL_ERROR "no libarrow_s3 in '${VECFERRY_ARROW_DIR}'; run `make setup`")
  endif()
  install(FILES $<TARGET_FILE:Arrow::arrow> $<TARGET_FILE:Arrow::parquet> ${_s3_library}
          DESTINATION lib/vecferry)
endif()
