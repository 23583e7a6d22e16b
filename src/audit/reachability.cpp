#include "audit/reachability.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "audit/shared_answers.h"
#include "topology/link_ends.h"

namespace bulkhead::audit {
namespace {

class Sweep {
 public:
  Sweep(const Inventory& inventory, const Oracle& oracle)
      : inventory_(inventory),
        host_(oracle.snapshot().host),
        answers_(inventory, oracle),
        whose_(services_by_socket(inventory)),
        told_(inventory.seats.size()) {
    out_.of.resize(inventory.services.size());
    for (const SeatEntry& seat : inventory.seats) {
      ends_.push_back(seat.container != nullptr && seat.ns
                          ? topology::link_local_ends(oracle.snapshot(), *seat.ns)
                          : std::vector<topology::LinkEnd>());
    }
  }

  Reachability run() {
    for (std::size_t i = 0; i < inventory_.services.size(); ++i) {
      // From outside the published address is how a service is known; inside, its own.
      const std::vector<Dial>& outside = inventory_.services[i].dials;
      const InRoom room(out_.of[i].open, room_);
      std::vector<Dial> inside = outside;
      std::ranges::stable_partition(inside, [](const Dial& d) { return d.via == Via::kDirect; });
      for (std::size_t seat = 0; seat < inventory_.seats.size(); ++seat)
        pair(i, seat, inventory_.seats[seat].is_zone() ? outside : inside);
      answers_.forget();
    }
    return std::move(out_);
  }

 private:
  // A list is filled in room that is kept, and takes up no more than it needs afterwards: on a
  // large host each of hundreds has thousands.
  class InRoom {
   public:
    InRoom(std::vector<Asked>& list, std::vector<Asked>& room) : list_(list), room_(room) {
      room_.assign(std::make_move_iterator(list_.begin()), std::make_move_iterator(list_.end()));
      list_.swap(room_);
    }
    InRoom(const InRoom&) = delete;
    InRoom& operator=(const InRoom&) = delete;
    ~InRoom() {
      list_.swap(room_);
      list_.assign(std::make_move_iterator(room_.begin()), std::make_move_iterator(room_.end()));
      room_.clear();
    }

   private:
    std::vector<Asked>&list_, &room_;
  };

  static const IpAddress* own_of(const SeatEntry& from) {
    return from.address ? &*from.address : nullptr;
  }

  // What opens may be another service than the one dialled: a rule sent the packet there.
  std::size_t answered_by(std::size_t dialled, const Asked& asked) const {
    const auto found = whose_.find(asked.reply->answer.socket);
    return found == whose_.end() ? dialled : found->second;
  }

  // What the first of seats that are alike got of a service, where it goes for all of them: a large
  // host has millions of pairs, and nothing is to be looked up for each.
  struct Told {
    std::size_t service = SIZE_MAX;
    Dial dial;                                  // that opens
    std::shared_ptr<const query::Reply> opens;  // null: all are closed
  };

  void note_told(std::size_t index, std::size_t seat, const std::vector<Dial>& tried, bool open) {
    std::shared_ptr<const query::Reply> last;
    for (const Dial& dial : tried) {
      last = answers_.told_all(seat, dial);
      if (last == nullptr) return;
    }
    told_[seat] = {index, tried.back(), open ? std::move(last) : nullptr};
  }

  // True: it was told what it gets.
  bool is_told(std::size_t index, std::size_t seat) {
    const SeatEntry& from = inventory_.seats[seat];
    const Service& service = inventory_.services[index];
    if (from.alike == seat || from.ns == service.ns) return false;
    const Told& told = told_[from.alike];
    if (told.service != index) return false;
    if (told.opens == nullptr && !behind_links(service, seat).empty()) return false;
    PairCounts& counts = out_.ordinary;
    ++counts.asked;
    ++(told.opens != nullptr ? counts.open : counts.closed);
    if (told.opens != nullptr)
      out_.of[index].open.push_back({seat, told.dial, told.opens, own_of(from)});
    return true;
  }

