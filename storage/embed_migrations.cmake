# Run as a script: writes the migrations' text into a C++ source, so that the binary alone is enough.
#   cmake -DDIRECTORY=<migrations> -DFILES=<a.sql,b.sql> -DOUTPUT=<file.cpp> -P embed_migrations.cmake
string(REPLACE "," ";" FILES "${FILES}")
set(entries "")
set(expected 0)
foreach(file IN LISTS FILES)
  math(EXPR expected "${expected} + 1")
  if(NOT file MATCHES "^([0-9][0-9][0-9][0-9])_([a-z0-9]+_[a-z0-9_]+)\\.sql$")
    message(FATAL_ERROR "migrations/${file}: name it NNNN_verb_thing.sql")
  endif()
  set(name "${CMAKE_MATCH_2}")
  string(REGEX REPLACE "^0+" "" version "${CMAKE_MATCH_1}")
  if(NOT version EQUAL expected)
    message(FATAL_ERROR "migrations/${file}: number ${expected} belongs here; no gaps, no repeats")
  endif()
  file(READ "${DIRECTORY}/${file}" sql)
  string(FIND "${sql}" ")hub_sql\"" delimiter)
  string(TOLOWER "${sql}" lower)
  if(delimiter GREATER_EQUAL 0 OR sql MATCHES "\r"
     OR lower MATCHES "(^|\n)(begin|commit|rollback)[ \t]*;")
    message(FATAL_ERROR "migrations/${file}: it runs in a transaction of the hub's, so no BEGIN or "
      "COMMIT of its own; and no CR line ends")
  endif()
  string(APPEND entries "  {${version}, \"${name}\", std::string_view{R\"hub_sql(${sql})hub_sql\"}},\n")
endforeach()

if(expected EQUAL 0)
  set(body "std::span<const migration> built_in_migrations() {\n  return {};\n}\n")
else()
  set(body "namespace {\nconstexpr migration all[] = {\n${entries}};\n} // namespace\n
std::span<const migration> built_in_migrations() {\n  return all;\n}\n")
endif()
file(WRITE "${OUTPUT}" "// Made from migrations/*.sql when the hub is built.
#include \"storage/migrations.hpp\"

namespace hub::storage {

${body}
} // namespace hub::storage
")
