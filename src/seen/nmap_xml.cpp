#include "seen/nmap_xml.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <vector>

#include "base/text.h"
#include "seen/text.h"

namespace bulkhead::seen {
namespace {

// nmap lists ports of a state one by one up to so many, and counts more of them together.
constexpr std::size_t kMostListed = 25;
constexpr std::size_t kLongestValue = 512;

// escape_text() leaves nothing that XML 1.0 has no character for.
std::string quoted(std::string_view text, std::size_t most = kLongestValue) {
  return "\"" + escape_html(escape_text(text, most)) + "\"";
}

std::string attribute(std::string_view name, std::string_view value) {
  return " " + std::string(name) + "=" + quoted(value);
}

std::string attribute(std::string_view name, std::uint64_t value) {
  return attribute(name, std::to_string(value));
}

std::string seconds_text(std::uint64_t ms) {
  const std::string hundredths = std::to_string(ms % 1000 / 10);
  return std::to_string(ms / 1000) + "." + (hundredths.size() < 2 ? "0" : "") + hundredths;
}

// nmap's own words where it has them (portreasons.cc).
std::string icmp_reason(std::int32_t error) {
  switch (error) {
    case EHOSTUNREACH: return "host-unreach";
    case ENETUNREACH: return "net-unreach";
    case EACCES:
    case EPERM: return "admin-prohibited";
    case ECONNREFUSED: return "port-unreach";
    default: return "icmp-response";  // any other error number
  }
}

std::string reason_of(const PortRun& run, const Target& target) {
  switch (run.proof) {
    case Proof::kAccepted: return target.protocol == IpProtocol::kUdp ? "udp-response" : "syn-ack";
    case Proof::kReset: return target.swept.engine == Engine::kConnect ? "conn-refused" : "reset";
    case Proof::kPortUnreachable: return "port-unreach";
    case Proof::kSilence:
    case Proof::kNoUdpAnswer: return "no-response";
    case Proof::kIcmp: return icmp_reason(run.error);
    case Proof::kSendRefused:
    case Proof::kLost:
    case Proof::kNoSocket:
    case Proof::kNotFinished:
    case Proof::kUnchecked: return std::string(to_string(run.proof));
  }
  return "unknown";
}

std::string state_of(const PortRun& run) {
  if (run.proof == Proof::kNoUdpAnswer) return "open|filtered";
  return std::string(to_string(run.state));
}

std::string ports_text(const std::vector<PortRange>& ranges) {
  std::string out;
  for (const PortRange& range : ranges) {
    out += (out.empty() ? "" : ",") + std::to_string(range.first);
    if (range.last != range.first) out += "-" + std::to_string(range.last);
  }
  return out;
}

std::uint64_t count_of(const std::vector<PortRange>& ranges) {
  std::uint64_t out = 0;
  for (const PortRange& range : ranges) out += range.last - range.first + std::uint64_t{1};
  return out;
}

// Ports that are told together: of one state, each reason with its protocol and ports.
struct Extra {
  std::uint64_t count = 0;
  std::map<std::pair<std::string, IpProtocol>, std::vector<PortRange>> reasons;
};

class XmlWriter {
 public:
  XmlWriter(const Record& record, std::string_view command) : record_(record), command_(command) {}

  std::string write() {
    out_ = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE nmaprun>\n";
    const std::uint64_t begin = record_.taken_at_ms / 1000;
    line("<nmaprun scanner=\"nmap\"" + attribute("args", command_) + attribute("start", begin) +
         attribute("startstr", instant_text(record_.taken_at_ms)) +
         attribute("version", record_.tool) + " xmloutputversion=\"1.05\">");
    scaninfo(IpProtocol::kTcp);
    scaninfo(IpProtocol::kUdp);
    line("<verbose level=\"0\"/>");
    line("<debugging level=\"0\"/>");
    for (const SeenFrom& seat : record_.seats) hosts_of(seat);
    problems();
    totals(begin);
    line("</nmaprun>");
    return std::move(out_);
  }

 private:
  void line(const std::string& text) { out_ += text + "\n"; }

  // All ports of a protocol that were asked about anywhere.
  void scaninfo(IpProtocol protocol) {
    std::vector<PortRange> asked;
    Engine engine = Engine::kUdp;
    for (const SeenFrom& seat : record_.seats) {
      for (const Target& target : seat.targets) {
        if (target.protocol != protocol) continue;
        engine = target.swept.engine;
        for (const PortRun& run : target.swept.runs) asked.push_back(run.ports);
      }
    }
    if (asked.empty()) return;
    std::ranges::sort(asked, {}, &PortRange::first);
    std::vector<PortRange> joined;
    for (const PortRange& range : asked) {
      if (!joined.empty() && range.first <= joined.back().last + 1)
        joined.back().last = std::max(joined.back().last, range.last);
      else
        joined.push_back(range);
    }
    line("<scaninfo" + attribute("type", to_string(engine)) +
         attribute("protocol", to_string(protocol)) + attribute("numservices", count_of(joined)) +
         " services=" + quoted(ports_text(joined), kLongestPorts) + "/>");
  }

  void hosts_of(const SeenFrom& seat) {
    std::map<ScopedAddress, std::vector<const Target*>> by_address;
    for (const Target& target : seat.targets) by_address[target.scoped()].push_back(&target);
    for (const auto& [to, targets] : by_address) host(seat, to.address, targets);
  }

