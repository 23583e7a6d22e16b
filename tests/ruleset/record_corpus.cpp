// Records the seeds of the fuzzers from the kernel, in a network namespace of its own:
//
//   ruleset_record_corpus FUZZ_CORPUS_DIR      (as root; writes nftables/, legacy/, ipset/)
//
// Run again when the corpus in tests/ruleset/data grows.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "ruleset/corpus.h"
#include "ruleset/kernel_reader.h"

namespace {

using namespace bulkhead;

std::filesystem::path g_root;

void save(const std::string& name, const Bytes& bytes) {
  std::filesystem::create_directories((g_root / name).parent_path());
  std::ofstream(g_root / name, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

void put(Bytes& out, const Bytes& section) {
  const auto length = static_cast<std::uint32_t>(section.size());
  const auto* raw = reinterpret_cast<const std::uint8_t*>(&length);
  out.insert(out.end(), raw, raw + sizeof length);
  out.insert(out.end(), section.begin(), section.end());
}

void record_nftables(const std::string& name) {
  const auto dump = test::read_nftables();
  Bytes out;
  for (const Bytes* section : {&dump.tables, &dump.chains, &dump.rules, &dump.sets})
    put(out, *section);
  for (const Bytes& elements : dump.set_elements) put(out, elements);
  save("nftables/" + name, out);
}

// One table of the corpus at a time: small seeds are mutated better.
std::vector<std::string> split_tables(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("table ")) out.emplace_back();
    if (!out.empty()) out.back() += line + "\n";
  }
  return out;
}

void record_legacy(IpFamily family) {
  static constexpr const char* kNames[] = {"filter", "nat", "mangle", "raw", "security"};
  for (std::uint8_t i = 0; i < std::size(kNames); ++i) {
    const auto bytes = test::read_legacy(family, kNames[i]);
    if (bytes.info.empty()) continue;
    Bytes out = {static_cast<std::uint8_t>(family), i};
    out.insert(out.end(), bytes.info.begin(), bytes.info.end());
    out.insert(out.end(), bytes.entries.begin(), bytes.entries.end());
    save("legacy/" + std::string(kNames[i]) + (family == IpFamily::kV4 ? "4" : "6"), out);
  }
}

bool fresh() {
  return test::enter_fresh_network() && test::run("ip link set lo up").status == 0 &&
         test::run("ipset restore", test::corpus("ipsets.txt")).status == 0;
}

int record() {
  std::size_t number = 0;
  for (const std::string& table : split_tables(test::corpus("rules.nft"))) {
    if (!fresh() || test::run("nft -f -", table).status != 0) return 1;
    record_nftables("native" + std::to_string(number++));
  }
  for (const char* six : {"", "6"}) {
    const std::string rules = test::corpus(std::string("ip") + six + "tables.rules");
    if (!fresh() || test::run(std::string("ip") + six + "tables-nft-restore", rules).status != 0)
      return 1;
    record_nftables(std::string("iptables") + (*six != 0 ? six : "4"));
    if (test::run(std::string("ip") + six + "tables-legacy-restore", rules).status != 0) return 1;
    record_legacy(*six != 0 ? IpFamily::kV6 : IpFamily::kV4);
  }
  save("ipset/all", test::read_ipsets());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: ruleset_record_corpus FUZZ_CORPUS_DIR\n");
    return 2;
  }
  g_root = argv[1];
  return record();
}
