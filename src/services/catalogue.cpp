#include "services/catalogue.h"

#include <algorithm>

namespace bulkhead::services {
namespace {

bool speaks(const Service& service, IpProtocol protocol) {
  return protocol == IpProtocol::kUdp ? service.udp : protocol == IpProtocol::kTcp && service.tcp;
}

bool lists(std::span<const std::uint16_t> ports, Port port) {
  return std::ranges::find(ports, port.number) != ports.end();
}

// The first entry that lists the port, else the first that is known anywhere.
template <class Names>
const Service* by_name(std::span<const Service> all, Port port, IpProtocol protocol,
                       std::string_view name, Names names) {
  if (name.empty()) return nullptr;
  const Service* anywhere = nullptr;
  for (const Service& service : all) {
    const auto known = names(service);
    if (!speaks(service, protocol) || std::ranges::find(known, name) == known.end()) continue;
    if (lists(service.ports, port) || lists(service.also, port)) return &service;
    if (anywhere == nullptr && service.anywhere) anywhere = &service;
  }
  return anywhere;
}

// Names of threads and workers follow the program's: "nginx: worker", "postgres: ...".
std::string_view program(std::string_view process) {
  const std::size_t colon = process.find(':');
  return colon == std::string_view::npos ? process : process.substr(0, colon);
}

}  // namespace

const Service* find_service(std::string_view id) {
  const auto all = catalogue();
  const auto found = std::ranges::find(all, id, &Service::id);
  return found == all.end() ? nullptr : &*found;
}

std::string_view image_name(std::string_view image) {
  image = image.substr(0, image.find('@'));
  const std::size_t slash = image.rfind('/');
  if (slash != std::string_view::npos) image.remove_prefix(slash + 1);
  return image.substr(0, image.find(':'));
}

Match match(Port port, IpProtocol protocol, std::string_view process, std::string_view image,
            std::span<const Service> added) {
  const auto processes = [](const Service& s) { return s.processes; };
  const auto images = [](const Service& s) { return s.images; };
  const auto either = [&](std::string_view name, auto names) {
    const Service* known = by_name(catalogue(), port, protocol, name, names);
    return known != nullptr ? known : by_name(added, port, protocol, name, names);
  };
  if (const Service* s = either(program(process), processes)) return {s, KnownBy::kProcess};
  if (const Service* s = either(image_name(image), images)) return {s, KnownBy::kImage};
  for (const std::span<const Service> all : {catalogue(), added}) {
    for (const Service& service : all) {
      if (speaks(service, protocol) && lists(service.ports, port))
        return {&service, KnownBy::kPort};
    }
  }
  return {};
}

std::string_view to_string(ServiceClass service_class) {
  switch (service_class) {
    case ServiceClass::kManagement: return "management";
    case ServiceClass::kTraditional: return "traditional";
    case ServiceClass::kApplication: return "application";
    case ServiceClass::kClient: return "client";
  }
  return "";
}

std::string_view to_string(Impact impact) {
  switch (impact) {
    case Impact::kHost: return "host";
    case Impact::kCluster: return "cluster";
    case Impact::kCode: return "code";
    case Impact::kSecrets: return "secrets";
    case Impact::kData: return "data";
    case Impact::kConsole: return "console";
    case Impact::kControl: return "control";
    case Impact::kInfo: return "info";
    case Impact::kApplication: return "application";
  }
  return "";
}

std::string_view to_string(KnownBy by) {
  switch (by) {
    case KnownBy::kNothing: return "nothing";
    case KnownBy::kPort: return "port";
    case KnownBy::kImage: return "image";
    case KnownBy::kProcess: return "process";
  }
  return "";
}

}  // namespace bulkhead::services
