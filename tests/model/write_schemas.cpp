// Writes the generated schema to the file that is kept in the repository.
#include <cstdio>
#include <fstream>

#include "model/json.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: write_schemas FILE\n");
    return 2;
  }
  std::ofstream out(argv[1], std::ios::binary);
  out << bulkhead::model::snapshot_schema();
  return out.flush() ? 0 : 1;
}
