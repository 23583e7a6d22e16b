// What listens there? The catalogue of services, and the matcher from what is known of a listener
// (port, process, image) to its entry.
//
// The table is made from catalogue.yaml when the program is built; it costs nothing at start.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/address.h"

namespace bulkhead::services {

enum class ServiceClass : std::uint8_t { kManagement, kTraditional, kApplication, kClient };
enum class Impact : std::uint8_t {
  kHost,
  kCluster,
  kCode,
  kSecrets,
  kData,
  kConsole,
  kControl,
  kInfo,
  kApplication,
};
enum class Tls : std::uint8_t { kNone, kOptional, kStarttls, kRequired, kMutual };
enum class Confidence : std::uint8_t { kVerified, kDocumented, kRecall };

struct Service {
  std::string_view id, name;
  ServiceClass service_class = ServiceClass::kApplication;
  bool tcp = false, udp = false;
  std::span<const std::uint16_t> ports, also;
  std::span<const std::string_view> processes, images;
  bool anywhere = false, front = false;
  Impact impact = Impact::kApplication;
  Tls tls = Tls::kNone;
  Confidence confidence = Confidence::kRecall;
  std::string_view source;
};

// All entries, in the order of the file.
[[nodiscard]] std::span<const Service> catalogue();
[[nodiscard]] const Service* find_service(std::string_view id);

// How sure the match is, weakest first. A port alone is a guess, and reports say so.
enum class KnownBy : std::uint8_t { kNothing, kPort, kImage, kProcess };

struct Match {
  const Service* service = nullptr;  // null: not in the catalogue
  KnownBy by = KnownBy::kNothing;
};

// `process` is /proc/PID/comm, `image` the engine's image reference ("" when not known).
// O(size of the catalogue), a few microseconds. `added`: a user's own services; of two that fit
// alike, the compiled-in one is taken.
[[nodiscard]] Match match(Port port, IpProtocol protocol, std::string_view process,
                          std::string_view image, std::span<const Service> added = {});

// "docker.io/portainer/portainer-ce:2.19@sha256:…" -> "portainer-ce".
[[nodiscard]] std::string_view image_name(std::string_view image);

[[nodiscard]] std::string_view to_string(ServiceClass service_class);
[[nodiscard]] std::string_view to_string(Impact impact);
[[nodiscard]] std::string_view to_string(KnownBy by);

}  // namespace bulkhead::services
