// How a value of the model names its fields.
//
// Each struct has one static `fields(self, visit)` that calls visit("name", self.member) for each
// member, in a fixed order. The JSON form, its schema, equality of snapshots and redaction are all
// made from that one list, so that none can forget a field.
#pragma once

// BULKHEAD_FIELDS(f(name), f(mtu)) inside a struct writes that function. The macro is the one place
// where a member's name becomes its name in JSON.
#define BULKHEAD_FIELDS(...)                      \
  template <class Self, class Visit>              \
  static void fields(Self& self, Visit&& visit) { \
    __VA_ARGS__                                   \
  }
#define BULKHEAD_F(member) visit(#member, self.member);
