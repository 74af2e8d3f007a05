# The crate proj-sys builds PROJ with CMake and has no options for it; CMake reads this file first. It
# reduces the CPU time of that build by two thirds, and decides where PROJ finds its database.

# Compile eight source files at a time, so that they share the time to parse the headers.
set(CMAKE_UNITY_BUILD ON)

# Without debug information.
set(CMAKE_C_FLAGS_DEBUG "-O0" CACHE STRING "")
set(CMAKE_CXX_FLAGS_DEBUG "-O0" CACHE STRING "")

# Take the database of coordinate systems from the program alone: PROJ would look for one beside it first, and Debian's in
# /usr/share/proj, or that of a Python environment, may be of another version.
set(USE_ONLY_EMBEDDED_RESOURCE_FILES ON CACHE BOOL "")

set(CMAKE_PROJECT_PROJ_INCLUDE "${CMAKE_CURRENT_LIST_DIR}/project.cmake")
