# CMake includes this file at the start of PROJ's CMakeLists.txt.

# Compilers without #embed get PROJ's database of coordinate systems as a C array of 48 MB, which takes
# half a minute to compile. The replacement lets the assembler include the file. Another version of
# PROJ keeps its own script until the checksum is updated.
set(script "${PROJ_SOURCE_DIR}/cmake/FileEmbed.cmake")
file(SHA256 "${script}" checksum)
if(checksum STREQUAL "89432b0603903b8649f791ad9bbee6ebdeb83496d81cdcdda7d2b86f210bae7a"
    AND CMAKE_SYSTEM_NAME STREQUAL "Linux" AND CMAKE_C_COMPILER_ID MATCHES "^(GNU|Clang)$")
  configure_file("${CMAKE_CURRENT_LIST_DIR}/FileEmbed.cmake" "${script}" COPYONLY)
endif()
