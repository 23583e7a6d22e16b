#include "notify/deliver.h"

#include <unistd.h>

namespace bulkhead::notify {
namespace {

std::string mail_of(const Receiver& receiver, const Message& message) {
  return "To: " + receiver.address + "\nSubject: " + message.subject +
         "\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
         "Auto-Submitted: auto-generated\n\n" +
         message.text;
}

Status mail(const Receiver& receiver, const Message& message) {
  for (const char* program : {"/usr/sbin/sendmail", "/usr/lib/sendmail"}) {
    if (::access(program, X_OK) == 0)
      return run_program({program, "-i", "--", receiver.address}, mail_of(receiver, message));
  }
  return fail(ErrorCode::kUnavailable, "no /usr/sbin/sendmail on this machine");
}

Status deliver_by_way(const Receiver& receiver, const Message& message) {
  switch (receiver.way) {
    case Way::kWebhook: return post(receiver.url, message.json);
    case Way::kMail: return mail(receiver, message);
    case Way::kProgram: return run_program({receiver.program}, message.json);
  }
  return fail(ErrorCode::kInternal, "no such way");
}

}  // namespace

Status deliver(const Receiver& receiver, const Message& message) {
  if (auto told = deliver_by_way(receiver, message); !told)
    return within(shown(receiver), told.error());
  return {};
}

}  // namespace bulkhead::notify
