# Makes a .cpp that defines `std::string_view <FUNCTION>()` returning the bytes of FILE.
#   cmake -DFILE=… -DFUNCTION=hub::http::name -DHEADER=… -DOUTPUT=… -P EmbedFile.cmake
file(READ "${FILE}" hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "((0x[0-9a-f][0-9a-f],)(0x[0-9a-f][0-9a-f],)?(0x[0-9a-f][0-9a-f],)?(0x[0-9a-f][0-9a-f],)?(0x[0-9a-f][0-9a-f],)?(0x[0-9a-f][0-9a-f],)?(0x[0-9a-f][0-9a-f],)?(0x[0-9a-f][0-9a-f],)?)" "\\1\n" bytes "${bytes}")
get_filename_component(name "${FILE}" NAME)
file(WRITE "${OUTPUT}" "// Generated from ${name}.
#include \"${HEADER}\"

static constexpr unsigned char content[] = {
${bytes}};

std::string_view ${FUNCTION}() {
  return {reinterpret_cast<const char*>(content), sizeof content};
}
")
