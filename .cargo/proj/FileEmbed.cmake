# PROJ runs this script with FILE_EMBED_GENERATE_PATH, the file to embed. It writes a C source and a
# header that define NAME_data and NAME_size.
get_filename_component(path "${FILE_EMBED_GENERATE_PATH}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_BINARY_DIR}")
get_filename_component(name "${path}" NAME)
string(MAKE_C_IDENTIFIER "${name}" name)
file(SIZE "${path}" size)
file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/file_embed/${name}.h" "\
#include <stdint.h>
extern const uint8_t ${name}_data[];
extern const unsigned ${name}_size;
")
file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/file_embed/${name}.c" "\
#include \"${name}.h\"
__asm__(\".pushsection .rodata\\n\"
        \".balign 16\\n\"
        \".globl ${name}_data\\n\"
        \".hidden ${name}_data\\n\"
        \".type ${name}_data, %object\\n\"
        \".size ${name}_data, ${size}\\n\"
        \"${name}_data:\\n\"
        \".incbin \\\"${path}\\\"\\n\"
        \".popsection\\n\");
const unsigned ${name}_size = ${size};
")