  void pair(std::size_t index, std::size_t seat, const std::vector<Dial>& dials) {
    if (is_told(index, seat)) return;
    const Service& service = inventory_.services[index];
    const SeatEntry& from = inventory_.seats[seat];
    std::optional<Asked> unknown;
    bool any = false, open = false, elsewhere = false;
    std::vector<Dial> tried;
    const auto ask = [&](const Dial& dial) {
      if (!worth_asking(from, service, dial)) return;
      any = true;
      tried.push_back(dial);
      auto [reply, of_another] = answers_.ask(seat, dial, service.subject.protocol);
      Asked asked{seat, dial, std::move(reply), of_another ? own_of(from) : nullptr};
      if (asked.verdict() == trace::Verdict::kOpen) {
        const std::size_t who = answered_by(index, asked);
        open = open || who == index;
        elsewhere = elsewhere || who != index;
        if (who == index || !out_.of[who].open_from(seat))
          out_.of[who].open.push_back(std::move(asked));
      } else if (asked.verdict() == trace::Verdict::kUnknown) {
        if (!unknown) unknown = std::move(asked);
      } else if (from.is_zone()) {
        out_.of[index].closed.push_back(std::move(asked));
      }
    };
    for (const Dial& dial : dials) {
      ask(dial);
      if (open && !from.is_zone()) break;
    }
    for (const Dial& dial : open ? std::vector<Dial>() : behind_links(service, seat)) {
      ask(dial);
      if (open) break;
    }
    if (!any) return;
    if (from.alike == seat && !unknown && !elsewhere) note_told(index, seat, tried, open);
    PairCounts& counts = out_.ordinary;
    ++counts.asked;
    ++(open ? counts.open : unknown ? counts.unknown : counts.closed);
    if (!open && unknown) out_.of[index].unknown.push_back(std::move(*unknown));
  }

  // What the host listens with on `::` is reached at its end of the seat's own links, too, though
  // nobody dials it there: no name leads to such an address.
  [[nodiscard]] std::vector<Dial> behind_links(const Service& service, std::size_t seat) const {
    std::vector<Dial> out;
    for (const topology::LinkEnd& end : ends_[seat]) {
      const auto add = [&](const model::Socket& socket, Via via) {
        const bool any = socket.address.is_v6() && socket.address.is_unspecified();
        if (!any && socket.address != end.to) return;
        if (socket.bound_to && socket.bound_to != end.host_link) return;
        out.push_back({end.to, socket.port, via, end.on->index});
      };
      if (service.ns == host_) {
        for (const model::Socket* socket : service.sockets) add(*socket, Via::kDirect);
      }
      for (const model::Socket* socket : service.fronts) add(*socket, Via::kPublished);
    }
    return out;
  }

  const Inventory& inventory_;
  model::NsId host_;
  std::vector<std::vector<topology::LinkEnd>> ends_;  // by seat; of containers
  SharedAnswers answers_;
  Reachability out_;
  std::unordered_map<const model::Socket*, std::size_t> whose_;
  std::vector<Asked> room_;
  std::vector<Told> told_;  // by seat that others are like
};

}  // namespace

bool Answers::open_from(std::size_t seat) const {
  return std::ranges::any_of(open, [seat](const Asked& a) { return a.seat == seat; });
}

bool Answers::unknown_from(std::size_t seat) const {
  return std::ranges::any_of(unknown, [seat](const Asked& a) { return a.seat == seat; });
}

bool worth_asking(const SeatEntry& seat, const Service& service, const Dial& dial) {
  if (seat.is_zone() && seat.zone->role == policy::ZoneRole::kInternet) {
    // Nobody routes private addresses to us; what stands in front of a private uplink may forward.
    const bool routed = !dial.to.is_private() && !dial.to.is_link_local() && !dial.to.is_loopback();
    return routed || std::ranges::find(seat.uplink, dial.to) != seat.uplink.end();
  }
  if (!seat.is_zone() && seat.ns == service.ns) return false;
  return seat.is_zone() || !dial.to.is_loopback() || seat.container == nullptr;
}

Reachability ask_all(const Inventory& inventory, const Oracle& oracle) {
  return Sweep(inventory, oracle).run();
}

}  // namespace bulkhead::audit
