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
  install(FILES $<TARGET_FILE:Arrow::arrow> $<TARGET_FILE:Arrow::parquet>
          DESTINATION lib/vecferry)
endif()
