// Runs a fuzzer without libFuzzer: every file of a corpus folder, then damaged copies of it (cut
// short at many places, single bytes changed). So that the ordinary and the sanitizer builds try
// hostile input on every run, with the same inputs each time.
//
//   fuzz_NAME CORPUS_DIR|FILE...
//
// Ends 0 when all inputs came back, 2 when a path is unreadable or the corpus is empty: a corpus
// that vanished must not look like one that passed. A crash is the fuzzer's finding.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kVariants = 96;  // of each kind for one file: keeps a replay in seconds

std::size_t g_runs = 0;

// The input lies in an allocation of exactly its size, so that the address sanitizer sees a read
// beyond its end.
void run(const Bytes& input) {
  const Bytes exact(input.begin(), input.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  ++g_runs;
}

void run_truncated(const Bytes& input) {
  const std::size_t step = std::max<std::size_t>(1, input.size() / kVariants);
  for (std::size_t size = 0; size < input.size(); size += step) {
    run(Bytes(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(size)));
  }
}

void run_flipped(const Bytes& input) {
  if (input.empty()) return;
  std::mt19937 random(static_cast<std::uint32_t>(input.size()));
  for (std::size_t i = 0; i < kVariants; ++i) {
    Bytes copy = input;
    copy[random() % copy.size()] = static_cast<std::uint8_t>(random());
    run(copy);
  }
}

bool replay(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    return false;
  }
  const Bytes input((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  run(input);
  run_truncated(input);
  run_flipped(input);
  return true;
}

// In the order of names, so that two runs do the same.
std::vector<fs::path> files_below(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    for (const fs::path& file : files_below(argv[i])) {
      if (!replay(file)) return 2;
      ++files;
    }
  }
  if (files == 0) {
    std::fprintf(stderr, "no input: the corpus is empty or missing\n");
    return 2;
  }
  std::printf("%zu files, %zu inputs\n", files, g_runs);
  return 0;
}