  void host(const SeenFrom& seat, IpAddress address, const std::vector<const Target*>& targets) {
    ++hosts_;
    const bool up = std::ranges::any_of(
        targets, [](const Target* target) { return target->swept.counts.answered != 0; });
    if (up) ++up_;
    line("<host" + attribute("comment", "from " + seat.vantage) + ">");
    line(up ? R"(<status state="up" reason="user-set" reason_ttl="0"/>)"
            : R"(<status state="unknown" reason="no-response" reason_ttl="0"/>)");
    line("<address" + attribute("addr", address.to_string()) +
         attribute("addrtype", address.is_v6() ? "ipv6" : "ipv4") + "/>");
    hostnames(targets);
    ports(targets);
    line("<hostscript><script id=\"bulkhead-seat\"" + attribute("output", seat.vantage) +
         "/></hostscript>");
    line("</host>");
  }

  void hostnames(const std::vector<const Target*>& targets) {
    std::set<std::string> names;
    for (const Target* target : targets) names.insert(target->names.begin(), target->names.end());
    line("<hostnames>");
    for (const std::string& name : names)
      line("<hostname" + attribute("name", name) + " type=\"user\"/>");
    line("</hostnames>");
  }

  void ports(const std::vector<const Target*>& targets) {
    std::map<std::string, std::uint64_t> counts;
    for (const Target* target : targets) {
      for (const PortRun& run : target->swept.runs)
        counts[state_of(run)] += run.ports.last - run.ports.first + std::uint64_t{1};
    }
    const auto told_together = [&](const PortRun& run) {
      return run.state != State::kOpen && counts[state_of(run)] > kMostListed;
    };
    std::map<std::string, Extra> extras;
    for (const Target* target : targets) {
      for (const PortRun& run : target->swept.runs) {
        if (!told_together(run)) continue;
        Extra& extra = extras[state_of(run)];
        extra.count += run.ports.last - run.ports.first + std::uint64_t{1};
        extra.reasons[{reason_of(run, *target), target->protocol}].push_back(run.ports);
      }
    }
    line("<ports>");
    for (const auto& [state, extra] : extras) extraports(state, extra);
    for (const Target* target : targets) {
      for (const PortRun& run : target->swept.runs) {
        if (!told_together(run)) listed(*target, run);
      }
    }
    line("</ports>");
  }

  void extraports(const std::string& state, const Extra& extra) {
    line("<extraports" + attribute("state", state) + attribute("count", extra.count) + ">");
    for (const auto& [reason, ranges] : extra.reasons) {
      line("<extrareasons" + attribute("reason", reason.first) +
           attribute("count", count_of(ranges)) + attribute("proto", to_string(reason.second)) +
           " ports=" + quoted(ports_text(ranges), kLongestPorts) + "/>");
    }
    line("</extraports>");
  }

  void listed(const Target& target, const PortRun& run) {
    for (std::uint32_t number = run.ports.first; number <= run.ports.last; ++number) {
      const Port port{static_cast<std::uint16_t>(number)};
      line("<port" + attribute("protocol", to_string(target.protocol)) +
           attribute("portid", number) + "><state" + attribute("state", state_of(run)) +
           attribute("reason", reason_of(run, target)) + " reason_ttl=\"0\"/>" +
           (run.state == State::kOpen ? service_of(target.service(port)) : "") + "</port>");
    }
  }

  static std::string service_of(const Service* service) {
    if (service == nullptr) return "";
    return "<service" + attribute("name", service->id) + attribute("product", service->name) +
           attribute("extrainfo", "access: " + service->access) +
           " method=\"probed\" conf=\"10\"/>" + "<script id=\"bulkhead-service\"" +
           attribute("output", service->name + ", access: " + service->access) +
           "><elem key=\"access\">" + text(service->access) + "</elem><elem key=\"evidence\">" +
           text(service->evidence) + "</elem></script>";
  }

  static std::string text(std::string_view raw) {
    return escape_html(escape_text(raw, kLongestValue));
  }

  // Without these the result would look like a whole one.
  void problems() {
    std::string scripts;
    const auto add = [&](const std::string& what) {
      scripts += "<script id=\"bulkhead-problem\"" + attribute("output", what) + "/>";
    };
    for (const SeenFrom& seat : record_.seats) {
      if (!seat.check.passed)
        add("the self-check of " + seat.vantage + " did not pass: " + seat.check.why);
    }
    for (const auto& left : record_.left_out) add("left out: " + left.what + ": " + left.why);
    if (!scripts.empty()) line("<postscript>" + scripts + "</postscript>");
  }

  void totals(std::uint64_t begin) {
    const std::uint64_t end = begin + record_.elapsed_ms / 1000;
    std::string finished = "<runstats><finished" + attribute("time", end) +
                           attribute("timestr", instant_text(end * 1000)) +
                           attribute("elapsed", seconds_text(record_.elapsed_ms));
    finished += record_.finished
                    ? attribute("exit", "success")
                    : attribute("exit", "error") +
                          attribute("errormsg", "not finished: what was not asked is unknown");
    line(finished + "/><hosts" + attribute("up", up_) + attribute("down", 0) +
         attribute("total", hosts_) + "/></runstats>");
  }

  // 65,536 ports, each with a comma.
  static constexpr std::size_t kLongestPorts = std::size_t{65'536} * 6;

  const Record& record_;
  std::string_view command_;
  std::uint64_t hosts_ = 0, up_ = 0;
  std::string out_;
};

}  // namespace

std::string nmap_xml(const Record& record, std::string_view command) {
  return XmlWriter(record, command).write();
}

}  // namespace bulkhead::seen
